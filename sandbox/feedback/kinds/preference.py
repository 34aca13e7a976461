"""A preference: of two turns tried from one state, or of two proposals of one decision, one is better."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from sandbox.feedback.kind import Answer, Judgement, Kind, Line, Verdict, choice_of, compared, pair_judgement
from sandbox.feedback.names import ContentNames
from sandbox.timeline import Timeline
from sandbox.types import Decision

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback
from sandbox.text import clean_line

_POINTS: Mapping[str, tuple[float, float]] = {"better": (1.0, -1.0), "tie": (0.0, 0.0), "bad": (-1.0, -1.0)}


class Preference(Kind):
    """A point for one turn and a point against the other; of proposals, which nobody acted on, worth nothing."""

    between: Literal["turns", "proposals"]
    """Turns: ids of siblings. Proposals: places in the turn's decision."""
    better: Annotated[int, Field(ge=0)]
    worse: Annotated[int, Field(ge=0)]
    verdict: Verdict = "better"
    shown: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=100)] = ()
    """All that could be chosen, in the order in which they were shown; empty where that was not kept."""
    asked: Annotated[int, Field(ge=0)] = 0
    """The question's place in the pass, from 1; 0 where it was no question of a queue."""
    margin: Annotated[int, Field(ge=0, le=9)] = 0
    """How much better it is, from 1; 0 where that was not asked."""
    instead: Annotated[str, AfterValidator(clean_line), Field(max_length=400)] = ""
    """The command that should have been among those shown, where none was any good."""
    guidelines: Line = ""
    """Version of the guidelines that held."""

    @classmethod
    def checked(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        needed = ("between", "better", "worse", "verdict")
        return {name: value for name, value in super().checked(data).items() if value or name in needed}

    def rewards(self, record: Feedback) -> Mapping[int, float]:
        if self.between == "proposals":
            return {}
        return dict(zip((self.better, self.worse), _POINTS[self.verdict], strict=True))

    def judgements(self, record: Feedback, timeline: Timeline) -> Iterator[Judgement]:
        for judgement in self._sides(record, timeline):
            yield judgement if not self.instead else replace(judgement, good=(self.instead,))

    def _sides(self, record: Feedback, timeline: Timeline) -> Iterator[Judgement]:
        node, sides = timeline.node(record.turn), (self.better, self.worse)
        if self.between == "turns":
            if all(side in timeline and timeline.node(side).parent == node.id for side in sides):
                better, worse = map(timeline.node, sides)
                commands = better.command, worse.command
                yield from pair_judgement(record, node.id, better.id, better.seat, commands, self.verdict)
            return
        decision = timeline.get(node.id).decision
        if node.parent is not None and decision is not None and max(sides) < len(decision.proposals):
            commands = decision.proposals[self.better].command, decision.proposals[self.worse].command
            yield from pair_judgement(record, node.parent, node.id, node.seat, commands, self.verdict)

    def answered(self, record: Feedback, names: ContentNames) -> Answer:
        shown = self.shown or (self.better, self.worse)
        if self.between == "turns":
            named = [names.of(turn) for turn in (*shown, self.better)]
        else:
            commands = names.commands(record.turn)
            named = [commands[place] if place < len(commands) else str(place) for place in (*shown, self.better)]
        return Answer(
            about=names.of(record.turn),
            options=tuple(named[:-1]),
            choice=choice_of(named[-1], self.verdict),
            whole=bool(self.shown),
            ordered=bool(self.shown),
        )

    def text(self, record: Feedback, decision: Decision | None) -> str:
        if self.between == "turns":
            return compared("one try", "another", self.verdict)
        if decision is None:
            return record.kind
        known = range(len(decision.proposals))
        better, worse = (
            f"“{decision.proposals[side].command}”" if side in known else "another"
            for side in (self.better, self.worse)
        )
        instead = f"; it should have been “{self.instead}”" if self.instead else ""
        return compared(better, worse, self.verdict) + instead

    def line(self, record: Feedback) -> str:
        return "" if self.verdict == "better" else f"/{self.verdict}"

    def outward(self, record: Feedback, names: ContentNames) -> dict[str, Any]:
        named = names.of if self.between == "turns" else names.commands(record.turn).__getitem__
        return self._moved(record.data, named)

    @classmethod
    def inward(cls, data: Mapping[str, Any], turn: int, names: ContentNames) -> dict[str, Any]:
        places = {command: place for place, command in enumerate(names.commands(turn))}
        return cls._moved(data, names.turn if data["between"] == "turns" else places.__getitem__)

    @staticmethod
    def _moved(data: Mapping[str, Any], rename: Callable[[Any], Any]) -> dict[str, Any]:
        moved = {side: rename(data[side]) for side in ("better", "worse")}
        shown = {"shown": [rename(each) for each in data["shown"]]} if data.get("shown") else {}
        return {**data, **moved, **shown}
