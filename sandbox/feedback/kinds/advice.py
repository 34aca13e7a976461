"""Advice: what a person said to an agent in words, and what it answered."""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.agent.advice import speaks_for
from sandbox.feedback.kind import Command, Judgement, Kind, Line
from sandbox.store.feedback import Feedback
from sandbox.timeline import Timeline
from sandbox.types import Decision


class Advice(Kind):
    """Worth nothing as a reward. A command that does what was asked for is one to imitate."""

    seat: Line
    """The seat of whoever was spoken to."""
    agent: Line = ""
    """Who that was, for people to read: its card's name, and with it the seat's where several agents play."""
    words: Command
    answer: Line = ""
    question: bool = False
    """Whether an answer was wanted, and nothing else."""

    def judgements(self, record: Feedback, timeline: Timeline) -> Iterator[Judgement]:
        if self.question:
            return
        children = [timeline.node(child) for child in timeline.child_ids(record.turn)]
        own = [node.command for node in children if node.seat == self.seat]
        heeded = tuple(command for command in own if speaks_for(self.words, command))
        if heeded:
            yield Judgement(
                kind="advice",
                state=record.turn,
                turn=record.turn,
                seat=self.seat,
                good=tuple(dict.fromkeys(heeded)),
                annotator=record.annotator,
                created=record.created,
            )

    def text(self, record: Feedback, decision: Decision | None) -> str:
        answered = f" — “{self.answer}”" if self.answer else ""
        return f"told {self.agent or 'the agent'} “{self.words}”{answered}"

    def line(self, record: Feedback) -> str:
        return f"/tell {self.seat} {self.words}"
