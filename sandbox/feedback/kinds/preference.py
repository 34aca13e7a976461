"""A preference: of two turns tried from one state, or of two proposals of one decision, one is better."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Field

from sandbox.feedback.kind import Judgement, Kind, Verdict, compared, pair_judgement
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
            return {**record.data, **{side: names.of(turn) for side, turn in sides.items()}}
        commands = names.commands(record.turn)
        return {**record.data, **{side: commands[place] for side, place in sides.items()}}

    @classmethod
    def inward(cls, data: Mapping[str, Any], turn: int, names: Names) -> dict[str, Any]:
        if data["between"] == "turns":
            return {**data, **{side: names.turn(data[side]) for side in ("better", "worse")}}
        places = {command: place for place, command in enumerate(names.commands(turn))}
        return {**data, **{side: places[data[side]] for side in ("better", "worse")}}
