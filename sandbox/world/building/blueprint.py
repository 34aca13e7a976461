"""A world file as its builder sees it: what has which name, which way is which, and where the builder stands."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

from sandbox.directions import OPPOSITE
from sandbox.errors import UsageError, WorldError, WorldFileError
from sandbox.text import did_you_mean
from sandbox.world.building import yaml_editing
from sandbox.world.native import Adventure, parse_source
from sandbox.world.native.languages import language
from sandbox.world.native.schema import Exit, Room
from sandbox.world.native.schema.base import Strict

SECTIONS: Final = ("rooms", "things", "characters", "seats")

_SHORT = {
    "n": "north", "s": "south", "e": "east", "w": "west", "ne": "northeast", "nw": "northwest",
    "se": "southeast", "sw": "southwest", "u": "up", "d": "down",
}  # fmt: skip
_QUOTED = re.compile(r'\s*["“]([^"”]*)["”]\s*')
_ARTICLE = re.compile(r"(?:the|an?|some)\s+", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Declared:
    """Something in a world: the section of the file that it stands in, and its identifier."""

    section: str
    id: str

    @property
    def path(self) -> tuple[str, str]:
        return self.section, self.id


@dataclass(frozen=True)
class Blueprint:
    """A text that is a world, and the room that is meant by *here*."""

    text: str
    world: Adventure
    here: str = ""
    index: dict[str, Declared] = field(default_factory=dict, repr=False)
    """Everything by its identifier, its name and its other names, in small letters."""

    @classmethod
    def of(cls, text: str, here: str = "", file: Path | None = None) -> Blueprint:
        """Raises `WorldError` where the text is no world of rooms."""
        try:
            world = parse_source(text, file or "world.yaml").definition
        except WorldFileError as error:
            message = f"the world has a mistake already: {error.findings[0]}"
            raise WorldError(message, hint="put that right first") from error
        if not isinstance(world, Adventure):
            raise WorldError("a text task has no rooms", hint="edit its file")
        return cls(text, world, here if here in world.rooms else "", _index(world))

    def put(self, path: tuple[str, ...], value: Any) -> Blueprint:
        """With a value at a path of the file. New sections and keys of rooms go where one looks for them."""
        model: type[Strict] | None = Adventure
        if len(path) > 1 and path[0] in self.world.model_fields_set:
            model = Room if path[0] == "rooms" and len(path) > 2 else None
        order = tuple(info.alias or name for name, info in model.model_fields.items()) if model else ()
        return replace(self, text=yaml_editing.put(self.text, path, value, order=order))

    def drop(self, path: tuple[str, ...]) -> Blueprint:
        """Without an entry of the file."""
        return replace(self, text=yaml_editing.drop(self.text, path))

    # Names.

    def find(self, name: str, *sections: str) -> Declared:
        """What is called so, in one of the sections. Raises `UsageError` with the near miss."""
        found = self.meant(name)
        wanted = sections or SECTIONS
        if found is None or found.section not in wanted:
            what = "room" if wanted == ("rooms",) else "thing" if len(wanted) == 1 else "room or thing"
            known = [each for each, named in self.index.items() if named.section in wanted]
            raise UsageError(f"there is no {what} {name.strip()!r}", hint=did_you_mean(name.lower(), known))
        return found

    def known(self, name: str) -> Declared | None:
        """What is called so, if anything is."""
        low = plain(name)
        if low == "here" and self.here:
            return Declared("rooms", self.here)
        return self.index.get(low) or self.index.get(_ARTICLE.sub("", low, count=1))

    def meant(self, name: str) -> Declared | None:
        """What is called so, or the only thing of whose name these are some of the words."""
        words = set(plain(_ARTICLE.sub("", name.strip(), count=1)).split())
        some = {named for each, named in self.index.items() if words and words <= set(each.split())}
        return self.known(name) or (some.pop() if len(some) == 1 else None)

    def leading(self, line: str) -> tuple[Declared, str]:
        """What a line begins with, the longest name there is or what is in quotes, and the rest of the line."""
        if quoted := _QUOTED.match(line):
            return self.find(quoted[1]), line[quoted.end() :]
        words = line.split(" ")
        for look_up in (self.known, self.meant):
            for count in range(min(len(words), 12), 0, -1):
                if found := look_up(" ".join(words[:count])):
                    return found, " ".join(words[count:]).strip()
        return self.find(words[0]), ""

    def shown(self, named: Declared) -> str:
        """What players read."""
        model = getattr(self.world, named.section)[named.id]
        name = model.name or named.id.replace("_", " ")
        return name if model.name or named.section != "rooms" else name.capitalize()

    def fresh(self, name: str) -> str:
        """An identifier for a new thing or room of that name."""
        wanted = re.sub(r"[^\w' -]+", " ", name).strip()[:60].strip()
        taken = {key for section in SECTIONS for key in getattr(self.world, section)}
        tries: Iterator[str] = (f"{wanted} {number}" if number > 1 else wanted for number in range(1, 10_000))
        return next(each for each in tries if each not in taken)

    # Ways.

    def direction(self, word: str) -> str | None:
        """The direction that a word of the world's language, or of English, means."""
        low = word.lower()
        low = _SHORT.get(low, low)
        own = self.world.words.directions
        for direction, words in language(self.world.language).directions.items():
            more = own.get(direction, ())  # type: ignore[call-overload]
            if low == direction or low in (each.lower() for each in (*words, *more)):
                return direction
        return None

    def target(self, room: str, direction: str) -> str | None:
        """The room that a way leads to."""
        way = dict(self.world.rooms[room].exits).get(direction)  # type: ignore[call-overload]
        return way.to if isinstance(way, Exit) else way

    def back(self, direction: str) -> str:
        return OPPOSITE[direction]


def plain(name: str) -> str:
    """A name as it is looked up: small letters, blanks for `_`, no quotes."""
    return " ".join(name.replace("_", " ").strip().strip('"“”').lower().split())


def unquoted(text: str) -> str:
    """A text without the quotes around it."""
    quoted = _QUOTED.fullmatch(text)
    return (quoted[1] if quoted else text).strip()


def _index(world: Adventure) -> dict[str, Declared]:
    index: dict[str, Declared] = {}
    for section in SECTIONS:
        for name in getattr(world, section):
            index.setdefault(plain(name), Declared(section, name))
    for section in SECTIONS:
        for name, model in getattr(world, section).items():
            for other in (model.name or "", *getattr(model, "also", ())):
                if other:
                    index.setdefault(plain(other), Declared(section, name))
    return index
