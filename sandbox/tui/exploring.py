"""The only way from the screen to the exploration of the world that is played. It goes on whatever is in front."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from threading import Event
from typing import Any

from textual.message import Message

from sandbox.tui.worker import BackgroundWorker, News
from sandbox.tune.explorer import Explorer
from sandbox.types import World
from sandbox.world.map import FloorPlan

_EVERY = 0.5
"""Seconds between two reports, at least."""
_POINTS = 120
"""Values of the curve."""
_DRAWN = 100
"""Places on the map, the first ones found: more could neither be read nor drawn while the screen waits."""
_FOR_EVER = 1_000_000_000


@dataclass(frozen=True, slots=True)
class ExploredView:
    """How an exploration stands."""

    title: str
    running: bool
    finished: bool
    """Whether nothing better can be found."""
    steps: int
    places: int
    cells: int
    best: float
    won: bool
    way: tuple[str, ...]
    """The best commands."""
    curve: tuple[float, ...]
    """The best score after equal numbers of steps."""
    plan: FloorPlan
    stopping: bool = False


@dataclass
class ExploredNews(News):
    """An exploration has come further, or has ended."""

    view: ExploredView | None = None
    error: Exception | None = None


class ExploreController:
    """Explores a world in the background. Its methods are for the screen's thread.

    Args:
        post: delivers a message to a screen from any thread.
    """

    def __init__(self, post: Callable[[Message], object]) -> None:
        self.view: ExploredView | None = None
        self.running = False
        self._worker = BackgroundWorker(post)
        self._stop = Event()
        self._world: World[Any] | None = None

    def prepare(self, world: World[Any]) -> None:
        """Explore this world from now on: one of the controller's own, which nobody else plays."""
        self._world = world
        self._do(0)

    @property
    def prepared(self) -> bool:
        return self._world is not None

    def start(self) -> None:
        """Explore on from what is kept."""
        if not self.running:
            self.running = True
            self._stop.clear()
            self._do(_FOR_EVER)

    def cancel(self) -> None:
        """Stop, and keep what was found."""
        self._stop.set()
        if self.view is not None and self.running:
            self.view = replace(self.view, stopping=True)

    def take(self, news: ExploredNews) -> None:
        """Keep what a message says."""
        if news.view is not None:
            self.view = replace(news.view, stopping=news.view.running and self._stop.is_set())
        self.running = news.view is not None and news.view.running

    def close(self) -> None:
        """Stop, without waiting for it; what was found is kept."""
        self._stop.set()
        if self._world is not None:
            self._worker.submit("explore", self._world.close)
        self._worker.close("explore")

    def _do(self, steps: int) -> None:
        world = self._world
        assert world is not None, "prepared before"

        def job() -> None:
            from sandbox.tune.exploration import Exploration

            exploration = Exploration(world)
            explorer, told = exploration.explorer, 0.0

            def tell(running: bool) -> None:
                nonlocal told
                if not running or time.monotonic() > told + _EVERY:
                    self._worker.tell(ExploredNews(_seen(explorer, running)))
                    told = time.monotonic()

            try:
                if steps:
                    tell(True)
                    exploration.run(steps, stop=self._stop.is_set, told=lambda now: tell(True))
                tell(False)
            finally:
                exploration.close()

        self._worker.submit("explore", job, lambda error: ExploredNews(error=error))


def _seen(explorer: Explorer, running: bool) -> ExploredView:
    from sandbox.session.chart import explored

    return ExploredView(
        title=explorer.world.title,
        running=running,
        finished=explorer.finished,
        steps=explorer.steps,
        places=len(explorer.places),
        cells=explorer.cells,
        best=explorer.best_score,
        won=explorer.won,
        way=explorer.best,
        curve=evenly([(each.steps, each.best) for each in explorer.curve], explorer.steps),
        plan=explored(tuple(islice(explorer.places, _DRAWN)), explorer.ways),
    )


def evenly(curve: Sequence[tuple[int, float]], steps: int) -> tuple[float, ...]:
    """A curve of (steps, value) that holds until its next point, as values after equal numbers of steps."""
    values: list[float] = []
    for point in range(1, _POINTS + 1):
        until = steps * point / _POINTS
        known = [value for at, value in curve if at <= until]
        values += known[-1:]
    return tuple(values)
