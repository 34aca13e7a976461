"""Conditions as closures over a draft."""

from __future__ import annotations

from sandbox.world.native.compiled import CompiledWorld, Draft, Test, Who
from sandbox.world.native.schema import conditions as model
from sandbox.world.native.scope import can_see
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


def who_is(compiled: CompiledWorld, name: str) -> Who:
    """Finds a seat, thing or place; `me` is the acting seat, `here` its room."""
    if name == "me":
        return lambda draft: draft.actor
    if name == "here":
        return lambda draft: draft.here()
    if name == "nowhere":
        return lambda draft: NOWHERE
    number = compiled.index[name]
    return lambda draft: number


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
            thing, who, count = compiled.index[condition.has], who_is(compiled, condition.who), condition.count
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
            thing = compiled.index[condition.here]
            return lambda draft: can_see(draft, draft.actor, thing)
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
            return lambda draft: (n := who(draft) - first) < len(draft.scores) and draft.scores[n] >= least
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
        return lambda draft: (t := thing(draft)) >= 0 and draft.record(t).parent == place(draft)
    if condition.being == "carried":
        return lambda draft: draft.holder(thing(draft)) != NOWHERE
    assert condition.being is not None
    bit, wanted = _BITS[condition.being]
    return lambda draft: bool(draft.record(thing(draft)).flags & bit) is wanted


def _bounds(number: int, at_least: int | None, at_most: int | None) -> Test:
    low = -(10**9) if at_least is None else at_least
    high = 10**9 if at_most is None else at_most
    return lambda draft: low <= draft.variables[number] <= high


def _variable(compiled: CompiledWorld, condition: model.Var) -> Test:
    number = compiled.variable_index[condition.var]
    if condition.equals is not None and isinstance(other := _operand(compiled, number, condition.equals), str):
        second = compiled.variable_index[other]
        return lambda draft: draft.variables[number] == draft.variables[second]
    if condition.equals is not None:
        value = compiled.variable_value(condition.var, condition.equals)
        return lambda draft: draft.variables[number] == value
    if condition.at_least is None and condition.at_most is None:
        return lambda draft: draft.variables[number] != 0
    least, most = condition.at_least, condition.at_most
    if isinstance(least, str) or isinstance(most, str):
        low = amount(compiled, -_FAR if least is None else least)
        high = amount(compiled, _FAR if most is None else most)
        return lambda draft: low(draft) <= draft.variables[number] <= high(draft)
    return _bounds(number, least, most)


def _operand(compiled: CompiledWorld, number: int, value: bool | int | str) -> bool | int | str | None:
    """The variable whose value is meant: for numbers a text names one. Else None."""
    return value if isinstance(value, str) and not compiled.values[number] else None


def amount(compiled: CompiledWorld, value: int | str) -> Who:
    """A number, or what a variable holds."""
    if isinstance(value, str):
        number = compiled.variable_index[value]
        return lambda draft: draft.variables[number]
    return lambda draft: value
