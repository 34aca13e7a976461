"""How new what a state shows is: what to explore next is what shows most that was seldom gone on from.

Each state is a set of marks. Some say where one stands: the place, the things carried, each thing carried *there*.
The others what is shown: each phrase read there, what was done to what, what was answered. Novelty of width two in
the words of Lipovetzky & Geffner (2012): a thing brought to a place is new, a third order of dropping things is
not. Counts grade it (Tang et al. 2017).
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Sequence

from sandbox.types import Observation

_PHRASE = re.compile(r"[\n.,;:!?()]|\band\b")
_WORD = re.compile(r"[^\W\d_]+")
_NUMBERS = frozenset(("two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve"))
"""How many of a thing there are makes nothing new."""
_WEIGHTS = {"at": 3.0, "has": 1.0, "sees": 1.0, "did": 1.0, "read": 3.0}
_PAIR = 0.3
"""The weight of a thing at a place, and of points at a place."""
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


def done(command: str, before: Observation, seen: Observation) -> Iterator[str]:
    """The marks of a command: its verb with each other word, and all of it where its effect cannot be seen."""
    verb, *nouns = command.split() or [""]
    for noun in nouns or [""]:
        yield f"did {verb} {noun}"
    if command and seen.state_key == before.state_key:
        yield f"did {command} at {place_of(seen)}"


def _phrases(text: str, without: Collection[str] = ()) -> list[str]:
    """The different phrases of a text, in small letters, without numbers and what is no word."""
    phrases = (
        " ".join(word for word in _WORD.findall(part) if word not in without and word not in _NUMBERS)
        for part in _PHRASE.split(text.lower())
    )
    return [phrase for phrase in dict.fromkeys(phrases) if phrase][:_MOST_PHRASES]


def weight(mark: str) -> float:
    """How much a mark counts where it is new. What somebody wrote says more than what was carried where."""
    kind, _, rest = mark.partition(" ")
    return _PAIR if kind == "has" and " at " in rest else _WEIGHTS[kind]


class Familiarity:
    """How often each mark was gone on from: in all, and those of standing at the highest score too."""

    def __init__(self) -> None:
        self.weights: list[float] = []
        """Of each mark, by its number."""
        self.best = float("-inf")
        self._all: Counter[int] = Counter()
        self._at_best: Counter[int] = Counter()

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
        """Sum of weight / (1 + count)² over the marks. What is added since, and a rise, only make it less."""
        known = self._sum(self._all, (*stands, *others))
        return known + (self._sum(self._at_best, stands) if score == self.best else 0.0)

    def _sum(self, counts: Counter[int], marks: Iterable[int]) -> float:
        return sum(self.weights[mark] * (1 + counts[mark]) ** -2 for mark in marks)
