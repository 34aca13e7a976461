"""Effects as closures over a draft."""

from __future__ import annotations

from sandbox.world.native.compiled import Act, CompiledWorld, Draft, Who
from sandbox.world.native.conditions import bit_of, compile_all
from sandbox.world.native.operands import amount, is_fixed, members, place_of, said, who_is, words_of
from sandbox.world.native.prose import CountedThing
from sandbox.world.native.schema import effects as model
from sandbox.world.native.schema.places import MAX_FREE_TEXT
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
            return _make(compiled, effect)
        case model.SetVar():
            return _set(compiled, effect)
        case model.Change():
            return _change(compiled, effect)
        case model.Please():
            number, by = compiled.dispositions[effect.please], effect.by
            return lambda draft: draft.set_variable(number, draft.variables[number] + by)
        case model.Add():
            thing, added, place = (
                compiled.index[effect.add],
                _count(compiled, effect.count),
                who_is(compiled, effect.to),
            )
            return lambda draft: draft.add_stock(place(draft), thing, added(draft))
        case model.Remove():
            thing, taken, place = (
                compiled.index[effect.remove],
                _count(compiled, effect.count),
                who_is(compiled, effect.at),
            )
            return lambda draft: draft.add_stock(place(draft), thing, -taken(draft))
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
        case model.ForEach():
            return _for_each(compiled, key, effect)
        case model.Decide():
            test = compile_all(compiled, effect.when)
            then = compile_effects(compiled, f"{key}.do", effect.do)
            otherwise = compile_effects(compiled, f"{key}.otherwise", effect.otherwise)
            return lambda draft: then(draft) if test(draft) else otherwise(draft)


def _count(compiled: CompiledWorld, value: int | str) -> Who:
    """How many, never fewer than none."""
    if isinstance(value, int):
        return lambda draft: value
    held = amount(compiled, value)
    return lambda draft: max(held(draft), 0)


def _make(compiled: CompiledWorld, effect: model.Make) -> Act:
    bit, value = bit_of(effect.be)
    locked = effect.be == "locked"
    if is_fixed(compiled, effect.make):
        thing = compiled.index[effect.make]
        if locked:
            return lambda draft: draft.set_flags(thing, LOCKED, OPEN)
        return lambda draft: draft.set_flag(thing, bit, value)
    meant = who_is(compiled, effect.make)

    def make(draft: Draft) -> None:
        if (found := meant(draft)) >= 0:
            draft.set_flags(found, bit if value else 0, OPEN if locked else 0 if value else bit)

    return make


def _set(compiled: CompiledWorld, effect: model.SetVar) -> Act:
    name, to = effect.set, effect.to
    if name in compiled.text_index:
        text = compiled.text_index[name]
        source = compiled.text_index.get(str(to))
        if source is not None:
            return lambda draft: draft.set_text(text, draft.texts[source])
        if to == "text":
            return lambda draft: draft.set_text(text, said(draft)[:MAX_FREE_TEXT])
        return lambda draft: draft.set_text(text, str(to))
    words = words_of(compiled, name)
    if isinstance(to, str) and words and to == "text" and to not in words:

        def held(draft: Draft) -> int:
            return next((n for n, word in enumerate(words) if word.casefold() == said(draft).casefold()), -1)

        return _store(compiled, name, held, keep=-1)
    if isinstance(to, str) and not words:
        return _store(compiled, name, amount(compiled, to))
    value = words.index(to) if isinstance(to, str) else int(to)
    return _store(compiled, name, lambda draft: value)


def _store(compiled: CompiledWorld, name: str, value: Who, keep: int | None = None) -> Act:
    """Gives a variable or property a value, unless it is the one that means no change."""
    place = place_of(compiled, name)
    if isinstance(place, int) and keep is None:
        number = place
        return lambda draft: draft.set_variable(number, value(draft))
    find = place if not isinstance(place, int) else lambda draft: place

    def store(draft: Draft) -> None:
        if (number := find(draft)) >= 0 and (new := value(draft)) != keep:
            draft.set_variable(number, new)

    return store


