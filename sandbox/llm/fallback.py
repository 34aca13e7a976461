"""What plays while a remote language model is away."""

from __future__ import annotations

import math
import threading
from collections.abc import Callable, Sequence
from typing import Any, Protocol

from sandbox.errors import ModelError
from sandbox.llm.chatml import chats
from sandbox.llm.questions import Answering, Continue, Question, ask
from sandbox.llm.state import ServerState
from sandbox.types import LanguageModel, OptionScore


class UniformModel(Answering):
    """A `LanguageModel` that knows nothing: all options are equally likely, and it writes none of its own."""

    name = "none@uniform"

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        options = [() if isinstance(each, Continue) else each.options for each in questions]
        return [[OptionScore(-math.log(len(each)), 1)] * len(each) if each else [] for each in options]


class ServerModel(LanguageModel, Protocol):
    """A language model on a server."""

    @property
    def state(self) -> ServerState: ...

    @property
    def ready(self) -> bool:
        """Whether the next call would ask the server."""


class FallbackModel(Answering):
    """A remote `LanguageModel`, and another that answers while that one is away.

    The name is that of whichever answered last, as long as it would answer again, so that records and caches do
    not take one for the other, also where the server comes back while the other is still at work.

    Args:
        remote: asked first.
        other: makes the other; called when it is first needed.
    """

    def __init__(self, remote: ServerModel, other: Callable[[], LanguageModel]) -> None:
        self._remote = remote
        self._make = other
        self._made: LanguageModel | None = None
        self._fell = False
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._other.name if self._fell or not self._remote.ready else self._remote.name

    @property
    def chats(self) -> bool:
        return chats(self._remote)

    @property
    def width(self) -> int:
        """A server gives no features."""
        return 0

    @property
    def state(self) -> ServerState:
        """That of the remote model."""
        return self._remote.state

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        try:
            answers = ask(self._remote, questions)
            self._fell = False
        except ModelError:
            self._fell = True
            answers = ask(self._other, questions)
        return answers

    @property
    def _other(self) -> LanguageModel:
        with self._lock:
            if self._made is None:
                self._made = self._make()
            return self._made
