"""What a map shows: rooms, and the ways between them."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from typing import Final, Literal

from sandbox.directions import OPPOSITE
from sandbox.world.native.schema import Adventure, Exit

Kind = Literal["free", "door", "barred"]

UNSEEN: Final = ""
"""Target of a way whose end has not been seen."""

STEPS: Final[Mapping[str, tuple[int, int, int]]] = {
    "north": (0, 0, -1),
    "south": (0, 0, 1),
    "east": (0, 1, 0),
    "west": (0, -1, 0),
    "northeast": (0, 1, -1),
    "northwest": (0, -1, -1),
    "southeast": (0, 1, 1),
    "southwest": (0, -1, 1),
    "up": (1, 0, 0),
    "down": (-1, 0, 0),
}
"""Where a direction leads: levels up, columns to the right, rows down. `in` and `out` lead anywhere near."""


@dataclass(frozen=True, slots=True)
class MapWay:
    """A way out of a room."""

    source: str
    direction: str
    target: str
    kind: Kind = "free"
    """`door`, or `barred` by a condition."""
    secret: bool = False
    """Not shown to a player who has not seen where it leads."""
    both: bool = False
    """The same way leads back, in the opposite direction."""


@dataclass(frozen=True, slots=True)
class FloorPlan:
    """The rooms by identifier with their names, and the ways."""

    rooms: Mapping[str, str]
    ways: tuple[MapWay, ...]
    start: str

    def seen(self, rooms: Collection[str], start: str = "") -> FloorPlan:
        """What somebody knows who has been in these rooms only: where other ways lead stays open."""
        known = {room: name for room, name in self.rooms.items() if room in rooms}
        ways = []
        for way in self.ways:
            if way.source in known and way.target in known:
                ways.append(way)
            elif way.source in known and not way.secret:
                ways.append(replace(way, target=UNSEEN, both=False))
            elif way.target in known and way.both and not way.secret:
                ways.append(MapWay(way.target, OPPOSITE[way.direction], UNSEEN, way.kind))
        begin = start or (self.start if self.start in known else next(iter(known), ""))
        return FloorPlan(known, tuple(ways), begin)


def plan_of(world: Adventure) -> FloorPlan:
    """The map of a native world; a way and its way back are one."""
    exits: dict[tuple[str, str], Exit] = {
        (name, direction): given if isinstance(given, Exit) else Exit(to=given)
        for name, room in world.rooms.items()
        for direction, given in room.exits.items()
    }
    ways: list[MapWay] = []
    done: set[tuple[str, str]] = set()
    for (name, direction), exit_ in exits.items():
        if (name, direction) in done or exit_.to not in world.rooms:
            continue
        back = exits.get((exit_.to, OPPOSITE[direction]))
        both = back is not None and back.to == name
        if both:
            done.add((exit_.to, OPPOSITE[direction]))
        barred = bool(exit_.when) and exit_.door is None
        kind: Kind = "door" if exit_.door else "barred" if barred else "free"
        ways.append(MapWay(name, direction, exit_.to, kind, exit_.hidden, both))
    names = {name: room.name or name.replace("_", " ").capitalize() for name, room in world.rooms.items()}
    return FloorPlan(names, tuple(ways), next(iter(world.seats.values())).start)
