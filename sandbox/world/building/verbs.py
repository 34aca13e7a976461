"""What a builder can type: `dig north "Cave"`, `create brass key in chest`. A text goes in, a text comes out."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import marked_yaml
from sandbox.errors import UsageError
from sandbox.text import clean_line, did_you_mean
from sandbox.world.building import yaml_editing
from sandbox.world.building.blueprint import Blueprint, Declared, unquoted
from sandbox.world.native import parse_source
from sandbox.world.native.schema import Exit

KINDS: dict[str, dict[str, Any]] = {
    "container": {"container": True},
    "supporter": {"supporter": True},
    "door": {"door": True},
    "scenery": {"scenery": True},
    "fixed": {"fixed": True},
    "light": {"light": True},
    "edible": {"edible": True},
    "wearable": {"wearable": True},
    "character": {},
}
"""What `create THING as KIND` makes of it."""

MAX_LINE = 4_000
"""Characters of what a builder types."""

_ONE_WAY = re.compile(r"\s+one[ -]?way$", re.IGNORECASE)
_AS = re.compile(r"\s+as\s+(?:an?\s+)?(\w+)(?=\s|$)", re.IGNORECASE)
_IN = re.compile(r"\s+(?:in|into|inside|on|onto|at|to|with)\s+", re.IGNORECASE)
_ARTICLE = re.compile(r"(?:an?|some)\s+", re.IGNORECASE)
_WORDS = frozenset(
    {"title", "name", "also", "author", "blurb", "intro", "description", "appearance", "text", "first", "goal"}
    | {"knows", "say", "seen", "otherwise", "greeting", "about", "words", "forms", "messages", "values"}
)
"""Keys whose values are words for players, or words of the author's own: never names of things."""


@dataclass(frozen=True, slots=True)
class Builder:
    """A verb: how it is typed and what it does."""

    name: str
    usage: str
    help: str


@dataclass(frozen=True, slots=True)
class EditOutcome:
    """What came of a line."""

    text: str
    """The file as it is now."""
    said: str
    """What was done, one sentence."""
    room: str = ""
    """The room that the builder wishes to stand in now; empty for where it stood."""


BUILDERS = (
    Builder("dig", 'dig DIRECTION "NAME" [one way]', "make a room that way, and the way back, and go there"),
    Builder("link", "link [ROOM] DIRECTION ROOM [one way]", "make a way between two rooms, and the way back"),
    Builder("unlink", "unlink [ROOM] DIRECTION", "take a way out, and the way back"),
    Builder("create", "create THING [as KIND] [in PLACE]", "make a thing, here or in a room, a thing or somebody"),
    Builder("put", "put THING in PLACE", "say where a thing is at the beginning"),
    Builder("describe", "describe NAME TEXT", "say what a room or thing looks like; `here` is this room"),
    Builder("rename", "rename NAME as NEW NAME", "call it otherwise, wherever the file names it"),
    Builder("set", "set NAME KEY VALUE", "give any key of it a value: set chest container {open: false}"),
    Builder("unset", "unset NAME KEY", "take a key away again"),
    Builder("destroy", "destroy NAME", "take a thing out, or a room with the ways to it"),
    Builder("goto", "goto ROOM", "stand in a room, to go on from there"),
)


def build(text: str, line: str, *, here: str = "", file: Path | None = None) -> EditOutcome:
    """Carry a line of a builder out on the text of a world file.

    Args:
        text: of the file.
        line: what was typed.
        here: identifier of the room that the builder stands in; empty for none.
        file: that the text is of, for what it includes.

    Raises:
        UsageError: the line cannot be understood.
        WorldFileError: the world would have mistakes then; it carries them.
        WorldError: the file has mistakes already, or cannot be edited like this.
    """
    word, _, rest = clean_line(line, MAX_LINE).partition(" ")
    verb = _VERBS.get(word.lower())
    if verb is None:
        otherwise = f"there are: {', '.join(_VERBS)}"
        raise UsageError(f"a builder has no {word!r}", hint=did_you_mean(word.lower(), _VERBS, otherwise))
    usage = next(builder.usage for builder in BUILDERS if builder.name == word.lower())
    if not rest.strip():
        raise UsageError(f"{word.lower()} needs more words", hint=usage)
    blueprint = Blueprint.of(text, here, file)
    try:
        built = verb(blueprint, rest.strip())
    except _UnclearError as error:
        raise UsageError(str(error), hint=usage) from None
    if built.text != text:
        parse_source(built.text, file or "world.yaml")
    return built


class _UnclearError(Exception):
    """The words do not make a sentence of this verb."""


