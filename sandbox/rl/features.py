"""Text as a bag of hashed n-grams (Weinberger et al. 2009): no vocabulary, any language, always alike."""

from __future__ import annotations

import itertools
import re
import zlib
from functools import lru_cache

from sandbox.types import Observation

BUCKETS = 1 << 12

_TOKEN = re.compile(r"[^\W_]+", re.UNICODE)
_IDEOGRAPHS = re.compile(r"([\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af])")


@lru_cache(maxsize=8192)
def ngrams(text: str) -> tuple[int, ...]:
    """Buckets of the words, of pairs of neighbours, and of the text as a whole; never empty."""
    words = _TOKEN.findall(_IDEOGRAPHS.sub(r" \1 ", text.lower()))
    pairs = [f"{first} {second}" for first, second in itertools.pairwise(words)]
    return tuple(zlib.crc32(each.encode()) % BUCKETS for each in (*words, *pairs, f"\x1f{text}"))


def state_text(observation: Observation) -> str:
    """What `Observation.state_key` is made of: a state is what the seat perceives."""
    return "\n".join((observation.goal, observation.description or observation.text, observation.inventory))
