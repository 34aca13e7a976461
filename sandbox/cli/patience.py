"""For commands that take their time: saying so, and being stopped."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Event, Thread
from time import monotonic

PATIENCE = 2.0
"""Seconds before it is said what is being waited for."""


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
    """Says on standard error what is under way once it has taken two seconds, and again every ten."""

    def __init__(self, doing: str) -> None:
        self._doing = doing
        self._done = Event()
        self._since = monotonic()

    def say(self, doing: str) -> None:
        """Something else is under way now."""
        self._doing = doing

    def run(self) -> None:
        """Until `end` is called, on a thread of its own."""
        wait = PATIENCE
        while not self._done.wait(wait):
            print(f"{self._doing}: {monotonic() - self._since:.0f} s so far", file=sys.stderr, flush=True)
            wait = 5 * PATIENCE

    def end(self) -> None:
        self._done.set()


@contextmanager
def waiting(doing: str) -> Iterator[Waiting]:
    """While the block runs, see `Waiting`."""
    told = Waiting(doing)
    Thread(target=told.run, daemon=True).start()
    try:
        yield told
    finally:
        told.end()
