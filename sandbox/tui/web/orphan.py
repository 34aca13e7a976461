"""A game whose server is gone must not stay behind."""

from __future__ import annotations

import os
import signal
import time
from threading import Thread

_EVERY = 1.0
"""Seconds."""


def end_with_parent() -> None:
    """From now on, leave the game as soon as the process that started this one has ended."""
    parent = os.getppid()

    def watch() -> None:
        while os.getppid() == parent:
            time.sleep(_EVERY)
        os.kill(os.getpid(), signal.SIGTERM)

    Thread(target=watch, name="orphan", daemon=True).start()
