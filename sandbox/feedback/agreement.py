"""What a body of feedback amounts to: counts, coverage, how far people agree, and how often they stepped in.

Turns are told apart by content, so that what several people said in their own copies of a save comes together.
"""

from __future__ import annotations

import math
import warnings
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.feedback.contest import Contest, contests
from sandbox.feedback.dataset import Material
from sandbox.feedback.names import Names
from sandbox.feedback.records import named
from sandbox.statistics import Interval, proportion

PERIODS = 10
"""Into how many segments the agents' turns are divided to see a rate over time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Period:
    """A segment of the turns of agents' seats, in the order in which they were played."""

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
    """The same over verdicts on the same pair, nominal level."""
    shared_turns: int
    """Turns that two or more people rated."""
    shared_pairs: int
    contests: tuple[Contest, ...]
    periods: tuple[Period, ...]


def statistics(materials: Sequence[Material]) -> Statistics:
    """All numbers over some saves."""
    turns: dict[str, bool] = {}  # content -> whether something was said of it
    ratings: dict[str, dict[str, float]] = {}  # turn -> annotator -> sum
    verdicts: dict[str, dict[str, str]] = {}  # pair -> annotator -> verdict
    played: dict[str, tuple[float, bool]] = {}
    seen: set[str] = set()
    by_kind, by_annotator, retracted = Counter[str](), Counter[str](), 0
    compared: list[Mapping[str, Any]] = []
    for material in materials:
        names = Names(material.world, material.timeline)
        standing = {record.id for record in material.book.standing()}
        for node in material.timeline.nodes():
            if node.parent is None:
                continue
            name = names.of(node.id)
            turns[name] = turns.get(name, False) or node.intervened or bool(material.book.about(node.id))
            if node.agent:
                played.setdefault(name, (node.created, node.intervened))
        for record, identity, data in named(names, material.feedback):
            if identity in seen:
                continue
            seen.add(identity)
            if material.book.kind(record).takes_back is not None:
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
            elif record.kind == "preference":
                pair, verdict = _verdict(name, data["better"], data["worse"], data["verdict"])
                verdicts.setdefault(pair, {})[record.annotator] = verdict
            elif record.kind == "comparison":
                better, worse = data["better"]["command"], data["worse"]["command"]
                pair, verdict = _verdict(name, better, worse, data["verdict"])
                verdicts.setdefault(pair, {})[record.annotator] = verdict
                compared.append(data)
    in_order = sorted(played.values())
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
        alpha_ratings=alpha(
            [{who: max(-2.0, min(2.0, value)) for who, value in each.items()} for each in ratings.values()],
            "interval",
        ),
        alpha_preferences=alpha(list(verdicts.values()), "nominal"),
        shared_turns=sum(len(each) > 1 for each in ratings.values()),
        shared_pairs=sum(len(each) > 1 for each in verdicts.values()),
        contests=contests(compared),
        periods=_periods(in_order),
    )


def _verdict(turn: str, better: object, worse: object, verdict: str) -> tuple[str, str]:
    """A name for the pair whichever way round, and what was said of it."""
    first, second = sorted((str(better), str(worse)))
    return f"{turn}|{first}|{second}", str(better) if verdict == "better" else f"={verdict}"


def _periods(in_order: Sequence[tuple[float, bool]]) -> tuple[Period, ...]:
    size = max(math.ceil(len(in_order) / PERIODS), 1)
    segments = (in_order[start : start + size] for start in range(0, len(in_order), size))
    return tuple(
        Period(since=segment[0][0], turns=len(segment), interventions=sum(stepped_in for _, stepped_in in segment))
        for segment in segments
    )


def alpha(units: Sequence[Mapping[str, Any]], level: Literal["nominal", "ordinal", "interval"]) -> float:
    """Krippendorff's alpha (Krippendorff 2004): 1 is perfect agreement, 0 what chance would give, below is worse.

    Args:
        units: for each thing judged, annotator -> judgement.
        level: how far apart two judgements are.

    Returns:
        NaN where nothing was judged by two people, 1 where all who could differ said the same of everything.
    """
    import krippendorff
    import numpy as np

    shared = [unit for unit in units if len(unit) > 1]
    if not shared:
        return math.nan
    values = sorted({value for unit in shared for value in unit.values()})
    if len(values) == 1:
        return 1.0
    code = {value: float(value) if level == "interval" else float(k) for k, value in enumerate(values)}
    annotators = sorted({who for unit in shared for who in unit})
    table = np.array([[code[unit[who]] if who in unit else math.nan for unit in shared] for who in annotators])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        return float(krippendorff.alpha(reliability_data=table, level_of_measurement=level))
