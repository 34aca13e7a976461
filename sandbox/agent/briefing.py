"""What an agent is told beside what its seat perceives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Briefing:
    """Words of a person, who else plays, and somebody to ask whether a command makes sense."""

    advice: tuple[str, ...] = ()
    """What a person wants it to do, oldest first; it stands right before the agent's next command."""
    partners: tuple[str, ...] | None = None
    """Names of the other seats, who hear what is said; empty for a seat alone, None where nobody can say."""
    understood: Callable[[str], bool] | None = None
    """Whether the world understands a command here, tried on a copy; None where nobody can say."""


NOTHING = Briefing()
