"""The rounds that are over, counted as far as anything asks for them."""

from __future__ import annotations

import math
from dataclasses import dataclass


@dataclass(slots=True)
class RoundsClock:
    """Counts the rounds that are over as far as any condition tells them apart: then it goes round in a circle."""

    number: int = -1
    """Its place among `Core.clocks`; -1 where no condition asks for it."""
    bound: int = 0
    """From here on only the place in the circle matters."""
    circle: int = 1

    def asked(self, bound: int, of: int | None) -> None:
        """Take note of a condition, about a number of rounds or about a part of a circle."""
        self.number = max(self.number, 0)
        if of is None:
            self.bound = max(self.bound, bound + 1)
        else:
            self.circle = math.lcm(self.circle, of)

    def after(self, count: int) -> int:
        """The count one round later."""
        return count + 1 if count + 1 < self.bound + self.circle else self.bound
