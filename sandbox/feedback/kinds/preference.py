"""A preference: of two turns tried from one state, or of two proposals of one decision, one is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from sandbox.feedback.kind import Answer, Judgement, Kind, Verdict, choice_of, compared, pair_judgement
from sandbox.feedback.names import Names
from sandbox.timeline import Timeline
from sandbox.types import Decision

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback

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

    def rewards(self, record: Feedback) -> Mapping[int, float]:
        if self.between == "proposals":
            return {}
        return dict(zip((self.better, self.worse), _POINTS[self.verdict], strict=True))

    def judgements(self, record: Feedback, timeline: Timeline) -> Iterator[Judgement]:
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

    def answered(self, record: Feedback, names: Names) -> Answer:
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
        return compared(better, worse, self.verdict)

    def line(self, record: Feedback) -> str:
        return "" if self.verdict == "better" else f"/{self.verdict}"

    def outward(self, record: Feedback, names: Names) -> dict[str, Any]:
        sides = {"better": self.better, "worse": self.worse}
        if self.between == "turns":
            shown = [names.of(turn) for turn in self.shown]
            return {**record.data, **{side: names.of(turn) for side, turn in sides.items()}, "shown": shown}
        commands = names.commands(record.turn)
        shown = [commands[place] for place in self.shown]
        return {**record.data, **{side: commands[place] for side, place in sides.items()}, "shown": shown}

    @classmethod
    def inward(cls, data: Mapping[str, Any], turn: int, names: Names) -> dict[str, Any]:
        if data["between"] == "turns":
            shown = [names.turn(name) for name in data.get("shown", ())]
            return {**data, **{side: names.turn(data[side]) for side in ("better", "worse")}, "shown": shown}
        places = {command: place for place, command in enumerate(names.commands(turn))}
        shown = [places[command] for command in data.get("shown", ())]
        return {**data, **{side: places[data[side]] for side in ("better", "worse")}, "shown": shown}
