"""A save's language model: the base model with whichever adapter the save has in use at the moment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.llm.chatml import chats
from sandbox.llm.questions import AdaptedModel, Answering, Question
from sandbox.llm.state import ServerState, state_of
from sandbox.tune.adapters import BASE, Adapters


class LiveModel(Answering):
    """A `LanguageModel` that takes up an accepted adapter, or a rollback, at its next call: nothing is restarted.

    Several saves may share one base model, in several threads; it carries the adapter of the one that calls, as
    long as the call lasts.

    Args:
        base: the model that all adapters of the save belong to; adapters of other models are passed over.
        adapters: those of the save.
        pinned: the adapter to stay with, or `base`, whatever the save has in use.
    """

    def __init__(self, base: AdaptedModel, adapters: Adapters, pinned: str | None = None) -> None:
        self._base = base
        self._adapters = adapters
        self._pinned = pinned

    @property
    def name(self) -> str:
        """What the next call would be answered by, whatever the base model carries just now."""
        folder = self._wanted()
        return f"{self._stem}@{folder.name if folder else BASE}"

    @property
    def chats(self) -> bool:
        return chats(self._base)

    @property
    def width(self) -> int:
        return self._base.width

    @property
    def state(self) -> ServerState:
        return state_of(self._base)

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        return self._base.answer_with(self._wanted(), questions)

    @property
    def _stem(self) -> str:
        return self._base.name.rpartition("@")[0]

    def _wanted(self) -> Path | None:
        """The folder of the adapter in use; None for the base weights."""
        active = self._pinned or self._adapters.active
        if active == BASE or self._adapters.get(active).model != self._stem:
            return None
        return self._adapters.path(active)
