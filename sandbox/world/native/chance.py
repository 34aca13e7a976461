"""Chance: drawn from the state's generator when a world is played, enumerated when it is reasoned about."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

_MASK = (1 << 64) - 1
_GOLDEN = 0x9E3779B97F4A7C15


def mix(value: int) -> int:
    """The finaliser of splitmix64 (Steele, Lea and Flood 2014): any integer to 64 well-mixed bits."""
    value = (value + _GOLDEN) & _MASK
    value = ((value ^ (value >> 30)) * 0xBF58476D1CE4E5B9) & _MASK
    value = ((value ^ (value >> 27)) * 0x94D049BB133111EB) & _MASK
    return value ^ (value >> 31)


class Dice(Protocol):
    """Where random choices come from."""

    def draw(self, weights: Sequence[int]) -> int:
        """An index, with probability proportional to its weight."""


class Generator:
    """splitmix64; `state` goes back into the world's state."""

    __slots__ = ("state",)

    def __init__(self, state: int) -> None:
        self.state = state

    def draw(self, weights: Sequence[int]) -> int:
        """An index, with probability proportional to its weight (to within 2**-40)."""
        self.state = (self.state + _GOLDEN) & _MASK
        point = (mix(self.state) * sum(weights)) >> 64
        for index, weight in enumerate(weights):
            point -= weight
            if point < 0:
                return index
        raise AssertionError("weights are positive")


class Script:
    """Makes the choices it is told, then the first of each; remembers all, so that every run can be listed."""

    __slots__ = ("choices", "taken")

    def __init__(self, choices: Sequence[int]) -> None:
        self.choices = choices
        self.taken: list[tuple[int, Sequence[int]]] = []

    def draw(self, weights: Sequence[int]) -> int:
        """The next choice of the script."""
        index = self.choices[len(self.taken)] if len(self.taken) < len(self.choices) else 0
        self.taken.append((index, weights))
        return index

    @property
    def probability(self) -> float:
        """The probability of the choices made."""
        product = 1.0
        for index, weights in self.taken:
            product *= weights[index] / sum(weights)
        return product

    def following(self) -> list[int] | None:
        """The next run's choices in order; None when there are no more."""
        taken = [(index, len(weights)) for index, weights in self.taken]
        while taken:
            index, size = taken.pop()
            if index + 1 < size:
                return [*(i for i, _ in taken), index + 1]
        return None
