"""Turns as paragraphs: what the transcript says, and in whose voice. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from sandbox.tui import format as fmt

if TYPE_CHECKING:
    from sandbox.play.feedback import Feedback
    from sandbox.play.timeline import Node, Turn
    from sandbox.tui.view import View

_HEADING = re.compile(r"-= .+ =-")


@dataclass(frozen=True, slots=True)
class Paragraph:
    """One line before wrapping. The glyph says whose voice it is, and stands in a gutter of its own."""

    text: Content
    glyph: str = " "
    style: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """What belongs to one turn. Blocks with equal keys read alike, so only one of them need be told."""

    key: object
    tell: Callable[[], Sequence[Paragraph]]


BLANK = Paragraph(Content(""))


def blocks(view: View, notes: Mapping[int, str]) -> list[Block]:
    """The story so far, with notes on some pieces of feedback, by their ids."""
    several = len(view.seats) > 1
    told = []
    for turn in view.path:
        feedback = view.feedback.get(turn.id, ())
        key = (turn.id, tuple((said.id, notes.get(said.id)) for said in feedback))
        told.append(Block(key, partial(turn_paragraphs, turn, feedback, notes, several)))
    return told


def turn_paragraphs(
    turn: Turn, feedback: Sequence[Feedback], notes: Mapping[int, str], several: bool
) -> list[Paragraph]:
    """A turn: the command, the world's reply, the reward, what people said about it, how it ended."""
    paragraphs: list[Paragraph] = []
    if turn.command:
        paragraphs += _command(turn, several)
    observation = turn.observations.get(turn.seat) or next(iter(turn.observations.values()))
    paragraphs += prose(observation.text)
    if reward := turn.rewards.get(turn.seat, 0.0):
        tone = "$text-success" if reward > 0 else "$text-error"
        standing = fmt.points(observation.score, observation.max_score)
        paragraphs.append(
            Paragraph(
                Content.assemble((f"{fmt.gain(reward)} from the world", tone), (f"  score {standing}", fmt.MUTED))
            )
        )
    for said in feedback:
        paragraphs.append(_said(said))
        if said.id in notes:
            paragraphs.append(Paragraph(Content.styled(notes[said.id], fmt.MUTED), fmt.NOTE, fmt.MUTED))
    if turn.ended:
        paragraphs += _ending(turn, observation.won, fmt.points(observation.score, observation.max_score))
    return [*paragraphs, BLANK]


def voice(turn: Node) -> str:
    """The glyph of who chose the command."""
    if turn.chooser == "person":
        return fmt.OVERRIDE if turn.intervened else fmt.PERSON
    return {"exploration": fmt.EXPLORATION, "script": fmt.SCRIPT}.get(turn.chooser, fmt.AGENT)


def prose(text: str) -> Iterator[Paragraph]:
    """A world's text, line by line; no blank lines around it and never two in a row."""
    blank = True
    for line in text.strip().splitlines():
        line = line.rstrip()
        if line or not blank:
            yield Paragraph(Content.styled(line, "bold" if _HEADING.fullmatch(line.strip()) else ""))
        blank = not line


def remark(text: str, style: str = fmt.MUTED) -> Block:
    """Something the screen itself has to say."""
    return Block(("remark", text), lambda: (Paragraph(Content.styled(text, style), fmt.NOTE, style), BLANK))


def _command(turn: Turn, several: bool) -> Iterator[Paragraph]:
    glyph = voice(turn)
    style = fmt.COMMAND_STYLES[glyph]
    parts = [Content.styled(f"> {turn.command}", style)]
    if several:
        parts.insert(0, Content.styled(f"{turn.seat} ", fmt.MUTED))
    if glyph == fmt.OVERRIDE and turn.wanted:
        parts.append(Content.styled(f"  in place of “{turn.wanted}”", fmt.MUTED))
    elif glyph == fmt.EXPLORATION:
        parts.append(Content.styled("  exploring", fmt.MUTED))
    yield Paragraph(Content("").join(parts), glyph, style)
    said = turn.decision.proposals[turn.decision.chosen].said if turn.decision and glyph == fmt.AGENT else ""
    if said and said != turn.command:
        yield Paragraph(Content.styled(f"“{said}”", f"italic {fmt.MUTED}"))


def _said(said: Feedback) -> Paragraph:
    if said.kind == "comment":
        return Paragraph(Content.styled(said.comment, f"italic {fmt.MUTED}"), fmt.COMMENT, fmt.MUTED)
    reasons = ", ".join((*said.reasons, said.comment)).strip(", ")
    if said.value is None:
        return Paragraph(Content.styled(" ".join((said.kind, reasons)), fmt.MUTED), fmt.REWARD, fmt.MUTED)
    tone = "$text-success" if said.value > 0 else "$text-error"
    who = "you" if said.annotator == "anonymous" else said.annotator
    return Paragraph(
        Content.assemble(
            (f"{fmt.gain(said.value)} from {who}", tone),
            (f"  {reasons}" if reasons else "", fmt.MUTED),
        ),
        fmt.REWARD,
        tone,
    )


def _ending(turn: Turn, won: bool, score: str) -> Iterator[Paragraph]:
    outcome, tone = ("Won", "$text-success") if won else ("Lost", "$text-error")
    if turn.truncated and not turn.terminated:
        outcome, tone = "Out of time", "$text-warning"
    turns = "1 turn" if turn.depth == 1 else f"{turn.depth} turns"
    yield BLANK
    yield Paragraph(
        Content.assemble(("━━━ ", tone), (f"{outcome}", f"bold {tone}"), (f" · {score} in {turns} ━━━", tone))
    )
    yield Paragraph(Content.styled("/restart plays again; what was learned stays. undo goes back.", fmt.MUTED))
