"""A language model that is loaded when it is first asked: a game opens, and is played, without waiting for it."""

from __future__ import annotations

import gc
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.llm.questions import Answering, Question

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel


class LazyModel(Answering):
    """A local model to be, under its name from the start.

    Args:
        stem: its name, without the adapter.
        load: loads it; called once, on the thread that asks first.
    """

    def __init__(self, stem: str, load: Callable[[], LocalModel]) -> None:
        self._stem = stem
        self._load = load
        self._loaded: LocalModel | None = None
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self._loaded.name if self._loaded is not None else f"{self._stem}@base"

    @property
    def chats(self) -> bool:
        return self.model.chats

    @property
    def width(self) -> int:
        return self.model.width

    @property
    def model(self) -> LocalModel:
        """The model itself, loaded by now. Raises `ModelError`."""
        with self._lock:
            if self._loaded is None:
                self._loaded = self._load()
                # Torch and transformers are half a million objects. Python would look through them for garbage
                # every few seconds, and for half a second no thread would move and no key be heard.
                gc.freeze()
            return self._loaded

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        return self.model.answer(questions)

    def answer_with(self, adapter: Path | None, questions: Sequence[Question]) -> list[Any]:
        """The answers with an adapter merged in. Raises `ModelError`."""
        return self.model.answer_with(adapter, questions)
