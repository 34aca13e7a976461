"""The decision cache: states repeat in games, and a language model says the same about the same."""

from __future__ import annotations

import hashlib
import json
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sandbox.llm.state import State, state_of
from sandbox.types import LanguageModel, OptionScore, Sample

T = TypeVar("T")
SIZE = 4096


@dataclass(frozen=True, slots=True)
class CacheInfo:
    """How a cache has done so far."""

    hits: int
    misses: int
    entries: int


class CachedModel:
    """A `LanguageModel` that remembers what another has said: scores, and samples by their seed.

    The model's name, adapter included, is part of the key, and it is asked for before each look-up: what an
    adapter said is never given for another's. An answer during which the name changed is passed on and not kept.
    Safe to call from several threads; two that ask the same at once may both ask the model.

    Args:
        model: any language model.
        size: how many answers are kept; the one unused for longest goes first. Prompts are kept as digests, so
            that an answer takes a few kilobytes.
    """

    def __init__(self, model: LanguageModel, size: int = SIZE) -> None:
        self.model = model
        self._size = size
        self._kept: OrderedDict[bytes, tuple[Any, ...]] = OrderedDict()
        self._hits = self._misses = 0
        self._lock = threading.Lock()

    @property
    def name(self) -> str:
        return self.model.name

    @property
    def state(self) -> State:
        return state_of(self.model)

    @property
    def info(self) -> CacheInfo:
        with self._lock:
            return CacheInfo(self._hits, self._misses, len(self._kept))

    def score(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        return self._recall(
            ("score", prompt, list(options)),
            lambda: self.model.score(prompt, options),
        )

    def sample(
        self,
        prompt: str,
        n: int,
        *,
        seed: int,
        max_tokens: int = 24,
        temperature: float = 1.0,
        stop: Sequence[str] = ("\n",),
    ) -> list[Sample]:
        return self._recall(
            ("sample", prompt, n, seed, max_tokens, temperature, list(stop)),
            lambda: self.model.sample(
                prompt, n, seed=seed, max_tokens=max_tokens, temperature=temperature, stop=stop
            ),
        )

    def forget(self) -> None:
        """Drop all answers."""
        with self._lock:
            self._kept.clear()

    def _recall(self, question: tuple[Any, ...], ask: Callable[[], list[T]]) -> list[T]:
        name = self.model.name
        key = hashlib.blake2b(json.dumps((name, *question)).encode(), digest_size=32).digest()
        with self._lock:
            if key in self._kept:
                self._hits += 1
                self._kept.move_to_end(key)
                return list(self._kept[key])
            self._misses += 1
        answer = ask()
        if self.model.name == name:
            with self._lock:
                self._kept[key] = tuple(answer)
                self._kept.move_to_end(key)
                while len(self._kept) > self._size:
                    self._kept.popitem(last=False)
        return answer
