"""Key-value caches of prompts seen lately, so that a growing transcript is encoded once."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

from sandbox.llm.trie import Tokens, common_length

Cache = (
    Any  # transformers.DynamicCache; layers of attention never write into a tensor but put a new one in its place
)


IDLE = 8
"""Prompts after which one that was not gone on with is let go: an episode's, when the episode is over.

As many as a world may have seats, which take turns.
"""


@dataclass(frozen=True, slots=True)
class PrefixLimits:
    """How much is kept of prompts."""

    tokens: int
    """That all of them may have together."""
    idle: int = IDLE
    """Prompts after which one that was not gone on with is let go."""


@dataclass(slots=True)
class _Prefix:
    tokens: Tokens
    cache: Cache
    used: int
    """Number of the latest prompt that went on from it."""


class PrefixCache:
    """Prompts and their key-value caches, most recently used first.

    Several are kept, because several seats may take turns on one model, and an undo goes back to a shorter
    transcript.

    Args:
        limits: how much is kept; the latest prompt is in any case.
        crops: whether a cache can be cut back to its first tokens. One that cannot serves prompts that go on from
            all of it.
    """

    def __init__(self, limits: PrefixLimits, *, crops: bool = True) -> None:
        self._limits = limits
        self._crops = crops
        self._kept: list[_Prefix] = []
        self._prompts = 0

    def longest(self, prompt: Tokens) -> tuple[int, Cache | None]:
        """How many of the prompt's tokens are known, and a cache of exactly those, to be grown by the caller.

        At least the last token is never known: it has to go through the model for what follows to be predicted.
        """
        best, length = None, 0
        for kept in self._kept:
            common = common_length(kept.tokens, prompt[:-1])
            if common > length and (self._crops or common == len(kept.tokens)):
                best, length = kept, common
        if best is None:
            return 0, None
        best.used = self._prompts
        return length, self._cut(best.cache, len(best.tokens), length)

    def keep(self, prompt: Tokens, cache: Cache, length: int) -> None:
        """Keep the cache, which holds `length` tokens, the prompt's first. Prompts it continues are let go."""
        if not self._kept or self._kept[0].tokens != prompt:  # several passes over one prompt count once
            self._prompts += 1
        kept = [_Prefix(prompt, self._cut(cache, length, len(prompt)), self._prompts)]
        room = self._limits.tokens - len(prompt)
        for old in self._kept:
            if old.used < self._prompts - self._limits.idle:
                continue
            if common_length(old.tokens, prompt) < len(old.tokens) <= room:
                kept.append(old)
                room -= len(old.tokens)
        self._kept = kept

    def clear(self) -> None:
        """Forget everything, as when the weights change."""
        self._kept = []

    def _cut(self, cache: Cache, length: int, keep: int) -> Cache:
        """A cache of the first `keep` of `length` tokens that can grow without touching the one given."""
        if not self._crops:
            return copy.deepcopy(cache)
        twin = copy.copy(cache)
        twin.layers = [copy.copy(layer) for layer in cache.layers]
        twin.crop(keep - length)
        return twin
