"""What a language model writes, heard while it writes it; and the wish that it stop.

A listener belongs to the thread that asks, so that no protocol between a person and the model needs to know of it.
A model that writes token by token calls `tell` after each; one that cannot, on a server or out of a cache, tells
nothing.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from functools import partial

Listener = Callable[[Sequence[str]], None]
"""Is given what each sample says so far. To raise `StoppedError` stops the model before its next token."""

_listener: ContextVar[Listener | None] = ContextVar("listener", default=None)


class StoppedError(Exception):
    """Nobody wants to hear the rest."""


@contextmanager
def streaming(listener: Listener) -> Iterator[None]:
    """Hear what models write on this thread meanwhile."""
    token = _listener.set(listener)
    try:
        yield
    finally:
        _listener.reset(token)


def tell(texts: Sequence[str]) -> None:
    """Let whoever listens on this thread hear what has been written so far."""
    listener = _listener.get()
    if listener is not None:
        listener(texts)


class Voices:
    """What several samples say so far, each heard by itself and all told together.

    Made on the thread that asks; its parts may be told from any.

    Args:
        size: how many samples.
    """

    def __init__(self, size: int) -> None:
        self._listener = _listener.get()
        self._texts = [""] * size
        self._lock = threading.Lock()

    def part(self, start: int) -> Listener | None:
        """What hears the samples from one on; None where nobody listens."""
        return None if self._listener is None else partial(self._tell, start)

    def _tell(self, start: int, texts: Sequence[str]) -> None:
        with self._lock:
            self._texts[start : start + len(texts)] = texts
            if self._listener is not None:
                self._listener(tuple(self._texts))
