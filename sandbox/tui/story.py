"""Turns as paragraphs: what the transcript says, and in whose voice. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from textual.content import Content

from sandbox.render import formatting, transcript
from sandbox.session.chart import room_name
from sandbox.tui import format as fmt

if TYPE_CHECKING:
    from sandbox.session.moves import Preview
    from sandbox.session.view import View
    from sandbox.store.feedback import Feedback
    from sandbox.timeline import Node, Turn
    from sandbox.types import Decision

_HEADING = re.compile(r"-= .+ =-")
_OWN = (fmt.AGENT, fmt.EXPLORATION)
_SPEECH = re.compile('[“「『"]')


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


class Story:
    """The story so far, as blocks. Those of turns that have not changed since they were told are kept."""

    def __init__(self) -> None:
        self._watcher: str | None = None
        self._greetings: tuple[tuple[str, str], ...] = ()
        self._path: tuple[Turn, ...] = ()
        self._feedback: Mapping[int, tuple[Feedback, ...]] = {}
        self._blocks: list[Block] = []
        self._apart: list[bool] = []
        """For each turn, whether something was told since the watcher's own turn before it was."""

    def tell(self, view: View, notes: Mapping[int, str]) -> list[Block]:
        """All of it, with notes on some pieces of feedback, by their ids.

        A watcher is told what its own seat lived through; without one everybody's commands and replies are told.
        """
        kept = self._kept(view)
        del self._blocks[kept:], self._apart[kept:]
        for at in range(kept, len(view.path)):
            self._add(view, at, notes)
        self._watcher, self._path, self._feedback = view.watcher, view.path, view.feedback
        self._greetings = view.greetings
        return list(self._blocks)

    def _kept(self, view: View) -> int:
        """How many turns, from the opening on, have nothing new about them."""
        if view.watcher != self._watcher or view.greetings != self._greetings:
            return 0
        kept, said, now_said = 0, self._feedback, view.feedback
        for old, new in zip(self._path, view.path, strict=False):
            if old is not new or said.get(new.id) is not now_said.get(new.id):
                break
            kept += 1
        return kept

    def _add(self, view: View, at: int, notes: Mapping[int, str]) -> None:
        turn, watcher = view.path[at], view.watcher
        feedback = view.feedback.get(turn.id, ())
        greetings = view.greetings if not at else ()
        key = (turn.id, watcher, greetings, tuple((said.id, notes.get(said.id)) for said in feedback))
        name = view.name(turn.seat) if len(view.seats) > 1 and turn.seat else ""
        if watcher is None or not at or turn.seat == watcher:
            tell, apart = partial(turn_paragraphs, turn, feedback, notes, watcher, name, greetings), False
        else:
            before, apart = view.path[at - 1], self._apart[at - 1]
            tell = partial(others_paragraphs, turn, before, feedback, notes, watcher, name, apart)
            apart = apart or formatting.heard(before, turn, watcher)[0] != ""
        self._blocks.append(Block(key, tell))
        self._apart.append(apart)


def latest(view: View) -> str:
    """The latest command, where the watcher gave it, and what the watcher read then, as text."""
    turn = view.current
    command = f"> {turn.command}\n\n" if turn.command and view.watcher in (None, turn.seat) else ""
    return command + view.observation.text


def turn_paragraphs(
    turn: Turn,
    feedback: Sequence[Feedback],
    notes: Mapping[int, str],
    watcher: str | None,
    name: str,
    greetings: Sequence[tuple[str, str]] = (),
) -> list[Paragraph]:
    """A turn: the command, the world's reply, the reward, what people said about it, how it ended.

    Args:
        turn: which.
        feedback: what people said about it.
        notes: how the learner took that.
        watcher: the seat that is told; None for the one that acted.
        name: of the seat that acted, where there are several.
        greetings: what agents say at an opening, and who.
    """
    paragraphs: list[Paragraph] = []
    if turn.command:
        paragraphs += [BLANK, *_command(turn, "" if watcher else name)]
    seat = watcher or turn.seat or next(iter(turn.observations))
    observation = turn.observations[seat]
    paragraphs += prose(observation.text, room_name(observation))
    for who, words in greetings:
        paragraphs += [BLANK, *(_spoken(line.text) for line in prose(transcript.greeting(who, words)))]
    return paragraphs + _aftermath(turn, seat, feedback, notes, name)


def others_paragraphs(
    turn: Turn,
    before: Turn,
    feedback: Sequence[Feedback],
    notes: Mapping[int, str],
    watcher: str,
    name: str,
    apart: bool,
) -> list[Paragraph]:
    """What a seat perceived while another acted; `apart` where something was told since its own turn already."""
    text, goes_on = formatting.heard(before, turn, watcher)
    room = room_name(turn.observations[watcher])
    paragraphs = list(prose(text, room)) if not goes_on else [_overheard(line.text) for line in prose(text)]
    if not paragraphs and name:
        # That a partner did something is told, even where what it did is hidden.
        paragraphs = [
            Paragraph(Content.styled(f"{name} does something, out of your sight.", fmt.MUTED), fmt.OTHERS)
        ]
    if paragraphs and not apart:
        paragraphs.insert(0, BLANK)
    return paragraphs + _aftermath(turn, watcher, feedback, notes, name)


