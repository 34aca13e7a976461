"""Turns as lines of plain text, as a story prints them: `> command`, the reply, what came of it in brackets."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import TYPE_CHECKING

from sandbox.render import formatting

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback
    from sandbox.timeline import Turn


def transcript(
    path: Sequence[Turn],
    feedback: Callable[[int], Sequence[Feedback]],
    *,
    watcher: str | None = None,
    names: Mapping[str, str] | None = None,
    greetings: Sequence[tuple[str, str]] = (),
) -> Iterator[str]:
    """A branch from its opening on, line by line.

    Args:
        path: the turns.
        feedback: what people said at a turn.
        watcher: the seat that is told; None tells what everybody did.
        names: what the world calls its seats, where there are several.
        greetings: what agents said at the opening, and who.
    """
    opening = path[0]
    yield from _prose(opening.observations[watcher or opening.to_move or next(iter(opening.observations))].text)
    for who, words in greetings:
        yield from ["", *_prose(greeting(who, words))]
    for before, turn in pairwise(path):
        lines = [*command(turn, watcher, names or {}), *reply(before, turn, watcher)]
        lines += (f"[{formatting.said(record, turn.decision)}]" for record in feedback(turn.id))
        yield from ["", *lines] if lines else []


def greeting(who: str, words: str) -> str:
    """What an agent says before it does anything; one that brings no quotation marks is put into them."""
    return f"{who}: {words}" if any(mark in words for mark in '“"') else f"{who}: “{words}”"


def command(turn: Turn, watcher: str | None, names: Mapping[str, str]) -> Iterator[str]:
    """Who did what; nothing of what others do than the watcher."""
    if watcher not in (None, turn.seat):
        return
    by = names.get(turn.seat, turn.seat) if len(turn.observations) > 1 and watcher is None else ""
    if turn.chooser == "person":
        whose = f"{by}: " if by else ""
        instead = f"  [in place of “{turn.wanted}”]" if turn.intervened and turn.wanted else ""
        yield f"> {whose}{turn.command}{instead}"
    else:
        yield f"{formatting.who(turn)}{f' as {by}' if by else ''}: {turn.command}"
        if words := formatting.words(turn):
            yield f"“{words}”"


def reply(before: Turn, turn: Turn, watcher: str | None) -> Iterator[str]:
    """What a turn led to, as the watcher perceives it; without one, as the seat that acted."""
    seat = watcher or turn.seat
    observation = turn.observations[seat]
    yield from _prose(observation.text if turn.seat == seat else formatting.heard(before, turn, seat)[0])
    if reward := turn.rewards.get(seat, 0.0):
        score = formatting.points(observation.score, observation.max_score)
        yield f"[{formatting.gain(reward)} from the world, score {score}]"
    if turn.ended:
        yield f"[{formatting.ending(turn, observation)}]"


def _prose(text: str) -> Iterator[str]:
    yield from text.strip().splitlines()
