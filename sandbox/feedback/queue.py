"""Rating without playing: a queue of the decisions that most need a human, and what a verdict on one is worth.

Candidates are shown in a drawn order, without prior, Q or the agent's choice, so that nothing leads the judgement.
Nothing here has effects: the queue gives what is to be asked, and `Verdict`s say what is to be recorded.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from sandbox.feedback.names import name_of
from sandbox.feedback.plan import RatingPlan, draw
from sandbox.feedback.reliability import GOLD
from sandbox.store.feedback import Feedback
from sandbox.timeline import Timeline, Turn, history
from sandbox.types import Decision, Exchange

SHOWN = 9
"""Candidates at most: as many as there are keys."""

Choice = int | Literal["tie", "bad"]
"""A candidate's place on the screen, from 0; that none is better than another; that none is any good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Question:
    """One decision to be judged."""

    save: int
    """Which of the saves, from 0."""
    turn: int
    seat: str
    commands: tuple[str, ...]
    """In the order in which they are shown."""
    places: tuple[int, ...]
    """Of each, its place among the decision's proposals."""
    need: float
    """How much a human is needed, in [0, 2]."""
    chosen: int | None
    """What the agent chose, as a place on the screen; None where it is not shown. Not to be told beforehand."""
    others: tuple[Choice, ...] = ()
    """What other annotators said."""
    key: str = ""
    """Names the question: the same for all raters, in all copies of the save."""
    gold: Choice | None = None
    """What the key says, where there is one."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """One preference to be recorded; `better` and `worse` are places among the proposals."""

    better: int
    worse: int
    verdict: Literal["better", "tie", "bad"]


@dataclass(frozen=True, slots=True)
class Agreement:
    """With how many of those who chose before a person agreed."""

    asked: int = 0
    agreed: int = 0


def need(decision: Decision) -> float:
    """Disagreement between prior and Q, plus how close the decision was: each in [0, 1].

    Disagreement is the total variation distance between their softmax distributions, each over its own spread in
    this state; closeness is 1 less the margin between the two best by the combined score, on the same scale.
    """
    priors = _distribution([proposal.prior for proposal in decision.proposals])
    values = _distribution(decision.q_values)
    scores = sorted(_distribution(decision.scores), reverse=True)
    disagreement = sum(abs(p - q) for p, q in zip(priors, values, strict=True)) / 2
    return disagreement + 1.0 - (scores[0] - scores[1] if len(scores) > 1 else 1.0)


def _distribution(numbers: Sequence[float]) -> list[float]:
    """Softmax over standardised numbers; what is no number counts as the least of them."""
    known = [number for number in numbers if math.isfinite(number)]
    least = min(known, default=0.0)
    full = [number if math.isfinite(number) else least for number in numbers]
    mean = math.fsum(full) / len(full)
    spread = math.sqrt(math.fsum((number - mean) ** 2 for number in full) / len(full)) or 1.0
    weights = [math.exp((number - mean) / spread) for number in full]
    return [weight / math.fsum(weights) for weight in weights]


def questions(
    timelines: Sequence[tuple[Timeline, Sequence[Feedback]]],
    annotator: str,
    *,
    seed: int = 0,
    plan: RatingPlan | None = None,
) -> list[Question]:
    """What is to be asked, most needed first: what nobody rated, then what others did; never one's own again.

    A state that was met often, with the same candidates, is asked about once.

    Args:
        timelines: for each save, its tree and the records that stand.
        annotator: who is going to answer.
        seed: of the order in which candidates are shown, without a plan.
        plan: who is asked what, in which order, and how often a question with a known answer comes. With it,
            candidates are shown in an order drawn for each person.
    """
    order = (seed, "") if plan is None else (plan.seed, annotator)
    found: dict[str, tuple[int, Question]] = {}
    mine: set[str] = set()
    for save, (timeline, records) in enumerate(timelines):
        said: dict[int, dict[str, list[Feedback]]] = {}
        for record in records:
            if record.kind == "skip" or (record.kind == "preference" and record.data["between"] == "proposals"):
                said.setdefault(record.turn, {}).setdefault(record.annotator, []).append(record)
        for turn in _decided(timeline):
            question = _question(save, turn, said.get(turn.id, {}), annotator, order)
            if annotator in said.get(turn.id, {}):
                mine.add(question.key)
            known = found.get(question.key)
            if len(question.commands) > 1 and (known is None or _known(question) > known[0]):
                found[question.key] = (_known(question), question)
    asked = [question for key, (_, question) in found.items() if key not in mine]
    asked.sort(key=lambda question: (bool(question.others), -question.need, question.save, question.turn))
    return asked if plan is None else _planned(asked, annotator, plan)


def _known(question: Question) -> int:
    return len(question.others) + (question.gold is not None)


def _planned(asked: Sequence[Question], annotator: str, plan: RatingPlan) -> list[Question]:
    """Those that go to a person, in the order of the plan, with known ones mixed in at its rate."""
    mixed = bool(plan.gold) and annotator != GOLD
    known = [question for question in asked if mixed and question.gold is not None]
    rest = [
        question
        for question in asked
        if not (mixed and question.gold is not None)
        and (annotator == GOLD or plan.is_asked(annotator, question.key, len(question.others)))
    ]
    if plan.order == "shuffled":
        for some in (known, rest):
            some.sort(key=lambda question: draw(plan.seed, "order", annotator, question.key))
    if not known:
        return rest
    every, queue = round(1 / plan.gold), list[Question]()
    for number, question in enumerate(rest):
        if known and number % (every - 1) == (every - 1) // 2:
            queue.append(known.pop(0))
        queue.append(question)
    return queue if rest else known


def _decided(timeline: Timeline) -> Iterator[Turn]:
    ids = [node.id for node in timeline.nodes() if node.agent]
    for start in range(0, len(ids), 200):
        yield from (turn for turn in timeline.turns(ids[start : start + 200]) if turn.decision is not None)


def _question(
    save: int, turn: Turn, said: dict[str, list[Feedback]], annotator: str, order: tuple[int, str]
) -> Question:
    decision = turn.decision
    assert decision is not None
    first: dict[str, int] = {}
    for place, proposal in enumerate(decision.proposals):
        first.setdefault(proposal.command, place)
    shown = list(first.items())[:SHOWN]
    if decision.command not in dict(shown):  # an exploring agent may have chosen from far down
        shown[-1] = (decision.command, decision.chosen)
    key = name_of("question", turn.seat, decision.state_key, sorted(command for command, _ in shown))
    shown.sort(key=lambda item: draw(order[0], "side", order[1], key, item[0]))
    commands, places = tuple(command for command, _ in shown), tuple(place for _, place in shown)
    choices = {who: _choice(records, places) for who, records in said.items() if who != annotator}
    gold = choices.pop(GOLD, None)
    return Question(
        save=save,
        turn=turn.id,
        seat=turn.seat,
        commands=commands,
        places=places,
        need=need(decision),
        chosen=commands.index(decision.command) if decision.command in commands else None,
        others=tuple(choice for choice in choices.values() if choice is not None),
        key=key,
        gold=gold,
    )


def _choice(records: Sequence[Feedback], places: Sequence[int]) -> Choice | None:
    """What one person's records on a decision amount to."""
    if records[-1].kind != "preference":
        return None
    latest: Any = records[-1].data
    if latest["verdict"] != "better":
        return "tie" if latest["verdict"] == "tie" else "bad"
    return places.index(latest["better"]) if latest["better"] in places else None