def _dig(plan: Blueprint, rest: str) -> EditOutcome:
    rest, both = _both_ways(rest)
    word, _, name = rest.partition(" ")
    direction, name = plan.direction(word), unquoted(name)
    if direction is None or not name:
        raise _UnclearError("say in which direction, and what the room is called")
    here = _here(plan)
    _free(plan, here, direction)
    if (there := plan.known(name)) is not None and there.section == "rooms":
        raise UsageError(f"there is a room {name!r} already", hint=f"link {direction} {name} makes a way to it")
    room = plan.fresh(name.lower())
    entry: dict[str, Any] = {} if room.replace("_", " ").capitalize() == name else {"name": name}
    if both:
        entry["exits"] = {plan.back(direction): here}
    plan = plan.put(("rooms", room), entry or {"description": ""})
    plan = plan.put(("rooms", here, "exits", direction), _way(room, both))
    return EditOutcome(plan.text, f"{name} lies {_towards(direction)} now.", room)


def _link(plan: Blueprint, rest: str) -> EditOutcome:
    rest, both = _both_ways(rest)
    first, direction, target = _directed(plan, rest)
    if not target:
        raise _UnclearError("say which room the way leads to")
    there = plan.find(target, "rooms").id
    _free(plan, first, direction)
    back = plan.back(direction)
    if both and plan.target(there, back) != first:
        _free(plan, there, back)
        plan = plan.put(("rooms", there, "exits", back), first)
    plan = plan.put(("rooms", first, "exits", direction), _way(there, both))
    start, end = plan.shown(Declared("rooms", first)), plan.shown(Declared("rooms", there))
    return EditOutcome(plan.text, f"The way {direction} from {start} leads to {end} now.")


def _unlink(plan: Blueprint, rest: str) -> EditOutcome:
    first, direction, more = _directed(plan, rest)
    there = plan.target(first, direction)
    if there is None or more:
        raise UsageError(f"no way leads {direction} from {plan.shown(Declared('rooms', first))}")
    plan = plan.drop(("rooms", first, "exits", direction))
    back = plan.back(direction)
    if plan.target(there, back) == first and (there, back) != (first, direction):
        plan = plan.drop(("rooms", there, "exits", back))
    return EditOutcome(plan.text, f"No way leads {direction} any more.")


def _create(plan: Blueprint, rest: str) -> EditOutcome:
    kind = ""
    if (found := _AS.search(rest)) and found[1].lower() in KINDS:
        kind, rest = found[1].lower(), rest[: found.start()] + rest[found.end() :]
    name, place = _placed(plan, rest)
    name = unquoted(_ARTICLE.sub("", name, count=1))
    if not name:
        raise _UnclearError("say what the thing is called")
    if (there := plan.known(name)) is not None and there.section != "rooms":
        raise UsageError(f"there is {name!r} already", hint=f"put {name} in PLACE moves it")
    proper = kind == "character" and name[:1].isupper()
    identifier = plan.fresh(name.lower() if proper else name)
    entry: dict[str, Any] = {} if identifier.replace("_", " ") == name else {"name": name}
    if proper:
        entry["article"] = "none"
    if kind != "door":
        entry["at"] = place.id if place else _here(plan)
    elif place is not None:
        raise UsageError("a door needs no place", hint=f"`set ROOM exits.north.door {name}` puts it into a way")
    entry |= KINDS.get(kind, {})
    section = "characters" if kind == "character" else "things"
    plan = plan.put((section, identifier), entry)
    return EditOutcome(plan.text, f"{name[:1].upper()}{name[1:]} is there now.")


def _put(plan: Blueprint, rest: str) -> EditOutcome:
    name, place = _placed(plan, rest)
    if place is None:
        raise _UnclearError("say where it is to be")
    thing = plan.find(name, "things", "characters", "seats")
    plan = plan.put((*thing.path, "start" if thing.section == "seats" else "at"), place.id)
    return EditOutcome(plan.text, f"{plan.shown(thing).capitalize()} begins with {plan.shown(place)} now.")


def _describe(plan: Blueprint, rest: str) -> EditOutcome:
    named, text = plan.leading(rest)
    if not text:
        raise _UnclearError("say what it looks like")
    plan = plan.put((*named.path, "description"), unquoted(text))
    return EditOutcome(plan.text, f"{plan.shown(named).capitalize()} is described.")


def _rename(plan: Blueprint, rest: str) -> EditOutcome:
    named, new = plan.leading(rest)
    new = unquoted(re.sub(r"^(?:as|to)\s+", "", new, flags=re.IGNORECASE))
    if not new:
        raise _UnclearError("say what it is to be called")
    model = getattr(plan.world, named.section)[named.id]
    old = plan.shown(named)
    if model.name:
        return EditOutcome(plan.put((*named.path, "name"), new).text, f"{old.capitalize()} is called {new} now.")
    room = named.section == "rooms"
    identifier = plan.fresh(new.lower() if room else new)
    uses = list(_uses(yaml_editing.data_of(plan.text), named.id))
    text = yaml_editing.rename(plan.text, named.path, identifier, uses) if identifier != named.id else plan.text
    shown = identifier.replace("_", " ")
    if (shown.capitalize() if room else shown) != new:
        text = yaml_editing.put(text, (named.section, identifier, "name"), new)
    return EditOutcome(text, f"{old.capitalize()} is called {new} now.")


