"""Conditions as closures over a draft."""

from __future__ import annotations

from sandbox.world.native.compiled import CompiledWorld, Draft, Test, Who
from sandbox.world.native.operands import amount, is_fixed, members, place_of, read, said, who_is, words_of
from sandbox.world.native.schema import conditions as model
from sandbox.world.native.scope import can_see
from sandbox.world.native.seating import aboard
from sandbox.world.native.state import DARK, FIXED, HIDDEN, LOCKED, NOWHERE, ON, OPEN, WORN

_FAR = 10**9
"""Beyond all numbers that variables can hold."""
_BITS = {
    "open": (OPEN, True),
    "closed": (OPEN, False),
    "locked": (LOCKED, True),
    "unlocked": (LOCKED, False),
    "on": (ON, True),
    "off": (ON, False),
    "worn": (WORN, True),
    "unworn": (WORN, False),
    "hidden": (HIDDEN, True),
    "shown": (HIDDEN, False),
    "fixed": (FIXED, True),
    "portable": (FIXED, False),
    "dark": (DARK, True),
    "lit": (DARK, False),
}


def bit_of(being: str) -> tuple[int, bool]:
    """The flag that stands for a condition of a thing, and whether it must be set."""
    return _BITS[being]


def word_of(bit: int, value: bool) -> str:
    """The word for a flag's value: the other way round."""
    return next(word for word, pair in _BITS.items() if pair == (bit, value))


def compile_all(compiled: CompiledWorld, conditions: tuple[model.Condition, ...]) -> Test:
    """Whether all of several conditions hold."""
    tests = [compile_one(compiled, c) for c in conditions]
    if not tests:
        return lambda draft: True
    if len(tests) == 1:
        return tests[0]
    return lambda draft: all(test(draft) for test in tests)


def compile_one(compiled: CompiledWorld, condition: model.Condition) -> Test:
    """Whether a condition holds."""
    match condition:
        case model.Has():
            who, count = who_is(compiled, condition.who), condition.count
            if isinstance(count, str) or not is_fixed(compiled, condition.has):
                meant, wanted = who_is(compiled, condition.has), amount(compiled, count)
                return lambda draft: (t := meant(draft)) >= 0 and draft.has(who(draft), t, wanted(draft))
            thing = compiled.index[condition.has]
            return lambda draft: draft.has(who(draft), thing, count)
        case model.ThingIs():
            return _thing(compiled, condition)
        case model.Var():
            return _variable(compiled, condition)
        case model.InRoom():
            rooms = frozenset(compiled.index[r] for r in condition.room)
            who = who_is(compiled, condition.who)
            return lambda draft: (w := who(draft)) >= 0 and draft.record(w).parent in rooms
        case model.Here():
            seen = who_is(compiled, condition.here)
            return lambda draft: (t := seen(draft)) >= 0 and can_see(draft, draft.actor, t)
        case model.Likes():
            number = compiled.dispositions[condition.likes]
            return _bounds(number, condition.at_least, condition.at_most)
        case model.Together():
            them = [who_is(compiled, name) for name in condition.together]

            def together(draft: Draft) -> bool:
                rooms = {draft.room_of(who(draft)) for who in them}
                return len(rooms) == 1 and NOWHERE not in rooms

            return together
        case model.Acting():
            seats = frozenset(compiled.index[s] for s in condition.seat)
            return lambda draft: draft.actor in seats
        case model.Scored():
            compiled.reads_scores = True
            who, least = who_is(compiled, condition.points_of), condition.at_least
            first = compiled.seats[0]
            return lambda draft: 0 <= (n := who(draft) - first) < len(draft.scores) and draft.scores[n] >= least
        case model.Clock():
            return _clock(compiled, condition)
        case model.EachIs() | model.Counting():
            return _several(compiled, condition)
        case model.Not():
            inner = compile_one(compiled, condition.negated)
            return lambda draft: not inner(draft)
        case model.AnyOf():
            tests = [compile_one(compiled, c) for c in condition.any]
            return lambda draft: any(test(draft) for test in tests)
        case model.AllOf():
            return compile_all(compiled, condition.all)


def _thing(compiled: CompiledWorld, condition: model.ThingIs) -> Test:
    thing = who_is(compiled, condition.thing)
    if condition.at is not None:
        place, count = who_is(compiled, condition.at), condition.count
        number = compiled.index.get(condition.thing, NOWHERE)
        model_ = compiled.definition.things.get(condition.thing)
        if model_ is not None and model_.count is not None:
            return lambda draft: (at := place(draft)) >= 0 and draft.stock(at, number) >= count
        if compiled.enterable:
            return lambda draft: (t := thing(draft)) >= 0 and _is_at(draft, t, place(draft))
        if is_fixed(compiled, condition.thing):
            return lambda draft: draft.record(number).parent == place(draft)
        return lambda draft: (t := thing(draft)) >= 0 and draft.record(t).parent == place(draft)
    if condition.being == "carried":
        return lambda draft: (t := thing(draft)) >= 0 and draft.holder(t) != NOWHERE
    assert condition.being is not None
    bit, wanted = _BITS[condition.being]
    if is_fixed(compiled, condition.thing):
        number = compiled.index[condition.thing]
        return lambda draft: bool(draft.record(number).flags & bit) is wanted
    return lambda draft: (t := thing(draft)) >= 0 and bool(draft.record(t).flags & bit) is wanted


