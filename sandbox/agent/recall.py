"""What a seat remembers of an episode, read off its transcript: where it has been, and where it saw what."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field

from sandbox.agent.grounding import looks_refused
from sandbox.directions import OPPOSITE
from sandbox.types import Exchange, History

_SHORT = {
    "n": "north", "s": "south", "e": "east", "w": "west", "u": "up", "d": "down", "ne": "northeast",
    "nw": "northwest", "se": "southeast", "sw": "southwest",
}  # fmt: skip
_MARKED_TITLE = re.compile(r"^-= (.+) =-$", re.MULTILINE)
_TITLE = re.compile(r"[A-Z][\w' ,-]{1,48}")
_GO = re.compile(r"(?:go |walk |run |head )?(\w+)")


@dataclass(frozen=True, slots=True)
class Sighting:
    """A line that the seat read, and where it stood."""

    line: str
    room: str
    turn: int


@dataclass(slots=True)
class Recall:
    """What one seat has seen in this episode."""

    room: str = ""
    """Where it is, as the world calls it; empty where that cannot be told."""
    ways: dict[str, dict[str, str]] = field(default_factory=dict)
    """For each room: where its ways led."""
    lines: list[Sighting] = field(default_factory=list)
    """All that was read, oldest first."""

    @classmethod
    def of(cls, history: History) -> Recall:
        """Out of a transcript."""
        recall = cls()
        for turn, exchange in enumerate(history):
            recall.read(exchange, turn)
        return recall

    def read(self, exchange: Exchange, turn: int) -> None:
        """Take in one command and its reply."""
        way = direction(exchange.command)
        title = title_of(exchange.reply, marked_only=bool(exchange.command) and way is None)
        if title and not (exchange.command and looks_refused(exchange.reply)):
            if way is not None and self.room and title != self.room:
                self.ways.setdefault(self.room, {})[way] = title
                if way in OPPOSITE:
                    self.ways.setdefault(title, {}).setdefault(OPPOSITE[way], self.room)
            self.room = title
            self.ways.setdefault(title, {})
        opened = exchange.command.removeprefix("open ") if exchange.command.startswith("open ") else ""
        for line in exchange.reply.split("\n"):
            for sentence in re.split(r"(?<=[.!?])\s+", line.strip()):
                if opened and sentence.startswith("Inside "):
                    sentence = f"In the {opened}{sentence.removeprefix('Inside')}"
                if sentence:
                    self.lines.append(Sighting(sentence, self.room, turn))

    def been(self, way: str) -> str:
        """The room that a way from here is known to lead to; empty where it has not been there."""
        return self.ways.get(self.room, {}).get(way, "")

    def route(self, room: str) -> tuple[str, ...]:
        """Ways from here to a room that was seen, the fewest; empty where there are none known."""
        paths: dict[str, tuple[str, ...]] = {self.room: ()}
        waiting = [self.room]
        for here in waiting:
            for way, there in self.ways.get(here, {}).items():
                if there not in paths:
                    paths[there] = (*paths[here], way)
                    waiting.append(there)
        return next((path for name, path in paths.items() if name.lower() == room.lower()), ())


def direction(command: str) -> str | None:
    """The direction that a command goes in; None where it goes nowhere."""
    found = _GO.fullmatch(command.strip().lower())
    word = _SHORT.get(found[1], found[1]) if found else ""
    return word if word in OPPOSITE else None


def title_of(reply: str, *, marked_only: bool = False) -> str:
    """The name of the room that a reply describes; empty where it describes none."""
    marked = _MARKED_TITLE.findall(reply)
    if marked:
        return str(marked[-1])
    if marked_only:
        return ""
    lines: Sequence[str] = [line.strip() for line in reply.split("\n")]
    for line, following in zip(lines, (*lines[1:], ""), strict=True):
        if following and _TITLE.fullmatch(line) and len(line.split()) <= 6:
            return line
    return ""
