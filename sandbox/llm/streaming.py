"""What a language model writes, heard while it writes it; and the wish that it stop.

A listener belongs to the thread that asks, so that no protocol between a person and the model needs to know of it.
A model that writes token by token calls `tell` after each; one that cannot, on a server or out of a cache, tells
nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar

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
