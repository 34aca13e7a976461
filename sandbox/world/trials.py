"""What a story that commands are tried on has to offer, and what comes of it."""

from __future__ import annotations

from typing import Any, NamedTuple, Protocol

Effect = tuple[str, int, bool, bool]
"""World hash, score, whether it ended, whether a key is wanted."""


class TrialMachine(Protocol):
    """A story that can be tried out: it stands at a state, and can be brought back to it."""

    def mark(self) -> Any: ...

    def go_to(self, mark: Any) -> None: ...

    def effect(self) -> Effect: ...

    def try_out(self, command: str, *, press: bool = False) -> str | None: ...


class Trials(NamedTuple):
    """What was found at a state."""

    commands: list[str]
    """One for each effect, sorted."""
    things: list[str]
    """What can be spoken of there."""
    asked: list[str]
    """Things that have something to say about a topic."""
    shown: list[str]
    """Digests of the effects and answers that these commands have."""
