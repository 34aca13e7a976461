"""Prioritised experience replay (Schaul et al., ICLR 2016), proportional variant."""

from __future__ import annotations

from typing import Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

T = TypeVar("T")


class Replay(Generic[T]):
    """A ring of experiences, drawn with probability proportional to priority ** alpha.

    Args:
        capacity: the newest that are kept.
        alpha: 0 draws uniformly, 1 fully by priority.
        beta: 1 corrects all of the bias that the priorities bring in, 0 none.
    """

    def __init__(self, capacity: int, *, alpha: float = 0.6, beta: float = 0.4) -> None:
        self._capacity = capacity
        self._alpha = alpha
        self._beta = beta
        self._items: list[T] = []
        self._weights = np.zeros(capacity)
        self._next = 0

    def __len__(self) -> int:
        return len(self._items)

    def add(self, item: T) -> int:
        """Keep an experience, at the highest priority there is, so that it is drawn soon; gives its index."""
        index = self._next
        self._weights[index] = max(self._weights.max(), 1.0)
        if index == len(self._items):
            self._items.append(item)
        else:
            self._items[index] = item
        self._next = (index + 1) % self._capacity
        return index

    def draw(self, n: int, rng: np.random.Generator) -> tuple[list[int], list[T], NDArray[np.float64]]:
        """n experiences with replacement: their indices, themselves, and the weights that correct for the bias."""
        weights = self._weights[: len(self._items)]
        chances = weights / weights.sum()
        indices = rng.choice(len(self._items), size=n, p=chances)
        corrections = (len(self._items) * chances[indices]) ** -self._beta
        return [int(i) for i in indices], [self._items[i] for i in indices], corrections / corrections.max()

    def prioritise(self, index: int, error: float) -> None:
        """Set an experience's priority from the size of its temporal-difference error."""
        self._weights[index] = (abs(error) + 1e-3) ** self._alpha
