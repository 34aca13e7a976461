"""What seats are in or on: chairs, boats, horses. A seat stays in its room all the while.

What a seat is in or on is a variable of its own, so that it is saved, compared and searched like any other.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.state import HIDDEN, NOWHERE

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft


def aboard(draft: Draft, seat: int) -> int:
    """What a seat is in or on; `NOWHERE` for nothing."""
    number = draft.compiled.aboard.get(seat)
    value = 0 if number is None else draft.variables[number]
    if not value:
        return NOWHERE
    thing = draft.compiled.enterable[value - 1]
    return thing if can_hold(draft, seat, thing) else NOWHERE


def can_hold(draft: Draft, seat: int, thing: int) -> bool:
    """Whether a thing stands where a seat is."""
    room = draft.record(seat).parent
    if room == NOWHERE or draft.flags(thing) & HIDDEN:
        return False
    return draft.record(thing).parent == room or room in draft.compiled.entities[thing].held_in


def passengers(draft: Draft, thing: int) -> list[int]:
    """The seats that are in or on a thing."""
    return [seat for seat in draft.compiled.aboard if aboard(draft, seat) == thing]


def put_aboard(draft: Draft, seat: int, thing: int) -> None:
    """Let a seat be in or on a thing; `NOWHERE` for nothing."""
    compiled = draft.compiled
    if seat in compiled.aboard:
        value = 0 if thing == NOWHERE else compiled.enterable.index(thing) + 1
        draft.set_variable(compiled.aboard[seat], value)


def vehicle_of(draft: Draft, seat: int) -> int:
    """The vehicle that a seat is in or on, and that goes where it goes; `NOWHERE` where there is none."""
    thing = aboard(draft, seat) if draft.compiled.aboard else NOWHERE
    if thing == NOWHERE or not draft.compiled.entities[thing].vehicle:
        return NOWHERE
    return thing if draft.record(thing).parent == draft.record(seat).parent else NOWHERE


def keeps(draft: Draft, seat: int) -> bool:
    """Whether a seat has to get off something before it can go."""
    return bool(draft.compiled.aboard) and aboard(draft, seat) != NOWHERE and vehicle_of(draft, seat) == NOWHERE
