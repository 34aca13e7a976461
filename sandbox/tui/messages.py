"""What the session's thread tells the screen. Values only: no message carries the session itself, and none but
`StartWanted` goes further than the screen.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from textual.message import Message

if TYPE_CHECKING:
    from sandbox.session.view import View
    from sandbox.types import Decision


class Opening(Message, bubble=False):
    """What is being done to open the session: a world compiled, a model loaded."""

    def __init__(self, doing: str) -> None:
        super().__init__()
        self.doing = doing


class Loaded(Message, bubble=False):
    """The session is open and can be played."""

    def __init__(self, view: View) -> None:
        super().__init__()
        self.view = view


class Decided(Message, bubble=False):
    """The agent has made up its mind. Worth nothing when `generation` is not the driver's any more."""

    def __init__(self, decision: Decision, generation: int) -> None:
        super().__init__()
        self.decision = decision
        self.generation = generation


class Heard(Message, bubble=False):
    """What the agent's language model has written so far, a text for each sample."""

    def __init__(self, texts: Sequence[str], generation: int) -> None:
        super().__init__()
        self.texts = tuple(texts)
        self.generation = generation


class Changed(Message, bubble=False):
    """Something was done to the session; this is how it stands now."""

    def __init__(self, view: View, doing: str) -> None:
        super().__init__()
        self.view = view
        self.doing = doing


class Answered(Message, bubble=False):
    """What was asked about is known. `generation` is the driver's at the time of asking."""

    def __init__(self, about: str, answer: object, generation: int) -> None:
        super().__init__()
        self.about = about
        self.answer = answer
        self.generation = generation


class Failed(Message, bubble=False):
    """A job raised. The session stands as it did before."""

    def __init__(self, error: Exception, doing: str, generation: int, *, asked: bool = False) -> None:
        super().__init__()
        self.asked = asked
        """Whether it was a question, which changes nothing."""
        self.error = error
        self.doing = doing
        self.generation = generation


class StartWanted(Message):
    """The player wants to leave this game for the start screen."""
