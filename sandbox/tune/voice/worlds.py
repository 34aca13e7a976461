"""Small native worlds from seeds: a house with a locked door, or two people who have to talk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import yaml

from sandbox.agent.recall import OPPOSITE

Turn = tuple[str, str]
"""A seat and its command."""

_ROOMS = (
    "Attic", "Bakery", "Barn", "Boathouse", "Brewery", "Chapel", "Cloister", "Coach house", "Conservatory", "Cowshed",
    "Crypt", "Dairy", "Dovecote", "Forge", "Gallery", "Granary", "Greenhouse", "Guardroom", "Hayloft", "Icehouse",
    "Kennel", "Laundry", "Lock house", "Malt loft", "Music room", "Nursery", "Observatory", "Orchard", "Pantry",
    "Parlour", "Porch", "Printing room", "Quarry", "Refectory", "Sail loft", "Scullery", "Smithy", "Stable", "Studio",
    "Tannery", "Tower room", "Vault", "Wash house", "Well house", "Wine cellar", "Workroom",
)  # fmt: skip
_LOOKS = (
    "It smells of {a}.", "Somebody has swept it not long ago.", "The walls are {b}.", "Light falls in through one {b} pane.",
    "It is smaller than it looks.", "{A} hangs in the air.", "The floor is {b} and worn.", "It is quiet here.",
)  # fmt: skip
_SMELLS = ("wax", "smoke", "old apples", "soap", "tar", "hay", "rain", "bread", "ink", "dust")
_SURFACES = ("stone", "whitewashed", "wooden", "brick", "tiled", "damp", "green")
_BOXES = ("chest", "drawer", "crate", "basket", "cupboard", "trunk", "casket", "locker", "coffer", "sack")
_STANDS = ("table", "shelf", "bench", "altar", "pedestal", "desk", "stool", "barrel", "windowsill")
_METALS = ("brass", "iron", "silver", "copper", "bone", "tin", "rusty", "tiny", "golden")
_DOORS = ("oak door", "grey door", "low door", "iron gate", "narrow door", "painted door", "trapdoor", "wicket")
_PRIZES = (
    "violin", "crown", "lantern", "ledger", "music box", "sextant", "portrait", "cup", "mask", "clock", "medal", "globe",
    "teapot", "ruby", "flute", "locket", "statue", "telescope", "inkwell", "bell",
)  # fmt: skip
_ODDS = ("rope", "spoon", "candle", "hat", "hammer", "mirror", "feather", "bottle", "ribbon", "needle", "brush", "saw")
_COLOURS = ("red", "white", "black", "green", "blue", "yellow")
_PEOPLE = ("Ada", "Bruno", "Clara", "Dov", "Edith", "Felix", "Greta", "Hugo", "Ines", "Jonas", "Kira", "Leo", "Mina", "Nils")
_SIDES = ("north", "east", "south", "west")


@dataclass(frozen=True, slots=True)
class Made:
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
        words = {"a": self.one(_SMELLS), "b": self.one(_SURFACES)}
        words["A"] = f"The smell of {words['a']}"
        return " ".join(line.format_map(words) for line in self.some(_LOOKS, 2))


def house(seed: int) -> Made:
    """One seat: a key in a box, a locked door, something to be brought to its place."""
    draw = _Draw(seed)
    names = draw.some(_ROOMS, int(draw.rng.integers(4, 7)))
    exits = _tree(names, draw)
    last = names[-1]
    before = next(iter(exits[last].values()))
    way = OPPOSITE[next(iter(exits[last]))]
    box, stand = draw.one(_BOXES), draw.one(_STANDS)
    metal, door = draw.one(_METALS), draw.one(_DOORS)
    prize, odd = draw.one(_PRIZES), draw.some(_ODDS, 2)
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
    turns += _walk(exits, here, hidden) + [f"open {box}", f"take {key}"]
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
    return Made(f"house-{seed}", definition, tuple(("visitor", turn) for turn in turns))


def pair(seed: int) -> Made:
    """Two seats: one can read which lever is right, the other can pull it; what one asks, the other answers."""
    draw = _Draw(seed)
    one, other = draw.some(_PEOPLE, 2)
    plate_room, gate_room, lever_room, side_room = draw.some(_ROOMS, 4)
    colours = draw.some(_COLOURS, 3)
    right = draw.one(colours)
    sign, gate = draw.one(("plaque", "notice", "slate", "letter", "poster")), draw.one(("iron gate", "portcullis", "grille"))
    prize, odd = draw.one(_PRIZES), draw.some(_ODDS, 3)
    lever = draw.one(("lever", "rope", "button", "chain"))
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
        _id(side_room): {"name": side_room, "description": draw.room(), "exits": {OPPOSITE[back]: _id(lever_room)}},
    }
    names = [f"{colour} {lever}" for colour in colours]
    things: dict[str, Any] = {
        gate: {"door": {"locked": True}},
        sign: {"at": _id(plate_room), "fixed": True, "text": f"It says: {right}.", "description": "There are words on it."},
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
    asked = {
        "where": (draw.one(("Where are you?", "Where are you now?", "Which room are you in?")), [
            f"I am in the {plate_room.lower()}.", f"In the {plate_room.lower()}.", f"I am in the {plate_room.lower()}, by the {sign}."]),
        "see": (draw.one(("What do you see?", "What is there with you?", "What have you found?")), [
            f"I see a {sign} and a {odd[0]} here.", f"There is a {sign} here. And the {gate}.", f"The {gate} is locked, and there is a {sign}."]),
        "thing": (draw.one((f"Have you seen the {odd[0]}?", f"Where is the {odd[0]}?")), [
            f"The {odd[0]} is in the {plate_room.lower()}.", f"I see the {odd[0]} here in the {plate_room.lower()}.", f"Yes, the {odd[0]} is here with me."]),
    }  # fmt: skip
    question, answers = asked[draw.one(list(asked))]
    which = draw.one((
        f"There are three of them here: {', '.join(names)}. Which one?", f"I see a {names[0]}, a {names[1]} and a {names[2]}. Which one is right?",
        f"Which {lever} is it?", f"Here are the {lever}s. Which colour?", f"What does the {sign} say?",
    ))  # fmt: skip
    told = draw.one((
        f"The {sign} says {right}. It must be the {right} {lever}.", f"It says {right}.", f"The {right} one. That is what the {sign} says.",
        f"Take the {right} {lever}, says the {sign}.", f"The {right} {lever}.",
    ))  # fmt: skip
    thanks = draw.one(("It worked. I go through now.", f"The {gate} is open!", f"Well done, the {gate} is open.", "That was it. Wait for me."))
    a, b = _id(one), _id(other)
    turns: list[Turn] = [
        (a, "wait"), (b, f"say {question}"), (a, f"say {draw.one(answers)}"), (b, f"go {OPPOSITE[back]}"),
        (a, f"read {sign}"), (b, f"say {which}"), (a, f"say {told}"), (b, command), (a, f"say {thanks}"), (b, "wait"),
        (a, f"go {side}"), (b, "wait"), (a, f"take {prize}"),
    ]  # fmt: skip
    definition = {
        "title": f"The {gate_room}",
        "rewards": "shared",
        "seats": seats,
        "rooms": rooms,
        "things": things,
        "rules": rules,
        "endings": {"done": {"when": {"has": prize, "who": a}, "won": "all", "points": 1, "say": "You have it."}},
    }
    return Made(f"pair-{seed}", definition, tuple(turns))


def _tree(names: Sequence[str], draw: _Draw) -> dict[str, dict[str, str]]:
    """Rooms on a grid, each joined to one before it; the last has one way."""
    places, exits = {names[0]: (0, 0)}, {name: dict[str, str]() for name in names}
    steps = {"north": (0, 1), "south": (0, -1), "east": (1, 0), "west": (-1, 0)}
    for name in names[1:]:
        while name not in places:
            near = draw.one([n for n in places])
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
