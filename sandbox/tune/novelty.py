"""How new what a state shows is: what to explore next is what shows most that was seldom gone on from.

Each state is a set of marks: the place, the things carried, each thing carried *there*, each phrase read there,
the command that led here, what was answered. Novelty of width two in the words of Lipovetzky & Geffner (2012): a
thing brought to a place is new, a third order of dropping things is not. Counts grade it (Tang et al. 2017).
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Iterator

from sandbox.types import Observation

_PHRASE = re.compile(r"[\n.,;:!?()]|\band\b")
_WORD = re.compile(r"[^\W\d_]+")
_ANSWER_WORDS = 30
_MOST_PHRASES = 60


def place_of(seen: Observation) -> str:
    """Where the seat is: the first line of its surroundings, which names the place in stories."""
    return (seen.description or seen.text).strip().partition("\n")[0][:200]


def marks(before: Observation, command: str, seen: Observation) -> Iterator[str]:
    """What there is to tell a state from others, after a command."""
    place = place_of(seen)
    yield f"at {place}"
    for thing in _phrases(seen.inventory):
        yield f"has {thing}"
        yield f"has {thing} at {place}"
    for sight in _phrases(seen.description.strip().partition("\n")[2]):
        yield f"sees {sight} at {place}"
    if command:
        yield f"did {command}"
        yield f"did {command} at {place_of(before)}"
        yield f"read {_answer(command, seen)}"


def _phrases(text: str) -> list[str]:
    """The different phrases of a text, in small letters, without numbers and anything but words."""
    phrases = (" ".join(_WORD.findall(part)) for part in _PHRASE.split(text.lower()))
    return [phrase for phrase in dict.fromkeys(phrases) if phrase][:_MOST_PHRASES]


def _answer(command: str, seen: Observation) -> str:
    """The kind of a reply: without the command's own words, "Taken: the lamp" is one answer for all lamps."""
    own = set(_WORD.findall(command.lower()))
    words = (word for word in _WORD.findall(seen.text.lower()) if word not in own)
    return " ".join(word for word, _ in zip(words, range(_ANSWER_WORDS), strict=False))


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
        """Sum over the marks of 1 / (1 + count)². What is added since can only make it less."""
        here = self._counts[score]
        return sum((1 + here[mark]) ** -2 + (1 + self._all[mark]) ** -2 for mark in found)
