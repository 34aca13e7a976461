"""Text as bags of hashed n-grams (Weinberger et al. 2009): no vocabulary, any language, always alike."""

from __future__ import annotations

import itertools
import re
import zlib
from collections.abc import Mapping
from functools import lru_cache

from sandbox.types import Observation

BUCKETS = 1 << 12
SEGMENTS = 10
"""Parts of a goal that are told apart: what it says first is mostly to be done first."""

Bag = tuple[int, ...]
"""Buckets of the n-grams of one text."""

_TOKEN = re.compile(r"[^\W_]+", re.UNICODE)
_IDEOGRAPHS = re.compile(r"([\u3400-\u9fff\u3040-\u30ff\uac00-\ud7af])")


@lru_cache(maxsize=8192)
def ngrams(text: str, role: str = "") -> Bag:
    """Buckets of the words, of pairs of neighbours, and of the text as a whole; never empty.

    Args:
        text: in any language.
        role: what the text is. The same words in another role are other n-grams.
    """
    words = _words(text)
    pairs = (f"{first} {second}" for first, second in itertools.pairwise(words))
    return tuple(_bucket(role + each) for each in (*words, *pairs, f"\x1f{text}"))


def state_bags(observation: Observation) -> tuple[Bag, ...]:
    """What the seat perceives, part by part, so that a short one counts for as much as a long one.

    The points are among it, which `Observation.state_key` leaves out: they tell how far the seat has come.
    """
    parts = {
        "goal ": observation.goal,
        "here ": observation.description or observation.text,
        "mine ": observation.inventory,
        "score ": f"{observation.score:g}" if observation.score else "",
    }
    return tuple(ngrams(text, role) for role, text in parts.items() if text)


def command_bags(command: str, goal: str) -> tuple[Bag, ...]:
    """A command's n-grams, and how they match the goal where there is one."""
    return (ngrams(command), matches(command, goal)) if goal else (ngrams(command),)


@lru_cache(maxsize=8192)
def matches(command: str, goal: str) -> Bag:
    """Whether the goal has each word and each pair of the command, and in which segment of it.

    Exact matches (Chen et al., ACL 2017) say the same of words that were never seen in training. A word between
    the two of a pair is overlooked, since commands leave out articles.
    """
    words, places = _words(command), _places(goal)
    found = ["match"]
    for gram in (*words, *(f"{first} {second}" for first, second in itertools.pairwise(words))):
        size, place = gram.count(" "), places.get(gram)
        found.append(f"match {size} {place is not None}")
        if place is not None:
            found.append(f"match {gram}")
            found += [f"match in {place}"] * size
    return tuple(_bucket(each) for each in found)


@lru_cache(maxsize=1024)
def _places(text: str) -> Mapping[str, int]:
    """The segment in which each word, and each pair with at most one word between, comes first."""
    words = _words(text)
    places: dict[str, int] = {}
    for number, word in enumerate(words):
        segment = number * SEGMENTS // len(words)
        for gram in (word, *(f"{word} {other}" for other in words[number + 1 : number + 3])):
            places.setdefault(gram, segment)
    return places


@lru_cache(maxsize=8192)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(_IDEOGRAPHS.sub(r" \1 ", text.lower())))


def _bucket(gram: str) -> int:
    return zlib.crc32(gram.encode()) % BUCKETS
