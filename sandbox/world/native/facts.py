"""What holds in a world, in words that a statement can be checked against."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from sandbox.abilities import Fact
from sandbox.world.native.state import LOCKED, NOWHERE, OPEN

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft


def facts_of(draft: Draft, seat: int) -> frozenset[Fact]:
    """All that holds; what is carried, and which way leads where, for a seat."""
    compiled = draft.compiled
    room = draft.record(seat).parent

    def name(number: int) -> str:
        return compiled.entities[number].noun.name.lower()

    found: set[Fact] = set()
    if room != NOWHERE:
        found.add(Fact("room", name(room)))
        found |= {Fact("leads", way.direction, name(way.to)) for way in compiled.entities[room].ways.values()}
    for number in range(compiled.rooms, len(compiled.entities)):
        entity, record = compiled.entities[number], draft.record(number)
        if entity.openable or entity.keys:
            found.add(Fact("open" if record.flags & OPEN else "closed", name(number)))
            if record.flags & LOCKED:
                found.add(Fact("locked", name(number)))
        for place in entity.held_in:
            found.add(Fact("at", name(number), name(place)))
        if record.parent == NOWHERE or number == seat:
            continue
        if record.parent == seat:
            found.add(Fact("carried", name(number)))
        elif record.parent < compiled.rooms or not compiled.entities[record.parent].person:
            found.add(Fact(_relation(draft, record.parent), name(number), name(record.parent)))
    return frozenset(found)


def _relation(draft: Draft, place: int) -> Literal["at", "on", "in"]:
    if place < draft.compiled.rooms:
        return "at"
    return "on" if draft.compiled.entities[place].supporter else "in"