def _overheard(line: Content) -> Paragraph:
    if _SPEECH.search(line.plain):
        return _spoken(line)
    return Paragraph(line.stylize(fmt.MUTED), fmt.OTHERS, fmt.MUTED)


def _spoken(line: Content) -> Paragraph:
    return Paragraph(line.stylize("$text-accent"), fmt.TALK if line.plain else " ", "bold $text-accent")


def _aftermath(
    turn: Turn, seat: str, feedback: Sequence[Feedback], notes: Mapping[int, str], name: str
) -> list[Paragraph]:
    """The reward of a seat, what people said about the turn and of whom, and the end."""
    paragraphs: list[Paragraph] = []
    observation = turn.observations[seat]
    standing = fmt.points(observation.score, observation.max_score)
    if reward := turn.rewards.get(seat, 0.0):
        tone = "$text-success" if reward > 0 else "$text-error"
        paragraphs.append(
            Paragraph(
                Content.assemble((f"{fmt.gain(reward)} from the world", tone), (f"  score {standing}", fmt.MUTED))
            )
        )
    for said in feedback:
        paragraphs.append(_said(said, turn.decision, name))
        if said.id in notes:
            paragraphs.append(Paragraph(Content.styled(notes[said.id], fmt.MUTED), fmt.NOTE, fmt.MUTED))
    if turn.ended:
        paragraphs += _ending(turn, observation.won, standing)
    return paragraphs


def voice(turn: Node) -> str:
    """The glyph of who chose the command."""
    if turn.chooser == "person":
        return fmt.OVERRIDE if turn.intervened else fmt.PERSON
    others = {"exploration": fmt.EXPLORATION, "script": fmt.SCRIPT, "author": fmt.PERSON}
    return others.get(turn.chooser, fmt.AGENT)


def prose(text: str, room: str = "") -> Iterator[Paragraph]:
    """A world's text, line by line; no blank lines around it, never two in a row, the room's name a heading."""
    blank, begun = True, False
    for line in text.strip().splitlines():
        line = line.rstrip()
        heading = bool(line) and (line == room or _HEADING.fullmatch(line.strip()) is not None)
        if heading and begun and not blank:
            yield BLANK
        if line or not blank:
            yield Paragraph(Content.styled(line, "bold" if heading else ""))
        blank, begun = not line, True


def remark(text: str, style: str = fmt.MUTED) -> Block:
    """Something the screen itself has to say."""
    return Block(("remark", text), lambda: (BLANK, Paragraph(Content.styled(text, style), fmt.NOTE, style)))


def foreseen(preview: Preview) -> Block:
    """What a command would lead to, dim: it has not happened."""
    lines = [Paragraph(line.text.stylize(fmt.MUTED)) for line in prose(preview.text)]
    command = Content.assemble(
        (f"if > {preview.command}", f"italic {fmt.MUTED}"), (f"  {worth(preview)}", fmt.MUTED)
    )
    return Block(("foreseen", preview), lambda: (BLANK, Paragraph(command, fmt.GHOST, fmt.MUTED), *lines))


def worth(preview: Preview) -> str:
    """The reward of a preview, and whether it would be the end."""
    return " ".join(
        filter(None, (fmt.gain(preview.reward) if preview.reward else "", "■" if preview.ended else ""))
    )


def _command(turn: Turn, name: str) -> Iterator[Paragraph]:
    glyph = voice(turn)
    style = fmt.COMMAND_STYLES[glyph]
    parts = [Content.styled(f"> {turn.command}", style)]
    if name:
        parts.insert(0, Content.styled(f"{name} ", fmt.MUTED))
    if glyph == fmt.OVERRIDE and turn.wanted:
        parts.append(Content.styled(f"  in place of “{turn.wanted}”", fmt.MUTED))
    elif glyph == fmt.EXPLORATION:
        parts.append(Content.styled("  exploring", fmt.MUTED))
    yield Paragraph(Content("").join(parts), glyph, style)
    if glyph in _OWN and (said := formatting.words(turn)):
        yield Paragraph(Content.styled(f"“{said}”", f"italic {fmt.MUTED}"))


def _said(said: Feedback, decision: Decision | None, name: str) -> Paragraph:
    from sandbox.feedback.kind import reasons

    told, why = formatting.verdict(said, decision), reasons(said)
    if not told:
        return Paragraph(Content.styled(why, f"italic {fmt.MUTED}"), fmt.COMMENT, fmt.MUTED)
    tone = "$text-warning" if said.value is None else "$text-success" if said.value > 0 else "$text-error"
    because = (f"  {why}" if why else "", tone if said.value is None else fmt.MUTED)
    whose = (f", for {name}" if name else "", tone)
    return Paragraph(Content.assemble((told, tone), whose, because), fmt.REWARD, tone)


def _ending(turn: Turn, won: bool, score: str) -> Iterator[Paragraph]:
    outcome = formatting.outcome(turn, won)
    tone = {"Won": "$text-success", "Lost": "$text-error"}.get(outcome, "$text-warning")
    turns = "1 turn" if turn.depth == 1 else f"{turn.depth} turns"
    yield BLANK
    yield Paragraph(
        Content.assemble(("━━━ ", tone), (f"{outcome}", f"bold {tone}"), (f" · {score} in {turns} ━━━", tone))
    )
    yield Paragraph(Content.styled("/restart plays again; what was learned stays. undo goes back.", fmt.MUTED))
