"""What goes between a game and those who have joined it: JSON objects of bounded length, one a line.

A guest begins with `Join`, and gets `Welcome` or `Bye`. Nothing of the host's is meant for eyes that are not the
guest's: what is told is rendered for its seat where the game is.
"""

from __future__ import annotations

import json
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sandbox.errors import PlayError
from sandbox.text import clean, clean_line

FROM_GUEST: Final = 4096
"""Bytes of a message of a guest, at most."""
TO_GUEST: Final = 1 << 18
"""Bytes of a message to a guest, at most."""
_LINES, _LINE = 400, 4000
"""Of a piece of the story: lines, and characters of each."""

_Text = Annotated[str, Field(max_length=1000), AfterValidator(clean_line)]
_Lines = Annotated[tuple[Annotated[str, AfterValidator(clean)], ...], Field(max_length=_LINES)]


class _Message(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Join(_Message):
    """I want to play a seat, or to watch."""

    kind: Literal["join"] = "join"
    key: Annotated[str, Field(max_length=64)] = ""
    """What only processes of the host's own account can read."""
    seat: _Text = ""
    """Empty for any that is free."""
    watch: bool = False
    ticket: Annotated[str, Field(max_length=64)] = ""
    """From an earlier `Welcome`: the seat is still mine."""


class SeatCommand(_Message):
    """A command of my seat."""

    kind: Literal["line"] = "line"
    text: _Text


class Chat(_Message):
    """Words for the people: from a guest, or to one."""

    kind: Literal["chat"] = "chat"
    words: _Text
    who: _Text = ""


class Leave(_Message):
    """I get up."""

    kind: Literal["leave"] = "leave"


class Welcome(_Message):
    """You are in."""

    kind: Literal["welcome"] = "welcome"
    world: _Text
    name: _Text
    """What the world calls your seat; empty for one who watches."""
    ticket: Annotated[str, Field(max_length=64)]


class SeatStory(_Message):
    """What your seat perceives."""

    kind: Literal["story"] = "story"
    lines: _Lines


class Note(_Message):
    """Something about the game that is not in its story."""

    kind: Literal["note"] = "note"
    text: _Text


class WhoseTurn(_Message):
    """Whose turn it is."""

    kind: Literal["turn"] = "turn"
    yours: bool
    who: _Text = ""
    """Empty where the episode is over."""


class Bye(_Message):
    """It is over for you."""

    kind: Literal["bye"] = "bye"
    why: _Text


FromGuest = Join | SeatCommand | Chat | Leave
ToGuest = Welcome | SeatStory | Chat | Note | WhoseTurn | Bye
_FROM: Final[TypeAdapter[FromGuest]] = TypeAdapter(Annotated[FromGuest, Field(discriminator="kind")])
_TO: Final[TypeAdapter[ToGuest]] = TypeAdapter(Annotated[ToGuest, Field(discriminator="kind")])


def packed(message: FromGuest | ToGuest) -> bytes:
    """A message as a line."""
    return json.dumps(message.model_dump(), separators=(",", ":")).encode() + b"\n"


def story(lines: list[str]) -> list[SeatStory]:
    """Pieces of a story, each within the bounds; of what is too long, the end."""
    kept = [line[:_LINE] for line in lines[-_LINES:]]
    pieces, size = [SeatStory(lines=())], 0
    for line in kept:
        size += 6 * len(line) + 3  # a character takes six bytes of JSON at most
        if size > TO_GUEST // 2:
            pieces, size = [*pieces, SeatStory(lines=())], 6 * len(line)
        pieces[-1] = SeatStory(lines=(*pieces[-1].lines, line))
    return pieces if lines else []


def from_guest(data: bytes | str) -> FromGuest:
    """Raises `PlayError` for what is no message of a guest."""
    message: FromGuest = _read(_FROM, data)
    return message


def to_guest(data: bytes | str) -> ToGuest:
    """Raises `PlayError` for what is no message to a guest."""
    message: ToGuest = _read(_TO, data)
    return message


def _read(adapter: TypeAdapter[Any], data: bytes | str) -> Any:
    try:
        return adapter.validate_json(data)
    except (ValidationError, UnicodeDecodeError, RecursionError) as error:
        raise PlayError("no message that anybody here would send") from error
