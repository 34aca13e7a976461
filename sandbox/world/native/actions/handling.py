"""Handling things."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.describe import look, state_of
from sandbox.world.native.prose import CountedThing, Listed
from sandbox.world.native.scope import access, in_hand, scope_of
from sandbox.world.native.seating import passengers
from sandbox.world.native.state import FIXED, HIDDEN, LOCKED, NOWHERE, ON, OPEN, WORN, EntityState, ParsedCommand

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft


def _done(draft: Draft, key: str, seen: str, **slots: CountedThing) -> bool:
    draft.say(key, **slots)
    draft.show(seen, draft.here(), draft.actor, me=CountedThing(draft.actor), **slots)
    return True


def _no(draft: Draft, key: str, **slots: CountedThing) -> bool:
    draft.say(key, **slots)
    return False


def source_of(draft: Draft, seat: int, thing: int) -> tuple[int, int]:
    """Where a seat finds a counted thing that it does not hold, and how many: (holder, count)."""
    scope = scope_of(draft, seat)
    entities = draft.compiled.entities
    if scope.lit and (count := draft.stock(scope.room, thing)):
        return scope.room, count
    for holder in (*scope.near, *scope.held):
        if entities[holder].person or not (entities[holder].supporter or draft.flags(holder) & OPEN):
            continue
        if count := draft.stock(holder, thing):
            return holder, count
    return NOWHERE, 0


def held(draft: Draft, holder: int) -> int:
    """How many things a holder holds, a heap counting as one."""
    record = draft.record(holder)
    return len(record.contents) + len(record.stock)


def take(draft: Draft, command: ParsedCommand) -> bool:
    """Pick something up."""
    compiled, seat, thing = draft.compiled, draft.actor, command.thing
    entity = compiled.entities[thing]
    named = CountedThing(thing, command.amount or 2)
    if entity.person:
        return _no(draft, "is_person", thing=named)
    if entity.liquid:
        return _no(draft, "liquid_in_hands", thing=named)
    if entity.counted:
        source, there = source_of(draft, seat, thing)
        if source == NOWHERE:
            return _no(draft, "have_it" if draft.stock(seat, thing) else "cannot_reach", thing=named)
        if command.amount > there:
            return _no(draft, "too_few")
        count = command.amount or there
        named = CountedThing(thing, count)
        if held(draft, seat) >= compiled.entities[seat].capacity and not draft.stock(seat, thing):
            return _no(draft, "hands_full")
        draft.transfer(thing, count, source, seat)
        return _done(draft, "taken", "taken_seen", thing=named)
    record = draft.record(thing)
    if record.parent == seat:
        return _no(draft, "have_it", thing=named)
    owner = draft.holder(thing)
    if owner not in (NOWHERE, seat):
        return _no(draft, "belongs", thing=named, who=CountedThing(owner))
    if access(draft, seat, thing) < 2:
        return _no(draft, "cannot_reach", thing=named)
    if record.flags & FIXED:
        return _no(draft, "fixed", thing=named)
    if entity.enter and passengers(draft, thing):
        return _no(draft, "occupied", thing=named)
    if held(draft, seat) >= compiled.entities[seat].capacity:
        return _no(draft, "hands_full")
    draft.move(thing, seat)
    return _done(draft, "taken", "taken_seen", thing=named)


def drop(draft: Draft, command: ParsedCommand) -> bool:
    """Put something down."""
    seat, thing = draft.actor, command.thing
    count = _held_count(draft, command)
    if count == 0:
        return False
    draft.transfer(thing, count, seat, draft.here())
    return _done(draft, "dropped", "dropped_seen", thing=CountedThing(thing, count))


def _held_count(draft: Draft, command: ParsedCommand) -> int:
    """How many of the thing the command is about; 0, with a word about it, where the seat has not so many."""
    seat, thing = draft.actor, command.thing
    if draft.compiled.entities[thing].counted:
        there = draft.stock(seat, thing)
        if not there:
            draft.say("not_carried", thing=CountedThing(thing, 2))
            return 0
        if command.amount > there:
            draft.say("too_few")
            return 0
        return command.amount or there
    if draft.record(thing).parent != seat:
        draft.say("not_carried", thing=CountedThing(thing))
        return 0
    return 1


def put(draft: Draft, command: ParsedCommand) -> bool:
    """Put something into a container or onto a supporter."""
    compiled, thing, holder = draft.compiled, command.thing, command.other
    count = _held_count(draft, command)
    if count == 0:
        return False
    entity = compiled.entities[holder]
    named = CountedThing(thing, count)
    if not (entity.container or entity.supporter):
        return _no(draft, "no_holder")
    at = holder
    while at not in (NOWHERE, draft.actor) and at >= compiled.rooms:
        if at == thing:
            return _no(draft, "in_itself")
        at = draft.record(at).parent
    if access(draft, draft.actor, holder) < 2:
        return _no(draft, "cannot_reach", thing=CountedThing(holder))
    if entity.container and not draft.flags(holder) & OPEN:
        return _no(draft, "is_closed", thing=CountedThing(holder))
    if held(draft, holder) >= entity.capacity and not draft.stock(holder, thing):
        return _no(draft, "full", thing=named)
    draft.transfer(thing, count, draft.actor, holder)
    key = "put_on" if entity.supporter else "put_in"
    return _done(draft, key, f"{key}_seen", thing=named, other=CountedThing(holder))


def open_(draft: Draft, command: ParsedCommand) -> bool:
    """Open a door or container."""
    thing, named = command.thing, CountedThing(command.thing)
    flags = draft.flags(thing)
    if not draft.compiled.entities[thing].openable:
        return _no(draft, "cannot_open", thing=named)
    if flags & OPEN:
        return _no(draft, "already_open", thing=named)
    if flags & LOCKED:
        return _no(draft, "is_locked", thing=named)
    draft.set_flag(thing, OPEN, True)
    record = draft.record(thing)
    inside = [state_of(draft, t) for t in record.contents if not draft.flags(t) & HIDDEN]
    grammar = draft.compiled.grammar
    inside += [grammar.indefinite(draft.compiled.entities[k].noun, n) for k, n in record.stock]
    if inside:
        draft.say("opened_with", thing=named, list=Listed(grammar.listing(inside), _plural(draft, record)))
    else:
        draft.say("opened", thing=named)
    draft.show("opened_seen", draft.here(), draft.actor, me=CountedThing(draft.actor), thing=named)
    return True


def _plural(draft: Draft, record: EntityState) -> bool:
    """Whether what is in a container are, rather than is."""
    shown = [t for t in record.contents if not draft.flags(t) & HIDDEN]
    if len(shown) + len(record.stock) > 1:
        return True
    return draft.compiled.entities[shown[0]].noun.plural if shown else record.stock[0][1] > 1


def close(draft: Draft, command: ParsedCommand) -> bool:
    """Close a door or container."""
    thing, named = command.thing, CountedThing(command.thing)
    if not draft.compiled.entities[thing].openable:
        return _no(draft, "cannot_close", thing=named)
    if not draft.flags(thing) & OPEN:
        return _no(draft, "already_closed", thing=named)
    draft.set_flag(thing, OPEN, False)
    return _done(draft, "shut", "shut_seen", thing=named)


def _key(draft: Draft, command: ParsedCommand) -> int:
    """The key that the seat uses on a lock; `NOWHERE`, with a word about it, where none fits."""
    keys = draft.compiled.entities[command.thing].keys
    if not keys:
        draft.say("no_lock", thing=CountedThing(command.thing))
        return NOWHERE
    if command.other == NOWHERE:
        key = next((k for k in keys if in_hand(draft, draft.actor, k)), NOWHERE)
        if key == NOWHERE:
            draft.say("no_key")
        return key
    if not in_hand(draft, draft.actor, command.other):
        draft.say("not_carried", thing=CountedThing(command.other))
        return NOWHERE
    if command.other not in keys:
        draft.say("wrong_key", other=CountedThing(command.other))
        return NOWHERE
    return command.other


def unlock(draft: Draft, command: ParsedCommand) -> bool:
    """Unlock a door or container with a key."""
    named = CountedThing(command.thing)
    if (key := _key(draft, command)) == NOWHERE:
        return False
    if not draft.flags(command.thing) & LOCKED:
        return _no(draft, "not_locked", thing=named)
    draft.set_flag(command.thing, LOCKED, False)
    return _done(draft, "unlocked", "unlocked_seen", thing=named, other=CountedThing(key))


def lock(draft: Draft, command: ParsedCommand) -> bool:
    """Lock a closed door or container with a key."""
    named = CountedThing(command.thing)
    if (key := _key(draft, command)) == NOWHERE:
        return False
    flags = draft.flags(command.thing)
    if flags & LOCKED:
        return _no(draft, "already_locked", thing=named)
    if flags & OPEN:
        return _no(draft, "close_first", thing=named)
    draft.set_flag(command.thing, LOCKED, True)
    return _done(draft, "locked_it", "locked_seen", thing=named, other=CountedThing(key))


def switch_on(draft: Draft, command: ParsedCommand) -> bool:
    """Switch a thing on."""
    return _switch(draft, command, True)


def switch_off(draft: Draft, command: ParsedCommand) -> bool:
    """Switch a thing off."""
    return _switch(draft, command, False)


def _switch(draft: Draft, command: ParsedCommand, on: bool) -> bool:
    thing, named = command.thing, CountedThing(command.thing)
    if not draft.compiled.entities[thing].switchable:
        return _no(draft, "no_switch", thing=named)
    if bool(draft.flags(thing) & ON) is on:
        return _no(draft, "already_on" if on else "already_off", thing=named)
    room = draft.here()
    before = draft.is_lit(room)
    if not on:
        _done(draft, "switched_off_it", "switched_off_seen", thing=named)
    draft.set_flag(thing, ON, on)
    if on:
        _done(draft, "switched_on_it", "switched_on_seen", thing=named)
    if draft.is_lit(room) is not before:
        light_changed(draft, room, not before)
    return True


def light_changed(draft: Draft, room: int, lit: bool) -> None:
    """Tell the seats in a room that it became light or dark."""
    for seat in draft.compiled.seats:
        if draft.record(seat).parent == room:
            draft.tell(seat, look(draft, seat) if lit else draft.message("now_dark", seat, {}))


def wear(draft: Draft, command: ParsedCommand) -> bool:
    """Put on something to wear."""
    thing, named = command.thing, CountedThing(command.thing)
    if not draft.compiled.entities[thing].wearable:
        return _no(draft, "not_wearable", thing=named)
    if draft.record(thing).parent != draft.actor:
        return _no(draft, "not_carried", thing=named)
    if draft.flags(thing) & WORN:
        return _no(draft, "already_worn", thing=named)
    draft.set_flag(thing, WORN, True)
    return _done(draft, "put_on_worn", "wears_seen", thing=named)


def take_off(draft: Draft, command: ParsedCommand) -> bool:
    """Take off something that is worn."""
    thing, named = command.thing, CountedThing(command.thing)
    if draft.record(thing).parent != draft.actor or not draft.flags(thing) & WORN:
        return _no(draft, "not_worn", thing=named)
    draft.set_flag(thing, WORN, False)
    return _done(draft, "taken_off", "taken_off_seen", thing=named)


def eat(draft: Draft, command: ParsedCommand) -> bool:
    """Eat something, which is then gone."""
    thing, seat = command.thing, draft.actor
    entity = draft.compiled.entities[thing]
    if not entity.edible or entity.liquid:
        return _no(draft, "not_edible", thing=CountedThing(thing, command.amount or 2))
    if entity.counted:
        source = seat if draft.stock(seat, thing) else source_of(draft, seat, thing)[0]
        draft.add_stock(source, thing, -1)
    else:
        if draft.holder(thing) not in (NOWHERE, seat):
            return _no(draft, "belongs", thing=CountedThing(thing), who=CountedThing(draft.holder(thing)))
        draft.move(thing, NOWHERE)
    return _done(draft, "eaten", "eaten_seen", thing=CountedThing(thing))


def read(draft: Draft, command: ParsedCommand) -> bool:
    """Read what is written on something."""
    text = draft.compiled.entities[command.thing].text
    if not text or draft.compiled.entities[command.thing].kind != "thing":
        return _no(draft, "nothing_to_read", thing=CountedThing(command.thing, 2))
    draft.say("reads", text=text.render(draft, draft.actor))
    draft.show(
        "reads_seen", draft.here(), draft.actor, me=CountedThing(draft.actor), thing=CountedThing(command.thing)
    )
    return True
