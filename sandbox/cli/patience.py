"""For commands that take their time: saying so, and being stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic
from typing import Any, Protocol

from rich.console import Console
from rich.progress import Progress, ProgressColumn

PATIENCE = 2.0
"""Seconds before it is said what a person is waiting for."""
EVERY = 10.0
"""Seconds between two lines about it."""


@contextmanager
def stopping() -> Iterator[list[bool]]:
    """Ctrl+C ends what is under way, and no more than that; the list is no longer empty then."""
    stopped: list[bool] = []
    try:
        yield stopped
    except KeyboardInterrupt:
        stopped.append(True)
        print("\n[stopped]", flush=True)


class Waiting:
    """Says on standard error what is under way, once it has taken some seconds, and again every ten.

    Args:
        doing: what that is.
        first: seconds before the first line.
    """

    def __init__(self, doing: str, first: float) -> None:
        self._doing = doing
        self._first = first
        self._done = Event()
        self._since = monotonic()

    def say(self, doing: str) -> None:
        """Something else is under way now, or it has come further."""
        self._doing = doing

    def run(self) -> None:
        """Until `end` is called, on a thread of its own."""
        wait = self._first
        while not self._done.wait(wait):
            print(f"{self._doing}: {monotonic() - self._since:.0f} s so far", file=sys.stderr, flush=True)
            wait = EVERY

    def end(self) -> None:
        self._done.set()


@contextmanager
def waiting(doing: str, first: float | None = None) -> Iterator[Waiting]:
    """While the block runs, see `Waiting`."""
    told = Waiting(doing, PATIENCE if first is None else first)
    Thread(target=told.run, daemon=True).start()
    try:
        yield told
    finally:
        told.end()


class Bars(Protocol):
    """How far several things have come: `rich.progress.Progress`, or `Lines` where nothing can be drawn."""

    def add_task(self, description: str, *, total: float | None, **fields: Any) -> Any:
        """Something to be followed, by the number that this gives."""

    def update(self, task_id: Any, **news: Any) -> None:
        """It has come further: `advance`, `completed`, `total`, `description`, `status`."""


class Lines:
    """Bars for a log: every ten seconds a line about what has come further last."""

    def __init__(self, waiting: Waiting) -> None:
        self._waiting = waiting
        self._tasks: list[dict[str, Any]] = []

    def add_task(self, description: str, *, total: float | None, **fields: Any) -> int:
        self._tasks.append({"description": description, "total": total, "completed": 0, **fields})
        self.update(len(self._tasks) - 1)
        return len(self._tasks) - 1

    def update(self, task_id: int, *, advance: float = 0, **news: Any) -> None:
        task = self._tasks[task_id]
        task |= news
        task["completed"] += advance
        count = f"{task['completed']:g} of {task['total']:g}" if task["total"] else ""
        self._waiting.say(", ".join(filter(None, (task["description"], count, task.get("status", "")))))


@contextmanager
def bars(*columns: ProgressColumn, console: Console) -> Iterator[Bars]:
    """Bars of these columns while the block runs; where the console is no terminal, `Lines`."""
    if console.is_terminal:
        with Progress(*columns, console=console, transient=True) as drawn:
            yield drawn
    else:
        with waiting("", EVERY) as told:
            yield Lines(told)
