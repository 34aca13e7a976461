"""The decision cache: states repeat in games, and a language model says the same about the same."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
from cachetools import LRUCache

from sandbox.llm.chatml import chats
from sandbox.llm.questions import Answering, Features, FeatureScores, Question, Read, ask, features_of
from sandbox.llm.state import ServerState, state_of
from sandbox.types import LanguageModel, OptionScore

V = TypeVar("V")
SIZE = 4096
ROWS = 16_384
"""Options whose features are kept, at a few kilobytes each."""


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """How a cache has done so far."""

    hits: int
    misses: int
    entries: int


class CachedModel(Answering):
    """A `LanguageModel` that remembers what another has said: scores, features, and samples by their seed.

    The model's name, adapter included, is part of the key, and it is asked for before each look-up: what an
    adapter said is never given for another's. An answer during which the name changed is passed on and not kept.
    Features are kept by the option, since they do not depend on the other options asked about.
    Safe to call from several threads; two that ask the same at once may both ask the model.

    Args:
        model: any language model.
        size: how many answers are kept; the one unused for longest goes first. Prompts are kept as digests, so
            that an answer takes a few kilobytes.
    """

    def __init__(self, model: LanguageModel, size: int = SIZE) -> None:
        self.model = model
        self._answers: LRUCache[bytes, tuple[Any, ...]] = LRUCache(size)
        self._rows: LRUCache[bytes, tuple[OptionScore, Features]] = LRUCache(max(size, ROWS))
        self._hits = self._misses = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def chats(self) -> bool:
        return chats(self.model)

    @property
    def width(self) -> int:
        """That of the model; 0 where it gives no features."""
        model = features_of(self.model)
        return 0 if model is None else model.width

    @property
    def state(self) -> ServerState:
        return state_of(self.model)

    @property
    def info(self) -> CacheInfo:
        with self._lock:
            return CacheInfo(self._hits, self._misses, len(self._answers) + len(self._rows))

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        name = self.model.name
        with self._lock:
            answers = [self._recall(name, question) for question in questions]
            misses = sum(answer is None for answer in answers)
            self._misses += misses
            self._hits += len(questions) - misses
        if not misses:
            return answers
        left = list(dict.fromkeys(q for q, answer in zip(questions, answers, strict=True) if answer is None))
        found = dict(zip(left, ask(self.model, left), strict=True))
        if self.model.name == name:
            with self._lock:
                for question, answer in found.items():
                    self._keep(name, question, answer)
        return [found[q] if answer is None else answer for q, answer in zip(questions, answers, strict=True)]

    def forget(self) -> None:
        """Drop all answers."""
        with self._lock:
            self._answers.clear()
            self._rows.clear()

    def _recall(self, name: str, question: Question) -> Any:
        """The answer, as one that the reader may change; None where it is not known, or not all of it."""
        if not isinstance(question, Read):
            kept = self._answers.get(_key(name, question))
            return None if kept is None else list(kept)
        rows = [self._rows.get(key) for key in _row_keys(name, question)]
        known = [row for row in rows if row is not None]
        if len(known) < len(rows) or not rows:
            return None
        return FeatureScores([score for score, _ in known], np.stack([features for _, features in known]))

    def _keep(self, name: str, question: Question, answer: Any) -> None:
        if not isinstance(question, Read):
            self._answers[_key(name, question)] = tuple(answer)
            return
        for key, *row in zip(_row_keys(name, question), answer.scores, answer.features, strict=True):
            self._rows[key] = (row[0], row[1].copy())


def _key(*parts: Any) -> bytes:
    return hashlib.blake2b(repr(parts).encode(), digest_size=32).digest()


def _row_keys(name: str, question: Read) -> list[bytes]:
    return [_key(name, question.prompt, option) for option in question.options]