def _change(compiled: CompiledWorld, effect: model.Change) -> Act:
    place, times = place_of(compiled, effect.change), effect.times
    added = amount(compiled, effect.by)
    if isinstance(place, int):
        number = place
        if isinstance(effect.by, int):
            whole = effect.by * times
            return lambda draft: draft.set_variable(number, draft.variables[number] + whole)
        return lambda draft: draft.set_variable(number, draft.variables[number] + added(draft) * times)
    find = place

    def change(draft: Draft) -> None:
        if (found := find(draft)) >= 0:
            draft.set_variable(found, draft.variables[found] + added(draft) * times)

    return change


def _for_each(compiled: CompiledWorld, key: str, effect: model.ForEach) -> Act:
    them, test = members(compiled, effect.each), compile_all(compiled, effect.when)
    do = compile_effects(compiled, f"{key}.do", effect.do)

    def each(draft: Draft) -> None:
        outer = draft.it
        for draft.it in them:
            if draft.budget < 0:
                break
            if test(draft):
                do(draft)
        draft.it = outer

    return each


def _move(compiled: CompiledWorld, effect: model.Move) -> Act:
    # actions look into rules, and rules hold effects
    from sandbox.world.native.actions.moving import arrive
    from sandbox.world.native.seating import passengers, put_aboard

    thing, place = who_is(compiled, effect.move), who_is(compiled, effect.to)

    def move(draft: Draft) -> None:
        what, to = thing(draft), place(draft)
        if what < 0:
            return
        if what < compiled.people:
            riding = passengers(draft, what) if compiled.entities[what].enter else []
            draft.move(what, to)
            for seat in riding:
                if 0 <= to < compiled.rooms:
                    arrive(draft, seat, to, what)
                else:
                    put_aboard(draft, seat, NOWHERE)
            return
        on = NOWHERE
        if compiled.rooms <= to < compiled.people:
            on, to = to, draft.room_of(to)
        origin = draft.record(what).parent
        if origin == to:
            put_aboard(draft, what, on)
            return
        if origin != NOWHERE:
            draft.show("vanishes", origin, what, me=CountedThing(what))
        arrive(draft, what, to, on)

    return move


def _score(compiled: CompiledWorld, effect: model.Score) -> Act:
    points, seat = effect.score, effect.seat
    if seat == "me":
        return lambda draft: draft.award(draft.actor, points) if draft.actor >= 0 else None

    who = who_is(compiled, seat) if seat not in ("all", "others") else None

    def award(draft: Draft) -> None:
        if who is None:
            if compiled.definition.rewards == "shared":
                draft.award(draft.actor, points)
                return
            for other in compiled.seats:
                if seat == "all" or other != draft.actor:
                    draft.award(other, points)
        else:
            draft.award(who(draft), points)

    return award


def _say(compiled: CompiledWorld, key: str, effect: model.Say) -> Act:
    prose = compile_prose(compiled, f"{key}.say", effect.say)
    to = effect.to
    if to == "me":
        return lambda draft: (
            draft.tell(draft.actor, prose.render(draft, draft.actor)) if draft.actor >= 0 else None
        )

    whom = who_is(compiled, to) if to not in ("others", "here", "all") else None

    def say(draft: Draft) -> None:
        if to in ("others", "here"):
            room = draft.here()
            hearers = [s for s in compiled.seats if draft.record(s).parent == room]
            if to == "others":
                hearers = [s for s in hearers if s != draft.actor]
        elif whom is None:
            hearers = list(compiled.seats)
        elif 0 <= (number := whom(draft)) < compiled.rooms:
            hearers = [s for s in compiled.seats if draft.record(s).parent == number]
        else:
            hearers = [number]
        for seat in hearers:
            draft.tell(seat, prose.render(draft, seat))

    return say
