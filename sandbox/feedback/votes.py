"""What several people said of the same, brought together: each has one vote on two commands, or on one by itself.

Export and rounds read this one function, so that both learn from the same examples.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.feedback.kind import Judgement

Votes = Literal["all", "majority", "weighted", "soft"]
"""How votes are brought together.

all: an example for each vote, contradictions included. majority: what most say. weighted: what a Bradley-Terry
model of all votes in the state finds likelier, with its probability as the weight. soft: what most say, with their
share as the weight. A tie makes no example.
"""

HIGH = 1.0
"""What ratings have to come to for a command to be worth imitating."""

_SOFTENING = 0.2
"""Regularisation of the Bradley-Terry model, so that one vote is no certainty."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Vote:
    """What one person thinks of one pair of commands, or of one command."""

    value: float
    """Above 0: the first is better, or the command is good; 0: a tie."""
    sources: tuple[Judgement, ...]

    @property
    def created(self) -> float:
        return max(each.created for each in self.sources)


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """One example that the votes come to: `better` over `worse`, or one of them by itself (the other empty)."""

    judgement: Judgement
    """The first that says so: where and when it was said."""
    better: str = ""
    worse: str = ""
    imitable: bool = False
    """Whether `better` is good enough to be imitated."""
    raters: tuple[str, ...] = ()
    """Who said so."""
    against: int = 0
    """How many said otherwise, or that it is a tie."""
    weight: float = 1.0
    sources: tuple[Judgement, ...] = ()
    """All that was said for it."""

    @property
    def created(self) -> float:
        """When it was last said."""
        return max(each.created for each in self.sources)


_Pair = tuple[int, int]


@dataclass(slots=True)
class Poll:
    """All votes in one state. Commands are numbered; wordings of one deed share a number."""

    _numbers: dict[str, int] = field(default_factory=dict)
    _effects: dict[Hashable, int] = field(default_factory=dict)
    _words: dict[int, Counter[str]] = field(default_factory=dict)
    _said: dict[_Pair, dict[str, list[tuple[float, Judgement]]]] = field(default_factory=dict)
    """(better, worse), the smaller number first, or (command, -1) -> person -> what they said of it, as values."""

    def add(self, judgement: Judgement, effect: Callable[[str], Hashable]) -> None:
        """Count a judgement. `effect` says what a command comes to in its state."""
        number = {
            command: self._number(command, effect(command))
            for command in (*judgement.good, *judgement.bad, *judgement.equal)
        }
        for good in judgement.good:
            for bad in judgement.bad:
                self._vote(number[good], number[bad], 1.0, judgement)
        if judgement.equal:
            self._vote(number[judgement.equal[0]], number[judgement.equal[1]], 0.0, judgement)
        if judgement.absolute:
            strength = abs(judgement.value) or 1.0
            for sign, commands in ((1.0, judgement.good), (-1.0, judgement.bad)):
                for command in commands:
                    self._vote(number[command], -1, sign * strength, judgement)

    def _number(self, command: str, effect: Hashable) -> int:
        known = self._numbers.get(command, self._effects.get(effect, len(self._words)))
        self._numbers[command] = self._effects[effect] = known
        self._words.setdefault(known, Counter())[command] += 1
        return known

    def _vote(self, first: int, second: int, value: float, judgement: Judgement) -> None:
        if first == second:
            return
        if -1 < second < first:
            first, second, value = second, first, -value
        theirs = self._said.setdefault((first, second), {}).setdefault(judgement.annotator, [])
        theirs.append((value, judgement))

    def votes(self) -> dict[_Pair, dict[str, Vote]]:
        """One vote a person: what they said in all.

        What is said of a command itself outdoes its rating, and what anybody says outdoes what follows from an
        intervention, which bears no name.
        """
        found: dict[_Pair, dict[str, Vote]] = {}
        for pair, people in self._said.items():
            for person, said in people.items():
                if not person and len(people) > 1:
                    continue
                explicit = [each for each in said if each[1].kind != "rating"] or said
                value = math.fsum(value for value, _ in explicit)
                agreeing = tuple(judgement for each, judgement in said if each * value > 0 or not value)
                found.setdefault(pair, {})[person] = Vote(value=value, sources=agreeing)
        return found

    def settled(self, how: Votes) -> Iterator[Settled]:
        """The examples, and nothing of ties."""
        votes = self.votes()
        model = _bradley_terry(votes, len(self._words)) if how == "weighted" else None
        for pair, people in votes.items():
            if how == "all":
                for person, vote in people.items():
                    if vote.value:
                        others = {name: each for name, each in people.items() if name != person}
                        yield self._example(pair, {person: vote}, others, vote.value > 0, 1.0)
                continue
            share = math.fsum((vote.value > 0) + (vote.value == 0) / 2 for vote in people.values()) / len(people)
            likelihood = share if model is None else model(pair)
            if abs(likelihood - 0.5) < 1e-6:
                continue
            first = likelihood > 0.5
            sides = {name: vote for name, vote in people.items() if vote.value and (vote.value > 0) == first}
            others = {name: vote for name, vote in people.items() if name not in sides}
            weight = 1.0 if how == "majority" else max(likelihood, 1 - likelihood)
            if sides:
                yield self._example(pair, sides, others, first, weight)

    def disputes(self) -> Iterator[Settled]:
        """What not all agree about, ties among them, as what most say of it."""
        for pair, people in self.votes().items():
            good = {name: vote for name, vote in people.items() if vote.value > 0}
            bad = {name: vote for name, vote in people.items() if vote.value < 0}
            first = len(good) >= len(bad)
            sides = good if first else bad
            if sides and len(sides) < len(people):
                others = {name: vote for name, vote in people.items() if name not in sides}
                yield self._example(pair, sides, others, first, len(sides) / len(people))

    def _example(
        self, pair: _Pair, sides: dict[str, Vote], others: dict[str, Vote], first: bool, weight: float
    ) -> Settled:
        sources = tuple(judgement for vote in sides.values() for judgement in vote.sources)
        better, worse = pair if first else pair[::-1]
        ratings = math.fsum(each.value for each in sources)
        explicit = any(each.kind != "rating" for each in sources)
        return Settled(
            judgement=min(sources, key=lambda each: each.turn),
            better=self._wording(better),
            worse=self._wording(worse),
            imitable=worse == -1 and (explicit or ratings >= HIGH),
            raters=tuple(sides),
            against=len(others),
            weight=weight,
            sources=sources,
        )

    def _wording(self, number: int) -> str:
        """The words that were used most, the first of those."""
        return "" if number < 0 else max(self._words[number].items(), key=lambda item: item[1])[0]

    def ties(self, *, pairs: bool) -> int:
        """Pairs, or else commands by themselves, of which as many say one thing as the other."""
        asked = (people for pair, people in self.votes().items() if (pair[1] >= 0) == pairs)
        return sum(not sum((vote.value > 0) - (vote.value < 0) for vote in people.values()) for people in asked)


