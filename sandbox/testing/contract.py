"""What the checkers share."""

from __future__ import annotations

from collections.abc import Sequence


class ContractError(AssertionError):
    """What was checked does not keep a promise of the protocol; the message says which, and how to get there."""


def require(condition: bool, promise: str, *, after: Sequence[str] = ()) -> None:
    """Raise `ContractError` unless the condition holds.

    Args:
        condition: what must hold.
        promise: what was promised, in words.
        after: the commands that led to the place where it was broken.
    """
    if not condition:
        way = f" (after: {', '.join(after)})" if after else ""
        raise ContractError(promise + way)
