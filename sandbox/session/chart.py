"""The map as somebody knows it who has been where the seat has been. For the session's thread."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rich.cells import cell_len

from sandbox.directions import OPPOSITE
from sandbox.session import worlds
from sandbox.types import Learning

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.timeline import Turn
    from sandbox.types import Observation
    from sandbox.world.map import FloorPlan
    from sandbox.world.native import NativeWorld

_HEADING = re.compile(r"^-= (.+) =-$", re.MULTILINE)
_SENTENCE = re.compile(r"[.!?。！？:]$")
_LONGEST = 48
_OTHERS = "○"
"""Stands for a seat in a room, where it is not the seat whose map it is."""
_NAMES = (20, 16, 12, 9)
"""Columns for the name of a room, from roomy to cramped."""
_SHORT = {
    "n": "north", "s": "south", "e": "east", "w": "west", "ne": "northeast", "nw": "northwest",
    "se": "southeast", "sw": "southwest", "u": "up", "d": "down",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Chart:
    """A map, ready to be shown."""

    drawing: str
    """Lines of box characters; empty where nothing can be drawn."""
    people: tuple[Whereabouts, ...] = ()
    """The seats, where there are several, as far as it can be seen where they are."""
    exits: tuple[WayOut, ...] = ()
    """Ways out of the room where the seat is, as far as its agent has a value for them; the best first."""
    seen: tuple[int, int] | None = None
    """How many rooms the only seat has been in, of how many; None where that would give something away."""


@dataclass(frozen=True, slots=True)
class Whereabouts:
    """Where a seat is."""

    name: str
    room: str
    seen: str = ""
    """How many rooms it has been in, of how many: `3/16`; empty where that would give something away."""


@dataclass(frozen=True, slots=True)
class WayOut:
    """A way out, and what the agent thinks of it."""

    direction: str
    room: str
    """The name of the room it leads to; empty where the seat has not been."""
    value: float
    """Q of the command that goes there."""


def chart(session: Session, watcher: str | None, width: int) -> Chart:
    """The map as a seat knows it: the watcher, else the seat to move.

    Args:
        session: what is played.
        watcher: whose eyes to see with. Without one it is also told where everybody is.
        width: columns to draw in, if that can be; names of rooms are cut for it.
    """
    turn = session.current
    seat = watcher or turn.to_move or turn.seat or session.world.seats[0]
    native = worlds.adventure(session.world)
    people: tuple[Whereabouts, ...] = ()
    seen = None
    if native is None:
        plan, here = walked(session.timeline.path(turn.id), seat)
    else:
        plan, here, people = _known(native, turn.snapshot, seat, everybody=watcher is None)
        if watcher is None and not people:
            seen = len(plan.rooms), len(native.definition.rooms)
    exits = _exits(session, seat, plan, here) if watcher is None else ()
    return Chart(drawn(plan, here, width), people, exits, seen)


def _exits(session: Session, seat: str, plan: FloorPlan, here: str) -> tuple[WayOut, ...]:
    """The ways that the seat's world lists here, with the Q of its agent."""
    from sandbox.world.map.plan import UNSEEN

    observation = session.observation(seat)
    agent = session.seats.get(seat)
    learner = agent.learner if isinstance(agent, Learning) else None
    commands = {command: _direction(command) for command in observation.admissible or ()}
    commands = {command: direction for command, direction in commands.items() if direction in OPPOSITE}
    if learner is None or not commands:
        return ()
    rooms = {way.direction: way.target for way in plan.ways if way.source == here}
    rooms |= {OPPOSITE[way.direction]: way.source for way in plan.ways if way.both and way.target == here}
    values = learner.values(observation, list(commands))
    exits = [
        WayOut(direction, plan.rooms.get(rooms.get(direction, UNSEEN), ""), value)
        for direction, value in zip(commands.values(), values, strict=True)
    ]
    return tuple(sorted(exits, key=lambda exit_: -exit_.value))


