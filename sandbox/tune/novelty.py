"""How new what a state shows is: what to explore next is what shows most that was seldom gone on from.

Each state is a set of marks. Some say where one stands: the place, the things carried, each thing carried *there*.
The others what is shown: each phrase read there, what was done to what, what was answered. Novelty of width two in
the words of Lipovetzky & Geffner (2012): a thing brought to a place is new, a third order of dropping things is
not. Counts grade it (Tang et al. 2017).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterator, Sequence

from sandbox.types import Observation

_PHRASE = re.compile(r"[\n.,;:!?()]|\band\b")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBERS = frozenset(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"))
"""How many of a thing there are makes nothing new."""
_ANSWER = 4
"""Phrases that an answer is told from others by."""
_MOST_PHRASES = 60


def place_of(seen: Observation) -> str:
    """Where the seat is: the first line of its surroundings, which names the place in stories."""
    return (seen.description or seen.text).strip().partition("\n")[0][:200]


def things(seen: Observation) -> frozenset[str]:
    """The words that name what is carried."""
    return frozenset(word for phrase in _phrases(seen.inventory) for word in phrase.split())


def standing(seen: Observation) -> Iterator[str]:
    """The marks that say where one stands, and with what."""
    place = place_of(seen)
    yield f"at {place}"
    for thing in _phrases(seen.inventory):
        yield f"has {thing}"
        yield f"has {thing} at {place}"


def read(command: str, seen: Observation, portable: Collection[str]) -> Iterator[str]:
    """The marks of what there is to read after a command.

    Args:
        command: empty for the opening.
        seen: the state.
        portable: words for what can be carried about: where such things lie is not what tells states apart.
    """
    for sight in _phrases(seen.description.strip().partition("\n")[2], portable):
        yield f"sees {sight} at {place_of(seen)}"
    own = {*_WORD.findall(command.lower()), *portable}  # "Taken: the lamp" is one answer for all lamps
    yield f"read {' '.join(_phrases(seen.text, own)[:_ANSWER])}"


def done(command: str) -> Iterator[str]:
    """The marks of a command: its verb with each other word."""
    verb, *nouns = command.split() or [""]
    for noun in nouns or [""]:
        yield f"did {verb} {noun}"


def _phrases(text: str, without: Collection[str] = ()) -> list[str]:
    """The different phrases of a text, in small letters, without numbers and what is no word."""
    phrases = (
        " ".join(word for word in _WORD.findall(part) if word not in without and word not in _NUMBERS)
        for part in _PHRASE.split(text.lower())
    )
    return [phrase for phrase in dict.fromkeys(phrases) if phrase][:_MOST_PHRASES]


class Familiarity:
    """How often each mark was gone on from: in all, and those of standing at the highest score too."""

    def __init__(self) -> None:
        self._all: Counter[int] = Counter()
        self._at_best: Counter[int] = Counter()
        self.best = float("-inf")

    def rise(self, score: float) -> None:
        """A higher score is reached: with what one has by now, all places are worth going to again."""
        self.best = score
        self._at_best.clear()

    def add(self, score: float, stands: Sequence[int], others: Sequence[int], times: int = 1) -> None:
        """A state with these marks is gone on from so many times more."""
        for mark in (*stands, *others):
            self._all[mark] += times
        if score == self.best:
            for mark in stands:
                self._at_best[mark] += times

    def novelty(self, score: float, stands: Sequence[int], others: Sequence[int]) -> float:
        """Sum over the marks of 1 / (1 + count)². What is added since, and a rise, can only make it less."""
        known = sum((1 + self._all[mark]) ** -2 for mark in (*stands, *others))
        return known + (sum((1 + self._at_best[mark]) ** -2 for mark in stands) if score == self.best else 0.0)
