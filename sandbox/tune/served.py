"""A language model on a server that takes up the adapter which a save has in use."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sandbox.errors import ModelError
from sandbox.llm.questions import Answering, Question
from sandbox.llm.remote import RemoteModel
from sandbox.llm.state import ServerState
from sandbox.tune.adapters import BASE, WEIGHTS, Adapters


class ServedModel(Answering):
    """A `RemoteModel` with the adapter that a save has in use: the server loads it, and requests name it.

    An accepted adapter, or a rollback, is taken up at the next call. A server keeps what it has loaded under a
    name, so the name says which weights those are: `sft-1-3fa2b1c0`, with the beginning of their SHA-256.

    Args:
        remote: the model without any adapter.
        adapters: those of the save.
        model: the local model of the same weights, which they were made for; others are passed over.
        pinned: the adapter to stay with, or `base`, whatever the save has in use.
    """

    def __init__(self, remote: RemoteModel, adapters: Adapters, model: str, pinned: str | None = None) -> None:
        self._remote = remote
        self._adapters = adapters
        self._model = model
        self._pinned = pinned
        self._names: dict[Path, str] = {}
        self._loaded: dict[Path, RemoteModel] = {}

    @property
    def name(self) -> str:
        """What the next call would be answered by."""
        folder = self._wanted()
        return self._remote.name if folder is None else f"{self._named(folder)}@{self._remote.host}"

    @property
    def chats(self) -> bool:
        return self._remote.chats

    @property
    def state(self) -> ServerState:
        return self._remote.state

    @property
    def ready(self) -> bool:
        """Whether the next call would ask the server."""
        return self._remote.ready

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        """Raises `ModelError` also where the server does not load the adapter."""
        folder = self._wanted()
        if folder is None:
            return self._remote.answer(questions)
        if folder not in self._loaded:
            self._loaded[folder] = self._remote.with_adapter(folder, self._named(folder))
        try:
            return self._loaded[folder].answer(questions)
        except ModelError:
            del self._loaded[folder]  # a server that was started anew has to load it again
            raise

    def _wanted(self) -> Path | None:
        """The folder of the adapter in use; None for the base weights."""
        active = self._pinned or self._adapters.active
        if active == BASE or self._adapters.get(active).model != self._model:
            return None
        return self._adapters.path(active)

    def _named(self, folder: Path) -> str:
        if folder not in self._names:
            with (folder / WEIGHTS).open("rb") as weights:
                digest = hashlib.file_digest(weights, "sha256").hexdigest()
            self._names[folder] = f"{folder.name}-{digest[:8]}"
        return self._names[folder]