def drawn(plan: FloorPlan, here: str, width: int) -> str:
    """A plan as lines of box characters, names of rooms cut as far as it takes to fit so many columns."""
    from sandbox.world.map import draw

    drawing = ""
    for name in _NAMES:
        drawing = draw(plan, here=here, width=name)
        if max(map(cell_len, drawing.splitlines()), default=0) <= width:
            break
    return drawing


def _known(
    world: NativeWorld, snapshot: bytes, seat: str, *, everybody: bool
) -> tuple[FloorPlan, str, tuple[Whereabouts, ...]]:
    """What a seat has seen, and where it is; with everybody, what all have seen, with a mark for each other."""
    from sandbox.world.map import plan_of, seen_by

    state, whole, names = world.load(snapshot), plan_of(world.definition), worlds.names(world)
    known = {each: seen_by(world, state, each) for each in world.seats}
    plan, here = known[seat]
    if len(known) == 1:
        return plan, here, ()
    if not everybody:
        return (
            plan,
            here,
            tuple(
                Whereabouts(names[each], whole.rooms.get(room, ""))
                for each, (_, room) in known.items()
                if room == here or world.definition.whereabouts
            ),
        )
    seen = whole.seen({room for theirs, _ in known.values() for room in theirs.rooms}, here)
    others = Counter(room for each, (_, room) in known.items() if each != seat)
    marked = {room: f"{_OTHERS * others[room]} {name}".strip() for room, name in seen.rooms.items()}
    rows = (
        Whereabouts(names[each], whole.rooms.get(room, ""), f"{len(theirs.rooms)}/{len(whole.rooms)}")
        for each, (theirs, room) in known.items()
    )
    return replace(seen, rooms=marked), here, tuple(rows)


def walked(path: Sequence[Turn], seat: str) -> tuple[FloorPlan, str]:
    """Rooms and ways as they come up in a story: where a direction led from a room to another one."""
    rooms: dict[str, str] = {}
    exits: dict[tuple[str, str], str] = {}
    here = room_name(path[0].observations[seat])
    rooms.update({here: here} if here else {})
    for turn in path[1:]:
        there = room_name(turn.observations[seat]) or here
        if there:
            rooms[there] = there
        direction = _direction(turn.command)
        if turn.seat == seat and here and there and here != there and direction in OPPOSITE:
            exits[here, direction] = there
        here = there
    return _plan(rooms, exits), here


def _plan(rooms: Mapping[str, str], exits: Mapping[tuple[str, str], str]) -> FloorPlan:
    """A plan of these rooms; an exit leads from a room in a direction to a room."""
    from sandbox.world.map import FloorPlan, MapWay

    ways: dict[tuple[str, str], MapWay] = {}
    for (room, direction), target in exits.items():
        back = (target, OPPOSITE[direction])
        if back not in ways or exits[back] != room:
            ways[room, direction] = MapWay(room, direction, target, both=exits.get(back) == room)
    return FloorPlan(dict(rooms), tuple(ways.values()), next(iter(rooms), ""))


def explored(places: Iterable[str], ways: Mapping[tuple[str, str], str]) -> FloorPlan:
    """The rooms and ways of an exploration, whose places are the first lines of descriptions.

    Args:
        places: those to be shown, the opening's first.
        ways: where a command led to from a place.
    """
    rooms = {name: name for place in places if (name := _heading(place))}
    exits = {
        (_heading(here), direction): _heading(there)
        for (here, command), there in ways.items()
        if (direction := _direction(command)) in OPPOSITE and _heading(here) in rooms and _heading(there) in rooms
    }
    return _plan(rooms, exits)


def room_name(observation: Observation) -> str:
    """The heading under which a story describes the surroundings; empty where there is none."""
    return _heading(observation.description or observation.text)


def _heading(text: str) -> str:
    if found := _HEADING.search(text):
        return found[1].strip()
    first = text.strip().partition("\n")[0].strip()
    return "" if len(first) > _LONGEST or _SENTENCE.search(first) else first


def _direction(command: str) -> str:
    word = command.lower().removeprefix("go ").removeprefix("walk ").strip()
    return _SHORT.get(word, word)
