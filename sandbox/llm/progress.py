"""How fetching and converting a model says how far it has come."""

from __future__ import annotations

from collections.abc import Callable

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much is done, and out of how much; 0 where that is not known."""


def no_progress(stage: str, done: int, total: int) -> None:
    """Say nothing."""
