"""What a body of feedback amounts to: counts, coverage, how far people agree, and how often they stepped in.

Turns are told apart by content, so that what several people said in their own copies of a save comes together.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.feedback.contest import Contest, contests
from sandbox.feedback.dataset import Material
from sandbox.feedback.names import ContentNames
from sandbox.feedback.records import named
from sandbox.feedback.reliability import GOLD, Questions, Rater, TimedAnswer, question_alpha, raters
from sandbox.feedback.reliability import alpha as alpha
from sandbox.statistics import Interval, proportion
from sandbox.store.feedback import LIMIT

PERIODS = 10
"""Into how many spans the agents' turns are divided to see a rate over time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A span of the turns of agents' seats, in the order in which they were played."""

    since: float
    """Unix time of its first turn, seconds."""
    turns: int
    interventions: int

    @property
    def rate(self) -> Interval:
        return proportion(self.interventions, self.turns)


@dataclass(frozen=True, slots=True, kw_only=True)
class Statistics:
    """Over all saves together."""

    saves: int
    worlds: int
    turns: int
    """Turns that somebody acted in; the same turn in two saves counts once."""
    by_kind: Mapping[str, int]
    """Records that stand."""
    by_annotator: Mapping[str, int]
    retracted: int
    covered: int
    """Turns that somebody said something about, or stepped in at."""
    interventions: int
    agents_turns: int
    """Turns of seats that an agent held."""
    alpha_ratings: float
    """Krippendorff's alpha over annotators' ratings of turns, interval level; NaN where no turn has two raters."""
    alpha_preferences: float
    """The same over answers to questions, each with chance over its own options; see `question_alpha`."""
    shared_turns: int
    """Turns that two or more people rated."""
    shared_pairs: int
    """Questions that two or more people answered."""
    raters: tuple[Rater, ...]
    contests: tuple[Contest, ...]
    periods: tuple[Period, ...]


def statistics(materials: Sequence[Material]) -> Statistics:
    """All numbers over some saves."""
    turns: dict[str, bool] = {}  # content -> whether something was said of it
    ratings: dict[str, dict[str, float]] = {}  # turn -> annotator -> sum
    questions = Questions()
    played: dict[str, tuple[float, bool]] = {}
    seen: set[str] = set()
    by_kind, by_annotator, retracted = Counter[str](), Counter[str](), 0
    compared: list[Mapping[str, Any]] = []
    for material in materials:
        names, deeds, book = ContentNames(material.world, material.timeline), material.deeds, material.book
        standing = {record.id for record in book.standing()}
        for node in material.timeline.nodes():
            if node.parent is None:
                continue
            name, stepped_in = names.of(node.id), deeds.stepped_in(node)
            turns[name] = turns.get(name, False) or stepped_in or bool(book.about(node.id))
            if node.agent:
                played.setdefault(name, (node.created, stepped_in))
        for record, identity, _ in named(names, material.feedback):
            if identity in seen:
                continue
            seen.add(identity)
            if book.kind(record).takes_back is not None:
                retracted += 1
            if record.id not in standing:
                continue
            by_kind[record.kind] += 1
            by_annotator[record.annotator] += 1
            name = names.of(record.turn)
            if material.timeline.node(record.turn).parent is not None:
                turns[name] = True
            if record.kind == "rating" and record.value is not None:
                theirs = ratings.setdefault(name, {})
                theirs[record.annotator] = theirs.get(record.annotator, 0.0) + record.value
            answer = book.kind(record).answered(record, names)
            if answer is not None:
                questions.add(record.annotator, TimedAnswer(answer, record.created, record.latency))
            if record.kind == "comparison":
                compared.append(record.data)
    in_order = sorted(played.values())
    asked = questions.asked()
    bounded = [{who: max(-LIMIT, min(LIMIT, value)) for who, value in each.items()} for each in ratings.values()]
    people = [_without_key(each) for each in asked.values()]
    choices = [{who: said.answer.choice for who, said in each.items()} for each in people]
    return Statistics(
        saves=len(materials),
        worlds=len({material.world for material in materials}),
        turns=len(turns),
        by_kind=dict(by_kind),
        by_annotator=dict(by_annotator),
        retracted=retracted,
        covered=sum(turns.values()),
        interventions=sum(stepped_in for _, stepped_in in in_order),
        agents_turns=len(in_order),
        alpha_ratings=alpha([_without_key(each) for each in bounded], "interval"),
        alpha_preferences=question_alpha(
            (options, each) for (_, options), each in zip(asked, choices, strict=True)
        ),
        shared_turns=sum(len(_without_key(each)) > 1 for each in bounded),
        shared_pairs=sum(len(each) > 1 for each in choices),
        raters=raters(list(asked.values()), bounded),
        contests=contests(compared),
        periods=_periods(in_order),
    )


def _without_key(unit: Mapping[str, Any]) -> dict[str, Any]:
    return {name: said for name, said in unit.items() if name != GOLD}


def _periods(in_order: Sequence[tuple[float, bool]]) -> tuple[Period, ...]:
    size = max(math.ceil(len(in_order) / PERIODS), 1)
    spans = (in_order[start : start + size] for start in range(0, len(in_order), size))
    return tuple(
        Period(since=span[0][0], turns=len(span), interventions=sum(stepped_in for _, stepped_in in span))
        for span in spans
    )
