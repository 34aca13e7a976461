"""How a language model does, for people to see."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True)
class ServerState:
    """How a server does."""

    kind: Literal["ok", "slow", "away"] = "ok"
    reason: str = ""

    def __str__(self) -> str:
        return f"{self.kind}: {self.reason}" if self.reason else self.kind


def state_of(model: object) -> ServerState:
    """The state of a model on a server or in another process, also through wrappers; any other is always `ok`."""
    found = getattr(model, "state", None)
    return found if isinstance(found, ServerState) else ServerState()
