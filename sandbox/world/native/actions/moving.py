"""Getting about."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.describe import glance, look
from sandbox.world.native.prose import CountedThing
from sandbox.world.native.seating import aboard, keeps, passengers, put_aboard, vehicle_of
from sandbox.world.native.state import NOWHERE, OPEN, ParsedCommand, replaced

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft

_MAX_NESTED = 8


def go(draft: Draft, command: ParsedCommand) -> bool:
    """Leave the room in a direction. `Command.text` is the direction."""
    compiled, seat, room = draft.compiled, draft.actor, draft.here()
    way = compiled.entities[room].ways.get(command.text) if room != NOWHERE else None
    direction = compiled.lexicon.direction_names[command.text]
    if way is None or (way.hidden and way.passable is not None and not way.passable(draft)):
        draft.say("no_way", direction=direction)
        return False
    if way.door != NOWHERE and not draft.flags(way.door) & OPEN:
        draft.say("door_closed", door=CountedThing(way.door))
        return False
    if way.passable is not None and not way.passable(draft):
        if way.otherwise:
            draft.note(f"rooms.{compiled.ids[room]}.exits.{command.text}.otherwise")
            draft.tell(seat, way.otherwise)
        else:
            draft.say("blocked")
        return False
    if keeps(draft, seat):
        draft.say("get_off_first", thing=CountedThing(aboard(draft, seat)))
        return False
    together = [seat]
    if (vehicle := vehicle_of(draft, seat)) != NOWHERE:
        together += [other for other in passengers(draft, vehicle) if other != seat]
        for other in together:
            depart(draft, other, command.text)
        draft.move(vehicle, way.to)
    else:
        depart(draft, seat, command.text)
    for who in together:
        arrive(draft, who, way.to, vehicle)
    return True


def can_go(draft: Draft, room: int, direction: str) -> bool:
    """Whether the way is free."""
    way = draft.compiled.entities[room].ways[direction]
    if way.door != NOWHERE and not draft.flags(way.door) & OPEN:
        return False
    return way.passable is None or way.passable(draft)


def depart(draft: Draft, who: int, direction: str) -> None:
    """Let the others see somebody leave, and remember the way for `follow`."""
    compiled, room = draft.compiled, draft.record(who).parent
    name = compiled.lexicon.direction_names[direction]
    for seat in draft.watchers(room, who):
        draft.tell(seat, draft.message("leaves", seat, {"me": CountedThing(who), "direction": name}))
        number = seat - compiled.seats[0]
        memory = draft.memory[number]
        left = (*(pair for pair in memory.left if pair[0] != who), (who, direction))
        draft.memory[number] = memory._replace(left=left)


def arrive(draft: Draft, who: int, room: int, vehicle: int = NOWHERE) -> None:
    """Move a seat or character to a room; others see it, and a seat sees the room. Vehicles go before."""
    compiled = draft.compiled
    origin = draft.record(who).parent
    if who >= compiled.seats[0]:
        number = who - compiled.seats[0]
        memory = draft.memory[number]
        if origin != NOWHERE:
            lay = tuple([thing for thing in draft.record(origin).contents if thing != who])
            rooms = replaced(memory.rooms, {origin: lay})
            memory = draft.memory[number] = memory._replace(rooms=rooms, left=())
        draft.move(who, room)
        if draft.compiled.aboard:
            put_aboard(draft, who, vehicle)
        if room == NOWHERE:
            return
        draft.show("arrives", room, who, me=CountedThing(who))
        left = memory.rooms[room >> 5][room & 31]
        if left is None:
            first = compiled.entities[room].text.render(draft, who)
            draft.tell(who, "\n".join(text for text in (first, look(draft, who)) if text))
        else:
            draft.tell(who, glance(draft, who, left))
        entered(draft, who)
    else:
        draft.move(who, room)
        if room != NOWHERE:
            draft.show("arrives", room, who, me=CountedThing(who))


def entered(draft: Draft, seat: int) -> None:
    """Carry out what follows an arrival, for the seat that arrived."""
    rules = draft.compiled.rules_after("enter", -1)
    if not rules or draft.entering >= _MAX_NESTED:
        return
    actor, command, it, meant = draft.actor, draft.command, draft.it, draft.meant
    draft.entering += 1
    draft.actor, draft.command = seat, ParsedCommand("enter")
    for rule in rules:
        if rule.fits(draft, draft.command):
            rule.carry_out(draft)
    draft.entering -= 1
    draft.actor, draft.command, draft.it, draft.meant = actor, command, it, meant


def follow(draft: Draft, command: ParsedCommand) -> bool:
    """Go where somebody was seen to leave to."""
    memory = draft.memory[draft.actor - draft.compiled.seats[0]]
    direction = dict(memory.left).get(command.other)
    if direction is None or draft.record(command.other).parent == draft.here():
        draft.say("nobody_left", who=CountedThing(command.other))
        return False
    return go(draft, ParsedCommand("go", text=direction))


def wait(draft: Draft, command: ParsedCommand) -> bool:
    """Let time pass."""
    draft.say("waited")
    return True
