"""A comparison: what two agents wanted in the same state, judged without knowing whose each was."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from sandbox.feedback.kind import (
    Answer,
    Command,
    Judgement,
    Kind,
    Line,
    Verdict,
    choice_of,
    compared,
    pair_judgement,
)
from sandbox.feedback.names import ContentNames
from sandbox.timeline import Timeline
from sandbox.types import Decision

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback


class Wanted(BaseModel):
    """What one agent wanted in a state that it was asked about."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    agent: Line
    model: Line = ""
    """Language model and adapter."""
    command: Command
    decision: Annotated[int, Field(ge=1)] | None = None
    """The decision in this save; None where the record was merged from another that has it."""


class Comparison(Kind):
    """Nobody acted on either, so it is no reward."""

    seat: Line
    better: Wanted
    worse: Wanted
    verdict: Verdict = "better"
    first: Literal["better", "worse"]
    """Which of the two was shown first."""

    def judgements(self, record: Feedback, timeline: Timeline) -> Iterator[Judgement]:
        commands = self.better.command, self.worse.command
        yield from pair_judgement(record, record.turn, record.turn, self.seat, commands, self.verdict)

    def answered(self, record: Feedback, names: ContentNames) -> Answer:
        shown = self.better.command, self.worse.command
        options = shown if self.first == "better" else shown[::-1]
        choice = choice_of(self.better.command, self.verdict)
        about = f"{names.of(record.turn)} {self.seat}"
        return Answer(about=about, options=options, choice=choice, whole=True, ordered=True)

    def text(self, record: Feedback, decision: Decision | None) -> str:
        return compared(f"“{self.better.command}”", f"“{self.worse.command}”", self.verdict)

    def outward(self, record: Feedback, names: ContentNames) -> dict[str, Any]:
        sides: Mapping[str, Mapping[str, Any]] = {side: record.data[side] for side in ("better", "worse")}
        return {**record.data, **{side: {**data, "decision": None} for side, data in sides.items()}}
