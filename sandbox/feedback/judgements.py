"""What people's feedback says about commands: of what could be done here, this is good and that is bad.

The one reading of feedback that data sets and training start from. Putting a situation into a prompt is theirs.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from sandbox.store.feedback import Feedback, FeedbackBook
from sandbox.timeline import Node, Timeline

Kind = Literal["rating", "correction", "intervention", "preference"]

HIGH = 1.0
"""Feedback from which a command is worth imitating."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Commands for one seat in one state, as a person sees them."""

    kind: Kind
    state: int
    """The turn at which the command was, or would have been, given."""
    turn: int
    """The turn that the judgement came from: below the state, or the state itself where nobody acted on it."""
    seat: str
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    absolute: bool = True
    """Whether good and bad hold by themselves; a preference only says that good is better than bad."""
    value: float = 0.0
    """Of ratings: what all feedback comes to, in [-2, 2]."""
    annotator: str = ""
    """Empty for interventions."""

    @property
    def imitable(self) -> bool:
        """Whether what is good is good enough to be imitated."""
        return bool(self.good) and self.absolute and (self.kind != "rating" or self.value >= HIGH)


def judgements(timeline: Timeline, book: FeedbackBook) -> Iterator[Judgement]:
    """All that stands, in the order of the turns. Ties, and corrections to what was done anyway, say nothing."""
    for node in timeline.nodes():
        records = book.at(node.id)
        for record in records:
            yield from _said(timeline, node, record)
        if node.parent is None:
            continue
        value = book.value(node.id)
        if node.intervened and node.wanted is not None and value >= 0:
            yield Judgement(
                kind="intervention",
                state=node.parent,
                turn=node.id,
                seat=node.seat,
                good=(node.command,),
                bad=(node.wanted,),
            )
        raters = [record.annotator for record in records if record.kind in ("rating", "credit")]
        if value and (raters or _credited(book, node)):
            good, bad = ((node.command,), ()) if value > 0 else ((), (node.command,))
            yield Judgement(
                kind="rating",
                state=node.parent,
                turn=node.id,
                seat=node.seat,
                good=good,
                bad=bad,
                value=value,
                annotator=raters[-1] if raters else book.about(node.id)[-1].annotator,
            )


def _credited(book: FeedbackBook, node: Node) -> bool:
    return any(record.kind == "credit" for record in book.about(node.id))


def _said(timeline: Timeline, node: Node, record: Feedback) -> Iterator[Judgement]:
    if record.kind == "correction" and node.parent is not None:
        right = record.data["command"]
        if right != node.command:
            yield Judgement(
                kind="correction",
                state=node.parent,
                turn=node.id,
                seat=node.seat,
                good=(right,),
                bad=(node.command,),
                annotator=record.annotator,
            )
    elif record.kind in ("preference", "comparison") and record.data["verdict"] != "tie":
        compared = _compared(timeline, node, record)
        if compared is None:
            return
        state, turn, seat, better, worse = compared
        better_is_good = record.data["verdict"] == "better"
        if better == worse and better_is_good:
            return
        yield Judgement(
            kind="preference",
            state=state,
            turn=turn,
            seat=seat,
            good=(better,) if better_is_good else (),
            bad=(worse,) if better_is_good else tuple(dict.fromkeys((better, worse))),
            absolute=not better_is_good,
            annotator=record.annotator,
        )


def _compared(timeline: Timeline, node: Node, record: Feedback) -> tuple[int, int, str, str, str] | None:
    """State, turn, seat and the two commands of a preference; None where the save does not have them."""
    sides = record.data["better"], record.data["worse"]
    if record.kind == "comparison":
        better, worse = sides
        return node.id, node.id, record.data["seat"], better["command"], worse["command"]
    if record.data["between"] == "turns":
        if not all(side in timeline and timeline.node(side).parent == node.id for side in sides):
            return None
        better, worse = map(timeline.node, sides)
        return node.id, better.id, better.seat, better.command, worse.command
    if node.parent is None:
        return None
    decision = timeline.get(node.id).decision
    if decision is None or max(sides) >= len(decision.proposals):
        return None
    commands = [decision.proposals[side].command for side in sides]
    return node.parent, node.id, node.seat, commands[0], commands[1]