def _bradley_terry(votes: dict[_Pair, dict[str, Vote]], commands: int) -> Callable[[_Pair], float]:
    """How likely the first of a pair is the better one, given all votes in the state (Bradley & Terry 1952).

    A command by itself is compared with an item that stands for neither good nor bad.
    """
    import choix

    won: list[tuple[int, int]] = []
    for (first, second), people in votes.items():
        one, other = first, commands if second < 0 else second
        for vote in people.values():
            sign = (vote.value > 0) - (vote.value < 0)
            won += [(one, other)] * (1 + sign) + [(other, one)] * (1 - sign)  # a tie is half a win for each
    strengths = choix.ilsr_pairwise(commands + 1, won, alpha=_SOFTENING)

    def first_wins(pair: _Pair) -> float:
        one, other = pair[0], commands if pair[1] < 0 else pair[1]
        return float(choix.probabilities([one, other], strengths)[0])

    return first_wins


def polls(judged: Iterable[tuple[str, Judgement, Callable[[str], Hashable]]]) -> dict[str, Poll]:
    """Judgements, gathered by the state that they are about, in the order in which the states first come up.

    Args:
        judged: for each the name of its state, which is the same for all saves, the judgement, and what a command
            comes to there.
    """
    found: dict[str, Poll] = {}
    for state, judgement, effect in judged:
        found.setdefault(state, Poll()).add(judgement, effect)
    return found


def columns(settled: Settled) -> dict[str, Any]:
    """What an example says of the votes behind it."""
    return {
        "raters": list(settled.raters),
        "votes": len(settled.raters),
        "against": settled.against,
        "weight": round(settled.weight, 6),
        "created": settled.created,
    }
