"""Liquids: filled into vessels, poured and drunk by the measure. They lie in rooms and vessels, never in hands."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.prose import CountedThing
from sandbox.world.native.scope import Scope, access, scope_of
from sandbox.world.native.state import NOWHERE, OPEN, ParsedCommand

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft


def content(draft: Draft, vessel: int) -> tuple[int, int]:
    """The liquid in a vessel, and how much of it; (`NOWHERE`, 0) where it is empty."""
    entities = draft.compiled.entities
    return next(((kind, n) for kind, n in draft.record(vessel).stock if entities[kind].liquid), (NOWHERE, 0))


def vessels(draft: Draft, scope: Scope) -> list[int]:
    """The open vessels within reach, those in hand first."""
    entities = draft.compiled.entities
    return [t for t in dict.fromkeys((*scope.held, *scope.near)) if entities[t].holds and draft.flags(t) & OPEN]


def sources(draft: Draft, scope: Scope, liquid: int, but: int = NOWHERE) -> list[int]:
    """Where a liquid is within reach: in the room, in things there, and last in what one carries."""
    entities = draft.compiled.entities
    places = [t for t in dict.fromkeys((*scope.near, *scope.held)) if entities[t].container]
    found = [t for t in places if t != but and draft.flags(t) & OPEN and draft.stock(t, liquid)]
    return [scope.room, *found] if scope.lit and draft.stock(scope.room, liquid) else found


def space(draft: Draft, vessel: int, liquid: int) -> int:
    """How many measures of a liquid still go into a vessel."""
    kind, there = content(draft, vessel)
    return draft.compiled.entities[vessel].holds - there if kind in (NOWHERE, liquid) else 0


def flow(draft: Draft, liquid: int, count: int, source: int, to: int) -> None:
    """Move so many measures. Where a liquid has no end there is as much after as before."""
    endless = draft.compiled.entities[liquid].springs
    if source not in endless:
        draft.add_stock(source, liquid, -count)
    if to != NOWHERE and to not in endless:
        draft.add_stock(to, liquid, count)


def _no(draft: Draft, key: str, **slots: CountedThing) -> bool:
    draft.say(key, **slots)
    return False


def _done(draft: Draft, key: str, **slots: CountedThing) -> bool:
    draft.say(key, **slots)
    draft.show(f"{key}_seen", draft.here(), draft.actor, me=CountedThing(draft.actor), **slots)
    return True


def fill(draft: Draft, command: ParsedCommand) -> bool:
    """Fill a vessel, with a liquid or from where one is."""
    entities, vessel, other = draft.compiled.entities, command.thing, command.other
    scope = scope_of(draft, draft.actor)
    if not entities[vessel].holds:
        return _no(draft, "no_vessel", thing=CountedThing(vessel, 2))
    if not draft.flags(vessel) & OPEN:
        return _no(draft, "is_closed", thing=CountedThing(vessel))
    if other == NOWHERE:
        liquids = [k for k in draft.compiled.liquids if sources(draft, scope, k, vessel)]
        inside = content(draft, vessel)[0]
        liquid = inside if inside in liquids else liquids[0] if len(liquids) == 1 else NOWHERE
    else:
        liquid = other if entities[other].liquid else content(draft, other)[0]
    found = [] if liquid == NOWHERE else sources(draft, scope, liquid, vessel)
    if other != NOWHERE and other != liquid:
        found = [source for source in found if source == other]
    if not found:
        return _no(draft, "no_liquid", thing=CountedThing(vessel))
    return _pour(draft, liquid, found[0], vessel, "filled")


def _pour(draft: Draft, liquid: int, source: int, to: int, key: str) -> bool:
    free = space(draft, to, liquid)
    named = {"thing": CountedThing(to), "other": CountedThing(liquid)}
    if free <= 0:
        inside = content(draft, to)[0]
        return _no(draft, "vessel_full" if inside == liquid else "vessel_other", thing=CountedThing(to))
    endless = source in draft.compiled.entities[liquid].springs
    flow(draft, liquid, free if endless else min(free, draft.stock(source, liquid)), source, to)
    return _done(draft, key, **named)


def empty(draft: Draft, command: ParsedCommand) -> bool:
    """Pour out what is in a vessel, or into another. The liquid may be named in the vessel's place."""
    entities, vessel, to = draft.compiled.entities, command.thing, command.other
    if entities[vessel].liquid:
        scope = scope_of(draft, draft.actor)
        held = [v for v in vessels(draft, scope) if content(draft, v)[0] == vessel and v != to]
        if not held:
            return _no(draft, "liquid_in_hands", thing=CountedThing(vessel, 2))
        vessel = held[0]
    if not entities[vessel].holds:
        return _no(draft, "no_vessel", thing=CountedThing(vessel, 2))
    liquid, count = content(draft, vessel)
    if not count or not draft.flags(vessel) & OPEN:
        return _no(draft, "is_closed" if count else "vessel_empty", thing=CountedThing(vessel))
    if to == NOWHERE:
        flow(draft, liquid, count, vessel, NOWHERE)
        return _done(draft, "emptied", thing=CountedThing(vessel), other=CountedThing(liquid))
    if not entities[to].holds or to == vessel:
        return _no(draft, "no_vessel", thing=CountedThing(to, 2))
    if not draft.flags(to) & OPEN:
        return _no(draft, "is_closed", thing=CountedThing(to))
    return _pour(draft, liquid, vessel, to, "poured")


def drink(draft: Draft, command: ParsedCommand) -> bool:
    """Drink one measure, of a liquid or of what is in a vessel."""
    entities, thing = draft.compiled.entities, command.thing
    liquid = thing if entities[thing].liquid else content(draft, thing)[0]
    if liquid == NOWHERE or not entities[liquid].edible:
        return _no(draft, "refuse_drink")
    found = sources(draft, scope_of(draft, draft.actor), liquid)
    if thing != liquid:
        found = [source for source in found if source == thing]
    if not found or access(draft, draft.actor, liquid) < 2:
        return _no(draft, "cannot_reach", thing=CountedThing(liquid, 2))
    flow(draft, liquid, 1, found[0], NOWHERE)
    return _done(draft, "drunk", thing=CountedThing(liquid))


def listed(draft: Draft, scope: Scope, found: list[ParsedCommand]) -> None:
    """Add what can be done with liquids here."""
    entities = draft.compiled.entities
    liquids = [k for k in draft.compiled.liquids if k in scope.near or k in scope.held]
    there = vessels(draft, scope)
    for liquid in liquids:
        for vessel in there:
            if space(draft, vessel, liquid) > 0 and sources(draft, scope, liquid, vessel):
                found.append(ParsedCommand("fill", vessel, liquid))
        if entities[liquid].edible and sources(draft, scope, liquid):
            found.append(ParsedCommand("drink", liquid))
    for vessel in there:
        liquid, count = content(draft, vessel)
        if count and vessel not in entities[liquid].springs:
            found.append(ParsedCommand("empty", vessel))
            found += [
                ParsedCommand("empty", vessel, to)
                for to in there
                if to != vessel and space(draft, to, liquid) > 0 and to not in entities[liquid].springs
            ]


POURING = {"fill": fill, "empty": empty, "drink": drink}
"""Actions that do something in worlds with liquids."""
