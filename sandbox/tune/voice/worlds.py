"""Small native worlds from seeds: a house with a locked door, or two people who have to talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from sandbox import marked_yaml
from sandbox.directions import OPPOSITE

Turn = tuple[str, str]
"""A seat and its command."""

_SIDES = ("north", "east", "south", "west")


@cache
def words() -> dict[str, Any]:
    """What worlds are made of."""
    found: dict[str, Any] = marked_yaml.read(Path(__file__).with_name("words.yaml").read_bytes()).data
    return found


@dataclass(frozen=True, slots=True)
class MadeWorld:
    """A world and a way to win it."""

    name: str
    definition: Mapping[str, Any]
    turns: tuple[Turn, ...]

    @property
    def text(self) -> str:
        """The world file."""
        return yaml.safe_dump(dict(self.definition), sort_keys=False, allow_unicode=True, width=110)

    @property
    def walkthrough(self) -> str:
        """The way to win, a command a line."""
        return "".join(f"{seat}> {command}\n" for seat, command in self.turns)


class _Draw:
    """Draws without replacement, so that no two things of a world are called alike."""

    def __init__(self, seed: int) -> None:
        self.rng = np.random.default_rng((seed, 14))

    def some(self, options: Sequence[str], count: int) -> list[str]:
        return [options[i] for i in self.rng.permutation(len(options))[:count]]

    def one(self, options: Sequence[str]) -> str:
        return self.some(options, 1)[0]

    def room(self) -> str:
        slots = {"a": self.one(words()["smells"]), "b": self.one(words()["surfaces"])}
        slots["A"] = f"The smell of {slots['a']}"
        return " ".join(line.format_map(slots) for line in self.some(words()["looks"], 2))


def house(seed: int) -> MadeWorld:
    """One seat: a key in a box, a locked door, something to be brought to its place."""
    draw = _Draw(seed)
    names = draw.some(words()["rooms"], int(draw.rng.integers(4, 7)))
    exits = _tree(names, draw)
    last = names[-1]
    before = next(iter(exits[last].values()))
    way = OPPOSITE[next(iter(exits[last]))]
    box, stand = draw.one(words()["boxes"]), draw.one(words()["stands"])
    metal, door = draw.one(words()["metals"]), draw.one(words()["doors"])
    prize, odd = draw.one(words()["prizes"]), draw.some(words()["odds"], 2)
    key = f"{metal} key"
    hidden = draw.one([name for name in names[:-1] if name != before] or names[:1])
    target = draw.one(names[:-1])
    rooms = {
        _id(name): {
            "name": name,
            "description": draw.room(),
            "exits": {
                side: {"to": _id(to), "door": door} if {name, to} == {before, last} else _id(to)
                for side, to in exits[name].items()
            },
        }
        for name in names
    }
    things: dict[str, Any] = {
        door: {"door": {"locked": True, "key": key}},
        box: {"at": _id(hidden), "fixed": True, "container": {"open": False}},
        key: {"at": box},
        stand: {"at": _id(target), "fixed": True, "supporter": True},
        prize: {"at": _id(last)},
        odd[0]: {"at": _id(draw.one(names[:-1]))},
        odd[1]: {"at": box},
    }
    place = draw.rng.random() < 0.6
    goal = f"Put the {prize} on the {stand}." if place else f"Find the {prize} and take it."
    here, turns = names[0], list[str]()
    turns += [*_walk(exits, here, hidden), f"open {box}", f"take {key}"]
    turns += _walk(exits, hidden, before)
    turns += [f"unlock {door} with {key}", f"open {door}", f"go {way}", f"take {prize}"]
    if place:
        turns += [*_walk(exits, last, target), f"put {prize} on {stand}"]
    when = {"thing": prize, "at": stand} if place else {"has": prize}
    definition = {
        "title": f"The {last}",
        "seats": {"visitor": {"start": _id(names[0]), "goal": goal, "max_score": 1, "article": "the"}},
        "rooms": rooms,
        "things": things,
        "endings": {"done": {"when": when, "won": "all", "points": 1, "say": "That was it."}},
    }
    return MadeWorld(f"house-{seed}", definition, tuple(("visitor", turn) for turn in turns))


def pair(seed: int) -> MadeWorld:
    """Two seats: one can read which lever is right, the other can pull it; what one asks, the other answers."""
    draw = _Draw(seed)
    one, other = draw.some(words()["people"], 2)
    plate_room, gate_room, lever_room, side_room = draw.some(words()["rooms"], 4)
    colours = draw.some(words()["colours"], 3)
    right = draw.one(colours)
    sign, gate = (
        draw.one(("plaque", "notice", "slate", "letter", "poster")),
        draw.one(("iron gate", "portcullis", "grille")),
    )
    prize, odd = draw.one(words()["prizes"]), draw.some(words()["odds"], 3)
    lever = draw.one(words()["levers"])
    verb = "press" if lever == "button" else "pull"
    side = draw.one(_SIDES)
    seats = {
        _id(name): {
            "name": name,
            "start": _id(start),
            "hears": "everywhere",
            "goal": f"Get the {prize}, you and {partner}.",
            "max_score": 1,
        }
        for name, start, partner in ((one, plate_room, other), (other, side_room, one))
    }
    back = draw.one([s for s in _SIDES if s != side])
    rooms = {
        _id(plate_room): {
            "name": plate_room,
            "description": draw.room(),
            "exits": {side: {"to": _id(gate_room), "door": gate}},
        },
        _id(gate_room): {
            "name": gate_room,
            "description": draw.room(),
            "exits": {OPPOSITE[side]: {"to": _id(plate_room), "door": gate}},
        },
        _id(lever_room): {"name": lever_room, "description": draw.room(), "exits": {back: _id(side_room)}},
        _id(side_room): {
            "name": side_room,
            "description": draw.room(),
            "exits": {OPPOSITE[back]: _id(lever_room)},
        },
    }
    names = [f"{colour} {lever}" for colour in colours]
    things: dict[str, Any] = {
        gate: {"door": {"locked": True}},
        sign: {
            "at": _id(plate_room),
            "fixed": True,
            "text": f"It says: {right}.",
            "description": "There are words on it.",
        },
        prize: {"at": _id(gate_room)},
        odd[0]: {"at": _id(plate_room)},
        odd[1]: {"at": _id(side_room)},
        odd[2]: {"at": _id(lever_room)},
        **{name: {"at": _id(lever_room), "fixed": True} for name in names},
    }
    rules = [
        {
            "instead": "pull" if verb == "pull" else "push",
            "thing": f"{right} {lever}",
            "say": "Something heavy moves, far away.",
            "do": [{"make": gate, "be": "open"}, {"say": f"The {gate} swings open.", "to": _id(one)}],
        },
        {
            "instead": "pull" if verb == "pull" else "push",
            "thing": [name for name in names if name != f"{right} {lever}"],
            "say": "Nothing happens.",
        },
    ]
    command = f"{'pull' if verb == 'pull' else 'push'} {right} {lever}"
    topic = draw.one(tuple(words()["asked"]))
    slots = {
        "room": plate_room.lower(),
        "sign": sign,
        "gate": gate,
        "odd": odd[0],
        "lever": lever,
        "right": right,
        "names": f"{names[0]}, the {names[1]} and the {names[2]}",
    }

    def said(options: Sequence[str]) -> str:
        return f"say {draw.one(options).format_map(slots)}"

    asked, answered = said(words()["asked"][topic]), said(words()["answered"][topic])
    a, b = _id(one), _id(other)
    turns: list[Turn] = [
        *((a, "wait"), (b, asked), (a, answered), (b, f"go {OPPOSITE[back]}"), (a, f"read {sign}")),
        *((b, said(words()["which"])), (a, said(words()["told"])), (b, command), (a, said(words()["thanks"]))),
        *((b, "wait"), (a, f"go {side}"), (b, "wait"), (a, f"take {prize}")),
    ]
    definition = {
        "title": f"The {gate_room}",
        "rewards": "shared",
        "seats": seats,
        "rooms": rooms,
        "things": things,
        "rules": rules,
        "endings": {"done": {"when": {"has": prize, "who": a}, "won": "all", "points": 1, "say": "You have it."}},
    }
    return MadeWorld(f"pair-{seed}", definition, tuple(turns))


def _tree(names: Sequence[str], draw: _Draw) -> dict[str, dict[str, str]]:
    """Rooms on a grid, each joined to one before it; the last has one way."""
    places, exits = {names[0]: (0, 0)}, {name: dict[str, str]() for name in names}
    steps = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}
    for name in names[1:]:
        while name not in places:
            near = draw.one(list(places))
            side = draw.one(_SIDES)
            at = (places[near][0] + steps[side][0], places[near][1] + steps[side][1])
            if at not in places.values():
                places[name] = at
                exits[near][side], exits[name][OPPOSITE[side]] = name, near
    return exits


def _walk(exits: Mapping[str, Mapping[str, str]], start: str, end: str) -> list[str]:
    """Commands that lead from room to room."""
    paths: dict[str, list[str]] = {start: []}
    waiting = [start]
    for here in waiting:
        for side, there in exits[here].items():
            if there not in paths:
                paths[there] = [*paths[here], f"go {side}"]
                waiting.append(there)
    return paths[end]


def _id(name: str) -> str:
    return name.lower().replace(" ", "_")