def _is_at(draft: Draft, thing: int, place: int) -> bool:
    """Whether something is directly in a place, or somebody in or on it."""
    return draft.record(thing).parent == place or (place >= draft.compiled.rooms and aboard(draft, thing) == place)


def _bounds(number: int, at_least: int | None, at_most: int | None) -> Test:
    low = -(10**9) if at_least is None else at_least
    high = 10**9 if at_most is None else at_most
    return lambda draft: low <= draft.variables[number] <= high


def _variable(compiled: CompiledWorld, condition: model.Var) -> Test:
    name = condition.var
    if name in compiled.text_index or (name == "text" and name not in compiled.variable_index):
        return _text(compiled, condition)
    held, words = read(compiled, name), words_of(compiled, name)
    equals = condition.equals
    if isinstance(equals, str) and not words:
        second = read(compiled, equals)
        return lambda draft: held(draft) == second(draft)
    number = compiled.variable_index.get(name)
    if equals is not None:
        value = words.index(equals) if isinstance(equals, str) else int(equals)
        if number is not None:
            return lambda draft: draft.variables[number] == value
        return lambda draft: held(draft) == value
    least, most = condition.at_least, condition.at_most
    if least is None and most is None:
        if number is not None:
            return lambda draft: draft.variables[number] != 0
        return lambda draft: held(draft) != 0
    if number is not None and not isinstance(least, str) and not isinstance(most, str):
        return _bounds(number, least, most)
    low, high = _between(compiled, least, most)
    return lambda draft: low(draft) <= held(draft) <= high(draft)


def _between(compiled: CompiledWorld, least: int | str | None, most: int | str | None) -> tuple[Who, Who]:
    return amount(compiled, -_FAR if least is None else least), amount(compiled, _FAR if most is None else most)


def _text(compiled: CompiledWorld, condition: model.Var) -> Test:
    """A text is as asked, whatever its case, or is there at all."""
    number = compiled.text_index.get(condition.var, -1)

    def held(draft: Draft) -> str:
        return draft.texts[number] if number >= 0 else said(draft)

    if condition.equals is None:
        return lambda draft: bool(held(draft))
    wanted = str(condition.equals)
    if wanted in compiled.text_index:
        other = compiled.text_index[wanted]
        return lambda draft: held(draft).casefold() == draft.texts[other].casefold()
    if wanted == "text" and number >= 0:
        return lambda draft: held(draft).casefold() == said(draft).casefold()
    return lambda draft: held(draft).casefold() == wanted.casefold()


def _clock(compiled: CompiledWorld, condition: model.Clock) -> Test:
    low, high = _between(compiled, condition.at_least, condition.at_most)
    if condition.clock != "rounds":
        event = list(compiled.definition.events).index(condition.clock)
        return lambda draft: (left := draft.clocks[event]) > 0 and low(draft) <= left <= high(draft)
    clock, of = compiled.rounds_clock, condition.of
    highest = max(highest_of(compiled, condition.at_least), highest_of(compiled, condition.at_most))
    clock.asked(highest, of)
    if of is None:
        return lambda draft: low(draft) <= draft.clocks[clock.number] <= high(draft)

    def within(draft: Draft) -> bool:
        hour, begin, end = draft.clocks[clock.number] % of, low(draft), high(draft)
        return begin <= hour <= end if begin <= end else hour >= begin or hour <= end

    return within


def highest_of(compiled: CompiledWorld, bound: int | str | None) -> int:
    """The greatest number that a bound can be."""
    if isinstance(bound, str):
        place = place_of(compiled, bound)
        return compiled.bounds[place][1] if isinstance(place, int) else max(high for _, high in compiled.bounds)
    return bound or 0


def _several(compiled: CompiledWorld, condition: model.EachIs | model.Counting) -> Test:
    test = compile_all(compiled, condition.when)

    def fitting(draft: Draft, them: tuple[int, ...]) -> int:
        outer, count = draft.it, 0
        for draft.it in them:
            count += test(draft)
        draft.it = outer
        return count

    if isinstance(condition, model.EachIs):
        every = members(compiled, condition.each)
        return lambda draft: fitting(draft, every) == len(every)
    some = members(compiled, condition.count)
    bare = condition.at_least is None and condition.at_most is None
    low, high = _between(compiled, 1 if bare else condition.at_least, condition.at_most)
    return lambda draft: low(draft) <= fitting(draft, some) <= high(draft)
