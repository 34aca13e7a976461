"""What a seat can see and reach."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sandbox.world.native.state import HIDDEN, NOWHERE, OPEN, WORN

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft


class Scope(NamedTuple):
    """Everything a seat can name where it is, from its own hands outward."""

    room: int
    lit: bool
    held: list[int]
    """What it carries itself, counted things included."""
    near: list[int]
    """What it can reach besides, other seats and characters included; also what is in things that it carries."""
    far: list[int]
    """What it only sees."""

    def all(self) -> list[int]:
        """All of it, without what is there twice."""
        return list(dict.fromkeys((*self.held, *self.near, *self.far)))


def scope_of(draft: Draft, seat: int) -> Scope:
    """What a seat can see and reach: in the dark what it carries, and doors, which it can feel.

    The cost grows with what is there, not with the world.
    """
    compiled = draft.compiled
    own = draft.record(seat)
    room = own.parent
    held = [thing for thing in own.contents if not draft.record(thing).flags & HIDDEN]
    near: list[int] = []
    far: list[int] = []
    for thing in held:
        _inside(draft, thing, near, near, far)
    held += [kind for kind, _ in own.stock]
    lit = room != NOWHERE and draft.is_lit(room)
    if lit:
        here = draft.record(room)
        for thing in here.contents:
            if thing != seat and not draft.record(thing).flags & HIDDEN:
                near.append(thing)
                _inside(draft, thing, near, near, far)
        near += [kind for kind, _ in here.stock]
    if room != NOWHERE:
        for thing in compiled.entities[room].backdrops:
            if (lit or compiled.entities[thing].door) and not draft.record(thing).flags & HIDDEN:
                near.append(thing)
                _inside(draft, thing, near, near, far)
    return Scope(room, lit, held, near, far)


def _inside(draft: Draft, holder: int, into: list[int], near: list[int], far: list[int]) -> None:
    """Add what is in, on or with a holder: to `into` where that can be reached, to `far` where it is only seen."""
    record = draft.record(holder)
    if not record.contents and not record.stock:
        return
    entity = draft.compiled.entities[holder]
    person = entity.person
    if person:
        into = far
    elif not entity.supporter and not record.flags & OPEN:
        if not entity.transparent:
            return
        into = far
    for thing in record.contents:
        flags = draft.record(thing).flags
        if flags & HIDDEN or (person and draft.compiled.entities[thing].concealed and not flags & WORN):
            continue
        into.append(thing)
        _inside(draft, thing, into, near, far)
    into += [kind for kind, _ in record.stock]


def access(draft: Draft, seat: int, thing: int) -> int:
    """2 where a seat can reach a thing, 1 where it only sees it, 0 where neither."""
    compiled = draft.compiled
    entities = compiled.entities
    if entities[thing].counted:
        scope = scope_of(draft, seat)
        return 2 if thing in scope.held or thing in scope.near else 1 if thing in scope.far else 0
    reach = 2
    room = draft.record(seat).parent
    at = thing
    while True:
        record = draft.record(at)
        if record.flags & HIDDEN:
            return 0
        parent = record.parent
        if parent == seat:
            return reach
        if parent < compiled.rooms:
            seen = parent == room or room in entities[at].held_in
            felt = at == thing and entities[thing].door
            return reach if seen and room != NOWHERE and (felt or draft.is_lit(room)) else 0
        holder = entities[parent]
        if holder.person:
            if entities[at].concealed and not record.flags & WORN:
                return 0
            reach = 1
        elif not holder.supporter and not draft.record(parent).flags & OPEN:
            if not holder.transparent:
                return 0
            reach = 1
        at = parent


def can_see(draft: Draft, seat: int, thing: int) -> bool:
    """Whether a seat can see a thing, character or seat where it is."""
    return seat >= 0 and (thing == seat or access(draft, seat, thing) > 0)


def in_hand(draft: Draft, seat: int, thing: int) -> bool:
    """Whether a seat carries a thing where it can get at it: not in a closed box."""
    return draft.holder(thing) == seat and access(draft, seat, thing) == 2
