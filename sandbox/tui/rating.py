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
class Remark:
    """What a person adds to an answer."""

    comment: str = ""
    reasons: tuple[str, ...] = ()
    instead: str = ""
    """The command that should have been among the answers."""
    margin: int = 0
    """How much better the answer is, from 1; 0 where that was not asked."""


NOTHING = Remark()


@dataclass(frozen=True, slots=True, kw_only=True)
class Offered:
    """What may be added to an answer."""

    reasons: tuple[str, ...] = ()
    skip_reasons: tuple[str, ...] = ()
    """Why a question may be skipped; with none, no reason is asked for."""
    scale: int = 0
    """Steps of how much better an answer is; below 2 it is not asked."""
    instead: bool = False
    """Whether another command may be named."""
    guidelines: str = ""
    """To be read first."""


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
    def offered(self) -> Offered:
        """What may be added to an answer."""

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

    def answer(self, choice: Choice | None, remark: Remark = NOTHING) -> None:
        """Record a choice, or pass by None, and go on. Raises `SandboxError`, and then stays."""

    def undo(self) -> bool:
        """Take the last answer back. Returns False where there is none. Raises `SandboxError`."""

    def reveal(self) -> None:
        """Tell what was hidden; nothing is asked any more then."""

    def close(self) -> None:
        """Let go of what works in the background."""
