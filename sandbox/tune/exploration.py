"""Explorations as they are kept: one for each world and seed, in the user's cache, to be gone on with."""

from __future__ import annotations

import copy
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox import files
from sandbox.abilities import Glimpsed
from sandbox.errors import SaveError, UsageError
from sandbox.machine import cores
from sandbox.paths import cache_dir
from sandbox.tune.explorer import AT_ONCE, Explorer, Milestone
from sandbox.types import World

EXPLORED_SEED = 0
"""Of the explorations that rounds learn from: for a story the one of its walkthrough."""
_KEEP_EVERY = 60.0
"""Seconds after which what was found is written down."""


def kept_in(world: World[Any], seed: int) -> Path:
    """The file of the user's cache that holds the exploration of a world."""
    return cache_dir() / "explore" / f"{world.fingerprint[:24]}-{seed}.json"


def best_way(world: World[Any], seed: int) -> tuple[str, ...]:
    """The best commands of the exploration that is kept, shortened. Raises `SaveError` where there is none."""
    file = kept_in(world, seed)
    if not file.is_file():
        raise SaveError(f"{world.name} has not been explored", hint=f"`sandbox explore {world.name}` does that")
    return Explorer.load(world, file.read_bytes()).shortened()


class Exploration:
    """The exploration of a world, gone on with from where it is kept, on several cores where that is of use.

    Args:
        world: for one seat. It stays the caller's.
        seed: of the world and of the exploration.
        fresh: whether to forget what is kept, and begin anew.

    Raises:
        UsageError: the world has several seats.
        SaveError: what is kept cannot be read.
    """

    def __init__(self, world: World[Any], seed: int = EXPLORED_SEED, *, fresh: bool = False) -> None:
        if len(world.seats) != 1:
            raise UsageError(f"{world.name} has {len(world.seats)} seats", hint="name a world for one")
        self._file = kept_in(world, seed)
        if fresh:
            self._file.unlink(missing_ok=True)
        more = min(cores(), AT_ONCE) - 1 if isinstance(world, Glimpsed) else 0
        self._copies = [copy.deepcopy(world) for _ in range(more)]
        if self._file.is_file():
            self.explorer = Explorer.load(world, self._file.read_bytes(), self._copies)
        else:
            self.explorer = Explorer(world, seed, self._copies)

    def run(
        self,
        steps: int,
        *,
        stop: Callable[[], bool] = lambda: False,
        told: Callable[[Milestone], None] = lambda milestone: None,
    ) -> None:
        """As `Explorer.run`. What was found is kept, every minute and whatever ends it."""
        kept = time.monotonic()

        def heard(milestone: Milestone) -> None:
            nonlocal kept
            told(milestone)
            if time.monotonic() > kept + _KEEP_EVERY:
                self._keep()
                kept = time.monotonic()

        try:
            self.explorer.run(steps, stop=stop, told=heard)
        finally:
            self._keep()

    def close(self) -> None:
        """Let go of the world's copies."""
        for each in self._copies:
            each.close()

    def _keep(self) -> None:
        files.write_bytes(self._file, self.explorer.dump())
