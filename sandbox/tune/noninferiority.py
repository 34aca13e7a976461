"""How sure one can be that what came after is not worse: bounds on a mean paired difference, and episodes needed.

Differences are those of clusters: the episodes of one world count as one, by their mean, as they have much in
common. All lie in [-1, 1].
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from statistics import NormalDist

import numpy as np

TOLERANCE = 0.05
"""How much worse counts as not worse: the share of wins, and of the highest score."""
CONFIDENCE = 0.9
"""Of the bounds that decide, one-sided."""
POWER = 0.8
"""How likely an adapter that is no worse should be told to be so, where the needed episodes are worked out."""


@dataclass(frozen=True, slots=True)
class OneSidedBounds:
    """A mean difference between one-sided confidence bounds."""

    value: float
    low: float
    high: float


def limits(differences: Sequence[float], confidence: float) -> OneSidedBounds:
    """One-sided bounds, each at this confidence, on the mean of paired differences.

    The adjusted Wald interval of Bonett & Price (2012) for paired proportions: one difference each way is added,
    so that few differences give no false certainty. Where nothing differs at all the bound is the exact one: a
    larger change would have shown (the "rule of three", Hanley & Lippman-Hand 1983).
    """
    n = len(differences)
    if not n:
        return OneSidedBounds(math.nan, -1.0, 1.0)
    value = math.fsum(differences) / n
    if not any(differences):
        silent = 1 - (1 - confidence) ** (1 / n)
        return OneSidedBounds(value, -silent, silent)
    z = NormalDist().inv_cdf(confidence)
    centre = math.fsum(differences) / (n + 2)
    spread = (math.fsum(each * each for each in differences) + 2) / (n + 2) - centre * centre
    half = z * math.sqrt(max(spread, 0.0) / (n + 2))
    return OneSidedBounds(value, max(-1.0, centre - half), min(1.0, centre + half))


LOOKS = (0.25, 0.5, 0.75, 1.0)
"""Shares of the clusters after which it is looked whether they are enough; the last look is at all of them."""


@lru_cache(maxsize=16)
def boundaries(confidence: float, shares: tuple[float, ...] = LOOKS) -> tuple[float, ...]:
    """The confidence that each look has to ask for, so that all looks together err as seldom as one would at this.

    Lan & DeMets (1983), with the spending of O'Brien & Fleming: early looks ask for nearly everything, the last
    for little more than a single one would. The sum of the differences is taken for a random walk; on a grid, the
    distribution of the walks that no look has stopped goes from look to look.

    Args:
        confidence: of all looks together, one-sided.
        shares: of the data at each look, ascending; the last is 1.
    """
    normal, alpha = NormalDist(), 1 - confidence
    grid = np.linspace(-8, 8, 2001)
    width = grid[1] - grid[0]
    walking, seen, spent = np.where(grid == grid[len(grid) // 2], 1 / width, 0.0), 0.0, 0.0
    found = []
    for share in shares:
        step = np.exp(-((grid[:, None] - grid) ** 2) / (2 * (share - seen))) / math.sqrt(
            2 * math.pi * (share - seen)
        )
        walking = step @ walking * width
        total = 2 * (1 - normal.cdf(normal.inv_cdf(1 - alpha / 2) / math.sqrt(share)))
        beyond = np.cumsum(walking[::-1])[::-1] * width
        boundary = float(grid[np.searchsorted(-beyond, spent - total)])
        found.append(normal.cdf(boundary / math.sqrt(share)))
        walking = np.where(grid < boundary, walking, 0.0)
        seen, spent = share, total
    return tuple(found)


def fewest(tolerance: float, confidence: float) -> int:
    """Clusters below which even no difference at all says nothing: 45 for 5 points and 90 %."""
    return math.ceil(math.log(1 - confidence) / math.log(1 - tolerance) - 1e-9)


def needed(differences: Sequence[float], tolerance: float, confidence: float) -> int:
    """Clusters that it would take to tell, should there be no difference on average and go on as it went so far.

    Args:
        differences: so far.
        tolerance: how much worse is not worse.
        confidence: of the bound.

    The usual size of a trial of non-inferiority: the bound is within the tolerance with a probability of `POWER`.
    """
    if not any(differences):
        return fewest(tolerance, confidence)
    n = len(differences)
    spread = (math.fsum(each * each for each in differences) + 1) / (n + 1)
    z = NormalDist().inv_cdf(confidence) + NormalDist().inv_cdf(POWER)
    return max(fewest(tolerance, confidence), math.ceil(z * z * spread / tolerance**2))
