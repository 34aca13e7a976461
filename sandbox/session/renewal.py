"""A world whose file is edited while it is played."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import files
from sandbox.types import World
from sandbox.world.reload import Difference


@dataclass(frozen=True, slots=True)
class RenewalOutcome:
    """How an episode went on in the edited world."""

    given: int
    """Commands of the episode."""
    carried: int
    """How many of them could be given again."""
    difference: Difference | None
    """Where the story first reads otherwise."""


class Renewal:
    """Sees that a world's file has changed, and opens it anew.

    Args:
        file: the file that the world was read from.
        read: makes the world of what the file holds now.
    """

    def __init__(self, file: Path, read: Callable[[], World[Any]]) -> None:
        self._file = file
        self.read = read
        """Makes the world of what the file holds now."""
        self._stamp = self._now()
        self.outcome: RenewalOutcome | None = None
        """What came of the latest renewal; None where it failed."""

    @property
    def due(self) -> bool:
        """Whether the file has changed since it was last read, successfully or not."""
        return self._now() not in (self._stamp, None)

    def world(self) -> World[Any]:
        """The world as it is now. Raises `WorldFileError` where it cannot be used; then it is not due again."""
        self._stamp, self.outcome = self._now(), None
        return self.read()

    def _now(self) -> object:
        return files.stamp(self._file)  # None for a moment, while an editor puts another file in its place
