"""Effects as closures over a draft."""

from __future__ import annotations

from sandbox.world.native.compiled import Act, CompiledWorld, Draft
from sandbox.world.native.conditions import amount, bit_of, compile_all, who_is
from sandbox.world.native.prose import CountedThing
from sandbox.world.native.schema import effects as model
from sandbox.world.native.state import LOCKED, NOWHERE, OPEN
from sandbox.world.native.texts import compile_prose


def compile_effects(compiled: CompiledWorld, key: str, effects: tuple[model.Effect, ...]) -> Act:
    """All effects one after the other. A step that has used up its budget of effects does no more."""
    acts = [compile_effect(compiled, f"{key}[{i}]", e) for i, e in enumerate(effects)]

    def run(draft: Draft) -> None:
        for act in acts:
            draft.budget -= 1
            if draft.budget < 0:
                return
            act(draft)

    return run


def compile_effect(compiled: CompiledWorld, key: str, effect: model.Effect) -> Act:
    """What an effect does."""
    match effect:
        case model.Move():
            return _move(compiled, effect)
        case model.Make():
            thing, (bit, value) = compiled.index[effect.make], bit_of(effect.be)
            if effect.be == "locked":
                return lambda draft: draft.set_flags(thing, LOCKED, OPEN)
            return lambda draft: draft.set_flag(thing, bit, value)
        case model.SetVar():
            number = compiled.variable_index[effect.set]
            if isinstance(effect.to, str) and not compiled.values[number]:
                held = amount(compiled, effect.to)
                return lambda draft: draft.set_variable(number, held(draft))
            to = compiled.variable_value(effect.set, effect.to)
            return lambda draft: draft.set_variable(number, to)
        case model.Change():
            number, by, times = compiled.variable_index[effect.change], effect.by, effect.times
            if isinstance(by, str):
                added = amount(compiled, by)
                return lambda draft: draft.set_variable(number, draft.variables[number] + added(draft) * times)
            whole = by * times
            return lambda draft: draft.set_variable(number, draft.variables[number] + whole)
        case model.Please():
            number, by = compiled.dispositions[effect.please], effect.by
            return lambda draft: draft.set_variable(number, draft.variables[number] + by)
        case model.Add():
            thing, count, place = compiled.index[effect.add], effect.count, who_is(compiled, effect.to)
            return lambda draft: draft.add_stock(place(draft), thing, count)
        case model.Remove():
            thing, count, place = compiled.index[effect.remove], effect.count, who_is(compiled, effect.at)
            return lambda draft: draft.add_stock(place(draft), thing, -count)
        case model.Score():
            return _score(compiled, effect)
        case model.Say():
            return _say(compiled, key, effect)
        case model.End():
            ending = list(compiled.definition.endings).index(effect.end)
            return lambda draft: draft.end(ending)
        case model.Start() | model.Stop():
            name = effect.start if isinstance(effect, model.Start) else effect.stop
            starts = isinstance(effect, model.Start)
            number = list(compiled.definition.events).index(name)
            return lambda draft: draft.set_clock(number, compiled.events[number].period if starts else -1)
        case model.Perhaps():
            compiled.rules.random = True
            do = compile_effects(compiled, f"{key}.do", effect.do)
            otherwise = compile_effects(compiled, f"{key}.otherwise", effect.otherwise)
            weights = (effect.chance.numerator, effect.chance.denominator - effect.chance.numerator)
            return lambda draft: otherwise(draft) if draft.dice.draw(weights) else do(draft)
        case model.Pick():
            compiled.rules.random = True
            branches = [compile_effects(compiled, f"{key}.pick[{i}]", b.do) for i, b in enumerate(effect.pick)]
            odds = tuple(b.weight for b in effect.pick)
            return lambda draft: branches[draft.dice.draw(odds)](draft)
        case model.Decide():
            test = compile_all(compiled, effect.when)
            then = compile_effects(compiled, f"{key}.do", effect.do)
            otherwise = compile_effects(compiled, f"{key}.otherwise", effect.otherwise)
            return lambda draft: then(draft) if test(draft) else otherwise(draft)


def _move(compiled: CompiledWorld, effect: model.Move) -> Act:
    from sandbox.world.native.actions.moving import arrive  # actions look into rules, and rules hold effects

    thing, place = who_is(compiled, effect.move), who_is(compiled, effect.to)

    def move(draft: Draft) -> None:
        what, to = thing(draft), place(draft)
        if what < 0:
            return
        if what < compiled.people:
            draft.move(what, to)
            return
        origin = draft.record(what).parent
        if origin == to:
            return
        if origin != NOWHERE:
            draft.show("vanishes", origin, what, me=CountedThing(what))
        arrive(draft, what, to)

    return move


def _score(compiled: CompiledWorld, effect: model.Score) -> Act:
    points, seat = effect.score, effect.seat
    if seat == "me":
        return lambda draft: draft.award(draft.actor, points) if draft.actor >= 0 else None

    def award(draft: Draft) -> None:
        if seat in ("all", "others"):
            if compiled.definition.rewards == "shared":
                draft.award(draft.actor, points)
                return
            for other in compiled.seats:
                if seat == "all" or other != draft.actor:
                    draft.award(other, points)
        else:
            draft.award(compiled.index[seat], points)

    return award


def _say(compiled: CompiledWorld, key: str, effect: model.Say) -> Act:
    prose = compile_prose(compiled, f"{key}.say", effect.say)
    to = effect.to
    if to == "me":
        return lambda draft: (
            draft.tell(draft.actor, prose.render(draft, draft.actor)) if draft.actor >= 0 else None
        )

    def say(draft: Draft) -> None:
        if to in ("others", "here"):
            room = draft.here()
            hearers = [s for s in compiled.seats if draft.record(s).parent == room]
            if to == "others":
                hearers = [s for s in hearers if s != draft.actor]
        elif to == "all":
            hearers = list(compiled.seats)
        elif (number := compiled.index[to]) < compiled.rooms:
            hearers = [s for s in compiled.seats if draft.record(s).parent == number]
        else:
            hearers = [number]
        for seat in hearers:
            draft.tell(seat, prose.render(draft, seat))

    return say