def _set(plan: Blueprint, rest: str) -> EditOutcome:
    path, shown, key, value = _keyed(plan, rest)
    if not value:
        raise _UnclearError("say which value")
    return EditOutcome(plan.put(path, _parsed(value)).text, f"The {key} of {shown} is set.")


def _unset(plan: Blueprint, rest: str) -> EditOutcome:
    path, shown, key, more = _keyed(plan, rest)
    data = yaml_editing.data_of(plan.text)
    for step in path:
        if not isinstance(data, dict) or step not in data or more:
            raise UsageError(f"{shown} has no {key!r} in the file")
        data = data[step]
    return EditOutcome(plan.drop(path).text, f"The {key} of {shown} is gone.")


def _destroy(plan: Blueprint, rest: str) -> EditOutcome:
    named = plan.find(unquoted(rest))
    shown = plan.shown(named)
    if named.section == "rooms":
        for name, room in plan.world.rooms.items():
            for direction, way in room.exits.items():
                if name != named.id and (way.to if isinstance(way, Exit) else way) == named.id:
                    plan = plan.drop(("rooms", name, "exits", direction))
    return EditOutcome(plan.drop(named.path).text, f"{shown.capitalize()} is gone.")


def _goto(plan: Blueprint, rest: str) -> EditOutcome:
    room = plan.find(unquoted(rest), "rooms")
    return EditOutcome(plan.text, f"You stand in {plan.shown(room)}.", room.id)


_VERBS: dict[str, Callable[[Blueprint, str], EditOutcome]] = {
    "dig": _dig,
    "link": _link,
    "unlink": _unlink,
    "create": _create,
    "put": _put,
    "describe": _describe,
    "rename": _rename,
    "set": _set,
    "unset": _unset,
    "destroy": _destroy,
    "goto": _goto,
}


# Parts of sentences.


def _here(plan: Blueprint) -> str:
    if not plan.here:
        raise UsageError("it is not said in which room", hint="name it, or stand in one")
    return plan.here


def _towards(direction: str) -> str:
    return {"up": "above", "down": "below", "in": "inside", "out": "outside"}.get(direction, f"to the {direction}")


def _both_ways(rest: str) -> tuple[str, bool]:
    found = _ONE_WAY.search(rest)
    return (rest[: found.start()], False) if found else (rest, True)


def _way(room: str, both: bool) -> Any:
    return room if both else {"to": room, "one_way": True}


def _free(plan: Blueprint, room: str, direction: str) -> None:
    if (taken := plan.target(room, direction)) is not None:
        name, other = plan.shown(Declared("rooms", room)), plan.shown(Declared("rooms", taken))
        raise UsageError(
            f"the way {direction} of {name} leads to {other}", hint=f"`unlink {room} {direction}` takes it out"
        )


def _directed(plan: Blueprint, rest: str) -> tuple[str, str, str]:
    """The room that a line begins with, or here; the direction; what follows."""
    word, _, more = rest.partition(" ")
    if (direction := plan.direction(word)) is not None:
        return _here(plan), direction, unquoted(more)
    named, more = plan.leading(rest)
    word, _, more = more.partition(" ")
    direction = plan.direction(word)
    if named.section != "rooms" or direction is None:
        raise _UnclearError("say in which direction")
    return named.id, direction, unquoted(more)


def _placed(plan: Blueprint, rest: str) -> tuple[str, Declared | None]:
    """What stands before the last *in* or *on* that is followed by a place, and the place."""
    found = list(_IN.finditer(rest))
    for match in reversed(found):
        place = plan.meant(rest[match.end() :])
        if place is not None:
            return rest[: match.start()], place
    if found and '"' not in rest[found[-1].end() :]:
        plan.find(rest[found[-1].end() :])
    return rest, None


def _keyed(plan: Blueprint, rest: str) -> tuple[tuple[str, ...], str, str, str]:
    """The path in the file that `NAME KEY` leads to, both in words, and what follows."""
    if rest.split(" ")[0].lower() == "world":
        path: tuple[str, ...] = ()
        shown, more = plan.world.title, rest.partition(" ")[2]
    else:
        named, more = plan.leading(rest)
        path, shown = named.path, plan.shown(named)
    key, _, value = more.partition(" ")
    if not key:
        raise _UnclearError("say which key")
    return (*path, *key.split(".")), shown, key, value.strip()


def _parsed(value: str) -> Any:
    """A value as YAML has it, where it is not simply a text."""
    document = marked_yaml.read(f"value: {value}")
    if document.findings or set(document.data) != {"value"}:
        return value
    data = document.data["value"]
    return value if data is None or (isinstance(data, str) and value[:1] not in "\"'") else data


def _uses(data: Any, name: str, path: marked_yaml.Path = ()) -> Iterator[marked_yaml.Path]:
    """Where the file names something that has an identifier of its own."""
    if isinstance(data, dict):
        for key, value in data.items():
            if key not in _WORDS:
                yield from _uses(value, name, (*path, key))
    elif isinstance(data, list):
        for number, value in enumerate(data):
            yield from _uses(value, name, (*path, number))
    elif isinstance(data, str) and data == name:
        yield path
