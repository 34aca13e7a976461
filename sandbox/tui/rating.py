"""What the rating screen asks, and where the answers go."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from textual.content import Content
from textual.message import Message

if TYPE_CHECKING:
    from sandbox.feedback.queue import Choice
    from sandbox.tui.worker import News
    from sandbox.types import Exchange


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """What a person is to judge now."""

    question: str
    exchanges: Sequence[Exchange]
    """What the seat had lived through."""
    goal: str
    answers: tuple[str, ...]
    """In the order in which they are shown."""
    place: str = ""
    """Which save and turn it is."""


class RatingController(Protocol):
    """Knows what is asked. Its methods are for the screen's thread."""

    @property
    def asked(self) -> Asked | None:
        """None while there is nothing to judge."""

    @property
    def blind(self) -> bool:
        """Whether there is something to be revealed yet."""

    @property
    def over(self) -> bool:
        """Whether all was revealed, and nothing can be changed any more."""

    @property
    def head(self) -> str:
        """How far the person is."""

    @property
    def told(self) -> Content:
        """What to show where nothing is asked."""

    def open(self, post: Callable[[Message], object]) -> None:
        """Begin. `post` delivers a message to the screen from any thread."""

    def take(self, news: News) -> None:
        """Keep what a message says."""

    def answer(self, choice: Choice | None) -> None:
        """Record a choice, or pass by None, and go on. Raises `SandboxError`, and then stays."""

    def undo(self) -> bool:
        """Take the last answer back. Returns False where there is none. Raises `SandboxError`."""

    def reveal(self) -> None:
        """Tell what was hidden; nothing is asked any more then."""

    def close(self) -> None:
        """Let go of what works in the background."""
