"""How to choose from scores: greedy, epsilon-greedy and softmax (Sutton & Barto, 2nd ed., ch. 2), with schedules.

Ties are broken by the generator, not by position: among equal scores every command has the same chance, so that an
agent that knows nothing is the uniform random one.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from sandbox.ranges import in_range

Shape = Literal["constant", "linear", "exponential"]
Unit = Literal["episodes", "steps"]


@dataclass(frozen=True, slots=True)
class Schedule:
    """A number that moves from `start` to `end` within `over` units, and stays there.

    Linear moves by equal amounts, exponential by equal factors (both ends must then be above 0).
    """

    start: float
    end: float
    over: int = 1
    unit: Unit = "episodes"
    shape: Shape = "linear"

    @classmethod
    def constant(cls, value: float) -> Schedule:
        return cls(value, value, shape="constant")

    def at(self, *, steps: int, episodes: int) -> float:
        """The value after so many steps and finished episodes."""
        if self.shape == "constant":
            return self.start
        done = min((episodes if self.unit == "episodes" else steps) / max(self.over, 1), 1.0)
        if self.shape == "linear":
            return self.start + (self.end - self.start) * done
        return math.exp((1 - done) * math.log(self.start) + done * math.log(self.end))


def greedy(scores: Sequence[float], rng: np.random.Generator) -> int:
    """Index of the highest score; among equals, any with the same probability."""
    best = np.flatnonzero(np.asarray(scores) == max(scores))
    return int(rng.choice(best))


def epsilon_greedy(scores: Sequence[float], epsilon: float, rng: np.random.Generator) -> tuple[int, bool]:
    """An index, and whether it was drawn uniformly (with probability epsilon) instead of greedily."""
    in_range("epsilon", epsilon, 0, 1)
    if rng.random() < epsilon:
        return int(rng.integers(len(scores))), True
    return greedy(scores, rng), False


def softmax(scores: Sequence[float], temperature: float = 1.0) -> list[float]:
    """Probabilities proportional to exp(score / temperature)."""
    in_range("temperature", temperature, 0, above=True)
    logits = np.asarray(scores, dtype=float) / temperature
    weights = np.exp(logits - logits.max())
    return [float(weight) for weight in weights / weights.sum()]


def sample_softmax(scores: Sequence[float], temperature: float, rng: np.random.Generator) -> int:
    """An index drawn from the softmax; a temperature of 0 is greedy."""
    in_range("temperature", temperature, 0)
    if temperature == 0:
        return greedy(scores, rng)
    return int(rng.choice(len(scores), p=softmax(scores, temperature)))
