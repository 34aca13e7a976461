"""A correction: the command that should have been given."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from sandbox.feedback.kind import Command, Judgement, Kind
from sandbox.timeline import Timeline
from sandbox.types import Decision

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback


class Correction(Kind):
    """A point against what was done, and something to imitate in its place."""

    command: Command

    def rewards(self, record: Feedback) -> Mapping[int, float]:
        return {record.turn: -1.0}

    def judgements(self, record: Feedback, timeline: Timeline) -> Iterator[Judgement]:
        node = timeline.node(record.turn)
        if node.parent is not None and self.command != node.command:
            yield Judgement(
                kind="correction",
                state=node.parent,
                turn=node.id,
                seat=node.seat,
                good=(self.command,),
                bad=(node.command,),
                annotator=record.annotator,
                created=record.created,
            )

    def text(self, record: Feedback, decision: Decision | None) -> str:
        return f"should have been “{self.command}”"

    def line(self, record: Feedback) -> str:
        return f"/correct {self.command}"
