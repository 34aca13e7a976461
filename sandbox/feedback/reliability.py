"""How far people agree: over questions that have options of their own, and over ratings.

The unit is the question, not the pairs that a best-of-N answer amounts to: N-1 pairs of one answer agree or
disagree together. Chance is over a question's own options: the labels of different questions are different things.
"""

from __future__ import annotations

import math
import statistics as stats
import warnings
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.feedback.kind import BAD, TIE, Answer
from sandbox.statistics import Interval, proportion

GOLD = "gold"
"""The annotator whose answers are the key that the others are held against."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Rater:
    """One person beside the others."""

    name: str
    answers: int
    """To questions with options, and ratings of turns."""
    agreement: Interval
    """How often another person who was asked the same said the same; NaN where nobody was."""
    seconds: float
    """Median time for an answer; NaN where none was kept."""
    first: Interval
    """How often the option shown first was chosen, of the choices whose order is known."""
    first_expected: float
    """The same for somebody who has no such habit: the mean of 1 over the number of options."""
    gold: Interval
    """How often the answer was that of the key; NaN where there is no key."""


@dataclass(slots=True)
class TimedAnswer:
    """An answer with when it was given and how long it took."""

    answer: Answer
    created: float
    latency: float | None = None


@dataclass(slots=True)
class Questions:
    """Answers, gathered by the question that they answer."""

    _said: dict[tuple[str, str], list[TimedAnswer]] = field(default_factory=dict)
    """(what it is about, person) -> their answers, oldest first."""

    def add(self, annotator: str, said: TimedAnswer) -> None:
        """Count an answer. One that names two of several options goes with the others of the same choice."""
        theirs = self._said.setdefault((said.answer.about, annotator), [])
        same = (each for each in theirs if _goes_with(each.answer, said.answer))
        if (earlier := next(same, None)) is None:
            theirs.append(said)
            return
        options = tuple(dict.fromkeys((*earlier.answer.options, *said.answer.options)))
        earlier.answer = Answer(
            about=said.answer.about,
            options=options,
            choice=said.answer.choice,
            whole=said.answer.whole,
            ordered=said.answer.ordered,
        )
        earlier.created = said.created

    def asked(self) -> dict[tuple[str, tuple[str, ...]], dict[str, TimedAnswer]]:
        """(What it is about, options) -> person -> their latest answer."""
        found: dict[tuple[str, tuple[str, ...]], dict[str, TimedAnswer]] = {}
        for (about, annotator), theirs in self._said.items():
            for said in sorted(theirs, key=lambda each: each.created):
                found.setdefault((about, tuple(sorted(said.answer.options))), {})[annotator] = said
        return found


def _goes_with(earlier: Answer, later: Answer) -> bool:
    """Whether two answers about one thing are parts of one: the same choice, over options that overlap in it."""
    if earlier.choice != later.choice:
        return False
    if earlier.whole or later.whole:
        return earlier.options == later.options
    return later.choice not in (TIE, BAD) or earlier.options[0] == later.options[0]


def question_alpha(questions: Iterable[tuple[Sequence[str], Mapping[str, str]]]) -> float:
    """Chance-corrected agreement over questions with options of their own: 1 is perfect, 0 is chance.

    As Krippendorff's alpha for nominal data, `1 - observed / expected` disagreement with each question weighing as
    many as answered it, but what is expected is worked out for each question: ties and "all bad" come as often as
    they do in all answers, and what is left is shared evenly among the question's options.

    Args:
        questions: for each its options, and person -> choice.

    Returns:
        NaN where no question was answered by two people.
    """
    shared = [(options, list(answers.values())) for options, answers in questions if len(answers) > 1]
    given = [choice for _, answers in shared for choice in answers]
    if not shared:
        return math.nan
    tie, bad = given.count(TIE) / len(given), given.count(BAD) / len(given)
    observed = expected = 0.0
    for options, answers in shared:
        n = len(answers)
        alike = sum(answers.count(choice) * (answers.count(choice) - 1) for choice in set(answers)) / (n * (n - 1))
        chance = tie**2 + bad**2 + (1 - tie - bad) ** 2 / max(len(options), 1)
        observed += n * (1 - alike)
        expected += n * (1 - chance)
    return 1.0 if not observed else 1 - observed / expected


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


def raters(
    questions: Sequence[Mapping[str, TimedAnswer]], ratings: Iterable[Mapping[str, float]]
) -> tuple[Rater, ...]:
    """Each person beside the others, in the order of their names.

    Args:
        questions: for each, person -> answer.
        ratings: for each turn, person -> what their ratings come to; of these the sign is compared.
    """
    units: list[Mapping[str, str]] = [
        {name: said.answer.choice for name, said in people.items()} for people in questions
    ]
    units += [{name: f"{(value > 0) - (value < 0):+d}" for name, value in people.items()} for people in ratings]
    names = sorted({name for unit in units for name in unit})
    return tuple(_rater(name, units, [people[name] for people in questions if name in people]) for name in names)


def _rater(name: str, units: Sequence[Mapping[str, str]], said: Sequence[TimedAnswer]) -> Rater:
    own = [unit for unit in units if name in unit]
    shares = []
    for unit in own:
        others = [choice for other, choice in unit.items() if other not in (name, GOLD)]
        if others:
            shares.append(others.count(unit[name]) / len(others))
    keyed = [unit[name] == unit[GOLD] for unit in own if GOLD in unit and name != GOLD]
    chosen = [each.answer for each in said if each.answer.ordered and each.answer.choice in each.answer.options]
    times = [each.latency for each in said if each.latency is not None]
    return Rater(
        name=name,
        answers=len(own),
        agreement=proportion(math.fsum(shares), len(shares)),
        seconds=stats.median(times) if times else math.nan,
        first=proportion(sum(each.choice == each.options[0] for each in chosen), len(chosen)),
        first_expected=stats.fmean(1 / len(each.options) for each in chosen) if chosen else math.nan,
        gold=proportion(sum(keyed), len(keyed)),
    )