def verdicts(question: Question, choice: Choice) -> tuple[Verdict, ...]:
    """A choice as preferences: the chosen one over each of the others, or all of them alike.

    Raises `ValueError` where nothing stands at that place.
    """
    places = question.places
    if isinstance(choice, int):
        if not 0 <= choice < len(places):
            raise ValueError(f"there is no candidate {choice + 1}")
        best = places[choice]
        return tuple(Verdict(best, place, "better") for place in places if place != best)
    return tuple(Verdict(places[0], place, choice) for place in places[1:])


def situation(timeline: Timeline, turn_id: int) -> tuple[tuple[Exchange, ...], str]:
    """What the seat had lived through when it decided, and its goal."""
    turn = timeline.node(turn_id)
    assert turn.parent is not None
    path = timeline.path(turn.parent)
    return history(path, turn.seat), path[-1].observations[turn.seat].goal


@dataclass(slots=True)
class Queue:
    """Where a person stands among the questions."""

    questions: Sequence[Question]
    at: int = 0
    _answers: list[tuple[int, Choice | None]] = field(default_factory=list)

    @property
    def current(self) -> Question | None:
        """None at the end."""
        return self.questions[self.at] if self.at < len(self.questions) else None

    def answer(self, choice: Choice | None) -> None:
        """Go on, with an answer or, by None, without one."""
        self._answers.append((self.at, choice))
        self.at += 1

    def undo(self) -> bool:
        """Back to the question before. Returns False at the first."""
        if not self._answers:
            return False
        self.at, _ = self._answers.pop()
        return True

    @property
    def rated(self) -> int:
        return sum(choice is not None for _, choice in self._answers)

    def with_agent(self) -> Agreement:
        """How often the person chose as the agent did."""
        pairs = [(choice, self.questions[at].chosen) for at, choice in self._answers if isinstance(choice, int)]
        return Agreement(len(pairs), sum(choice == chosen for choice, chosen in pairs))

    def with_others(self) -> Agreement:
        """How often the person said what another annotator had said."""
        pairs = [
            (choice, other)
            for at, choice in self._answers
            if choice is not None
            for other in self.questions[at].others
        ]
        return Agreement(len(pairs), sum(choice == other for choice, other in pairs))
