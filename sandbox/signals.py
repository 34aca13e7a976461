"""Signals that end a program, kept out of what has to be done as a whole."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

_ENDING = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def held() -> Iterator[None]:
    """Have Ctrl+C, SIGTERM and SIGHUP wait until a short piece of work is done; their handlers are called then.

    A handler that raises does so between any two instructions. Within a transaction it leaves SQLite
    locked, and what agents have learned ahead of what is written. Only handlers that are in force are held back.
    On other threads than the main one no handler is called, and nothing needs to be held.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    handlers = {number: handler for number in _ENDING if callable(handler := signal.getsignal(number))}
    for number in handlers:
        signal.signal(number, lambda each, _frame: came.append(each))
    try:
        yield
    finally:
        for number, handler in handlers.items():
            signal.signal(number, handler)
        for each in came:
            signal.raise_signal(each)
