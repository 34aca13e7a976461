"""How new what a state shows is: what to explore next is what shows most that was seldom gone on from.

Each state is a set of marks: the place, the things carried, each thing carried *there*, each phrase read there,
what was done to what, what was answered. Novelty of width two in the words of Lipovetzky & Geffner (2012): a
thing brought to a place is new, a third order of dropping things is not. Counts grade it (Tang et al. 2017).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Collection, Iterator

from sandbox.types import Observation

_PHRASE = re.compile(r"[\n.,;:!?()]|\band\b")
_WORD = re.compile(r"[^\W\d_]+")
_ANSWER = 4
"""Phrases that an answer is told from others by."""
_ANYWHERE = 3
"""How much more a mark counts that is new at all than one that is new at this score."""
_MOST_PHRASES = 60


def place_of(seen: Observation) -> str:
    """Where the seat is: the first line of its surroundings, which names the place in stories."""
    return (seen.description or seen.text).strip().partition("\n")[0][:200]


def things(seen: Observation) -> frozenset[str]:
    """The words that name what is carried."""
    return frozenset(word for phrase in _phrases(seen.inventory) for word in phrase.split())


def marks(command: str, seen: Observation, portable: Collection[str]) -> Iterator[str]:
    """What there is to tell a state from others, after a command.

    Args:
        command: empty for the opening.
        seen: the state.
        portable: words for what can be carried about: where such things lie is not what tells states apart.
    """
    place = place_of(seen)
    yield f"at {place}"
    for thing in _phrases(seen.inventory):
        yield f"has {thing}"
        yield f"has {thing} at {place}"
    for sight in _phrases(seen.description.strip().partition("\n")[2], portable):
        yield f"sees {sight} at {place}"
    verb, *nouns = command.split() or [""]
    for noun in nouns or [""]:
        yield f"did {verb} {noun}"
    own = {*_WORD.findall(command.lower()), *portable}  # "Taken: the lamp" is one answer for all lamps
    yield f"read {' '.join(_phrases(seen.text, own)[:_ANSWER])}"


def _phrases(text: str, without: Collection[str] = ()) -> list[str]:
    """The different phrases of a text, in small letters, without numbers and what is no word."""
    phrases = (
        " ".join(word for word in _WORD.findall(part) if word not in without)
        for part in _PHRASE.split(text.lower())
    )
    return [phrase for phrase in dict.fromkeys(phrases) if phrase][:_MOST_PHRASES]


class Familiarity:
    """How often each mark was gone on from: at each score, and at all."""

    def __init__(self) -> None:
        self._counts: defaultdict[float, Counter[int]] = defaultdict(Counter)
        self._all: Counter[int] = Counter()

    def add(self, score: float, found: tuple[int, ...], times: int = 1) -> None:
        """A state with these marks is gone on from so many times more."""
        for counts in (self._counts[score], self._all):
            for mark in found:
                counts[mark] += times

    def novelty(self, score: float, found: tuple[int, ...]) -> float:
        """Weighted sum over the marks of 1 / (1 + count)². What is added since can only make it less."""
        here = self._counts[score]
        return sum((1 + here[mark]) ** -2 + _ANYWHERE * (1 + self._all[mark]) ** -2 for mark in found)
