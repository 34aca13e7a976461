"""Intervals for what a handful of episodes can tell. Pure, and seeded where it draws."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

_AT_ONCE = 1 << 22
"""Values drawn at once, which bounds the memory."""


@dataclass(frozen=True, slots=True)
class Interval:
    """An estimate and the bounds of its 95 % confidence interval."""

    value: float
    low: float
    high: float


def proportion(successes: float, n: int) -> Interval:
    """Wilson's score interval, which stays inside [0, 1] and is honest for few episodes (Wilson 1927).

    Where cases succeed in part, as when a rater agrees with some of the others, their sum may be a fraction.
    """
    if n == 0:
        return Interval(math.nan, math.nan, math.nan)
    z = 1.959964
    p = successes / n
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    return Interval(p, max(0.0, centre - half), min(1.0, centre + half))


def mean(values: Sequence[float], *, seed: int = 0, resamples: int = 2000) -> Interval:
    """Percentile bootstrap of the mean (Efron 1979). One value gives an interval of no width: it says nothing.

    The values are taken to be independent. Where several belong together, such as the episodes of one training
    run, give the mean of each such cluster.
    """
    return _bootstrap(values, np.mean, seed, resamples)


def median(values: Sequence[float], *, seed: int = 0, resamples: int = 2000) -> Interval:
    """Percentile bootstrap of the median; as `mean`."""
    return _bootstrap(values, np.median, seed, resamples)


def _bootstrap(values: Sequence[float], statistic: Callable[..., Any], seed: int, resamples: int) -> Interval:
    if not values:
        return Interval(math.nan, math.nan, math.nan)
    sample = np.asarray(values, dtype=float)
    chance, most = np.random.default_rng(seed), max(1, _AT_ONCE // sample.size)
    sizes = [min(most, resamples - drawn) for drawn in range(0, resamples, most)]
    draws = np.concatenate([statistic(chance.choice(sample, size=(size, sample.size)), axis=1) for size in sizes])
    low, high = np.percentile(draws, (2.5, 97.5))
    return Interval(float(statistic(sample)), float(low), float(high))


def paired_difference(before: Sequence[float], after: Sequence[float], *, seed: int = 0) -> Interval:
    """Mean of `after - before` over the same episodes. Raises `ValueError` where the lengths differ."""
    return mean([b - a for a, b in zip(before, after, strict=True)], seed=seed)
