"""What the nouns of a command mean, given what the seat can see."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.world.native.scope import Scope
from sandbox.world.native.state import FIXED, LOCKED, NOWHERE, ON, OPEN, WORN, SeatMemory

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft

_PERSON_SLOT = frozenset({"give", "show", "ask", "tell", "talk", "trade", "follow"})
_IN_HAND = frozenset({"drop", "put_in", "put_on", "give", "show", "trade", "wear", "use"})


@dataclass(frozen=True, slots=True)
class NounMatch:
    """One meaning of a noun phrase."""

    thing: int
    count: int = 0


@dataclass(frozen=True, slots=True)
class Unclear:
    """A noun phrase without a meaning. The higher the rank, the closer it came to one."""

    rank: int
    key: str
    """Message to give."""
    text: str = ""
    candidates: tuple[int, ...] = ()
    """For questions: what it may mean."""


def resolve(
    draft: Draft, scope: Scope, memory: SeatMemory, phrase: str, action: str, slot: str, within: int = NOWHERE
) -> NounMatch | Unclear:
    """The one thing that a phrase means, or why there is none."""
    compiled = draft.compiled
    grammar = compiled.grammar
    everything = _visible(draft, scope, action)
    if within != NOWHERE:
        everything = [t for t in everything if _is_in(draft, t, within)]
    number = grammar.pronoun(phrase)
    if number == 4:
        return NounMatch(draft.actor)
    if number is not None:
        meant = memory.pronouns[number]
        if meant == NOWHERE:
            return Unclear(1, "no_referent", phrase)
        return NounMatch(meant) if meant in everything else Unclear(1, "not_here")
    found = _best(draft, everything, phrase)
    count: int | None = None
    bare = phrase
    if not found or grammar.match(phrase, compiled.entities[found[0]].noun) < 3:
        count, bare = grammar.quantity(phrase)
        found = _best(draft, everything, bare)
    if not found:
        return Unclear(0 if _unknown(draft, bare) else 1, "not_here", bare)
    preferred = [t for t in found if _suits(draft, t, action, slot)]
    if len(preferred) > 1:
        close = [t for t in preferred if t in scope.held or t in scope.near]
        preferred = close or preferred
    found = preferred or found
    if len(found) > 1:
        return Unclear(3, "which", phrase, tuple(found))
    thing = found[0]
    noun = compiled.entities[thing].noun
    if not noun.one:
        return NounMatch(thing) if count in (None, 0, 1) else Unclear(2, "not_countable", bare, (thing,))
    if count is None and grammar.match(bare, noun) and _is_single(bare, noun.one, noun.name):
        count = 1
    return NounMatch(thing, count or 0)


def several(draft: Draft, scope: Scope, phrase: str, action: str, within: int) -> list[NounMatch] | Unclear | None:
    """All things that a plural names: `keys`, `both keys`, `two balls`; None where it names no two."""
    compiled = draft.compiled
    count, bare = compiled.grammar.quantity(phrase)
    one = compiled.grammar.singular(bare)
    everything = [t for t in _visible(draft, scope, action) if within == NOWHERE or _is_in(draft, t, within)]
    found = [
        t
        for t in everything
        if one and not compiled.entities[t].counted and compiled.grammar.match(one, compiled.entities[t].noun) >= 2
    ]
    found = [t for t in found if _suits(draft, t, action, "thing")] or found
    if len(found) < 2:
        return None
    if count and count > len(found):
        return Unclear(2, "too_few")
    if count and count < len(found):
        return Unclear(3, "which", phrase, tuple(found))
    return [NounMatch(t) for t in found]


def _is_single(phrase: str, one: str, name: str) -> bool:
    """Whether a phrase is the name of one, not of all."""
    last = phrase.split()[-1] if phrase.split() else ""
    return last == one.lower().split()[-1] != name.lower().split()[-1]


def _best(draft: Draft, things: Sequence[int], phrase: str) -> list[int]:
    match, entities = draft.compiled.grammar.match, draft.compiled.entities
    ranked = [(match(phrase, entities[t].noun), t) for t in things]
    best = max((rank for rank, _ in ranked), default=0)
    return [t for rank, t in ranked if rank == best] if best else []


def _visible(draft: Draft, scope: Scope, action: str) -> list[int]:
    things = scope.all()
    if action == "follow":
        memory = draft.memory[draft.actor - draft.compiled.seats[0]]
        things += [who for who, _ in memory.left if who not in things]
    return things


def _is_in(draft: Draft, thing: int, holder: int) -> bool:
    if draft.compiled.entities[thing].counted:
        return draft.stock(holder, thing) > 0
    return draft.record(thing).parent == holder


def _suits(draft: Draft, thing: int, action: str, slot: str) -> bool:
    """Whether a thing is a sensible meaning in this place of this command."""
    compiled, seat = draft.compiled, draft.actor
    entity = compiled.entities[thing]
    record = draft.record(thing)
    mine = record.parent == seat or (entity.counted and draft.stock(seat, thing) > 0)
    if slot == "extra":
        return not mine
    if slot == "other":
        if action in _PERSON_SLOT:
            return entity.person
        if action in ("unlock", "lock"):
            return mine
        if action in ("put_in", "put_on"):
            return entity.container if action == "put_in" else entity.supporter
        return True
    if action in _IN_HAND:
        return mine and not (action == "wear" and (record.flags & WORN or not entity.wearable))
    flags = record.flags
    checks = {
        "take": not flags & FIXED and (not mine or entity.counted) and not entity.person,
        "take_off": bool(flags & WORN) and mine,
        "open": entity.openable and not flags & OPEN,
        "close": entity.openable and bool(flags & OPEN),
        "unlock": bool(entity.keys) and bool(flags & LOCKED),
        "lock": bool(entity.keys) and not flags & LOCKED,
        "switch_on": entity.switchable and not flags & ON,
        "switch_off": entity.switchable and bool(flags & ON),
        "eat": entity.edible and not entity.liquid,
        "fill": entity.holds > 0,
        "empty": entity.holds > 0 or entity.liquid,
        "drink": entity.liquid or entity.holds > 0,
        "board": bool(entity.enter),
        "get_off": bool(entity.enter),
        "read": bool(entity.text) and not entity.person,
    }
    if action in checks:
        return checks[action]
    rules = compiled.rules.instead.get((action, thing)) or compiled.rules.after.get((action, thing))
    return bool(rules) or action == "examine"


def all_of(draft: Draft, scope: Scope, action: str, within: int) -> list[int]:
    """What `all` means for an action."""
    compiled = draft.compiled
    if action == "take":
        return [
            t
            for t in dict.fromkeys(scope.near)
            if t < compiled.people
            and not compiled.entities[t].liquid
            and not draft.flags(t) & FIXED
            and draft.holder(t) != draft.actor
            and (within == NOWHERE or _is_in(draft, t, within))
        ]
    held = [t for t in scope.held if t != within]
    if action == "take_off":
        return [t for t in held if draft.flags(t) & WORN]
    if action == "wear":
        return [t for t in held if compiled.entities[t].wearable and not draft.flags(t) & WORN]
    return [t for t in held if not draft.flags(t) & WORN]


def _unknown(draft: Draft, phrase: str) -> bool:
    return unknown_word(draft, phrase) is not None


def unknown_word(draft: Draft, phrase: str) -> str | None:
    """The first word of a phrase that this world does not know at all."""
    vocabulary = draft.compiled.vocabulary
    if not draft.compiled.grammar.spaced:
        return None if any(phrase in name for name in vocabulary) else phrase
    return next((w for w in phrase.split() if w not in vocabulary), None)
