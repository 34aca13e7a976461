"""What a native world's conditions ask for, as facts of its relaxation.

A condition is turned into facts that are true at least where it is: what cannot be said of a state without losses
counts as true. So what these facts do not lead to is out of reach in the world too.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from sandbox.world.native import NativeWorld
from sandbox.world.native.compiled import CompiledWorld
from sandbox.world.native.conditions import bit_of
from sandbox.world.native.operands import members
from sandbox.world.native.schema import conditions as model
from sandbox.world.native.schema.base import Strict
from sandbox.world.native.schema.behaviour import VerbRule
from sandbox.world.native.schema.effects import Effect, ForEach, Make, Move
from sandbox.world.native.state import NOWHERE, ParsedCommand
from sandbox.world.solver.relaxation import Relaxation


class Go(NamedTuple):
    """The label of a step from room to room."""

    seat: int
    room: int
    direction: str
    to: int


class Act(NamedTuple):
    """The label of what a seat does, or (no command) of what comes about by itself where the seat is."""

    seat: int
    command: ParsedCommand | None
    key: str = ""
    """The rule, event or ending that it is."""


ROUNDS = -1
"""In place of a variable's number: the rounds that are over."""
ANYBODY = -1
"""The acting seat of what happens by itself."""


class Literals(Relaxation):
    """The facts of a native world. Rooms, things and people are meant by their numbers.

    - `("in", who, room)`, `("at", thing, place)`, `("has", thing, who)`: where somebody or something is
    - `("reach", thing, seat)`, `("see", thing, seat)`: what a seat can touch and name
    - `("flag", thing, bit, value)`, `("var", number, value)`, `("stock", kind, place)`: how things are
    - `("lacks", thing, who)`, `("away", thing, place)`: that something is *not* somewhere
    """

    def __init__(self, world: NativeWorld) -> None:
        super().__init__()
        self.world = world
        self.compiled = world.compiled
        self.true = self.fact("true")
        self.false = self.fact("false")
        self.add((), (self.true,))
        self.changes = tuple(_effects(world.compiled))
        """All effects of the world, however deep they lie."""
        self._haunts: dict[int, frozenset[int]] = {}
        self.wanted: dict[int, set[int]] = {}
        """Things to the places that a condition asks whether they are there."""
        self.it, self.other = NOWHERE, NOWHERE
        """What a rule, or the one of several that a loop is at, is about while it is being grounded."""
        self.lacking: set[tuple[int, int]] = set()
        """Pairs (thing, who) of which it is asked whether the one is not with the other."""

    def any_of(self, facts: Iterable[int]) -> int:
        """A fact that follows from each of several."""
        members = tuple(sorted(set(facts) - {self.false}))
        if self.true in members:
            return self.true
        if len(members) < 2:
            return members[0] if members else self.false
        return self._either(("any", members), members)

    def _either(self, name: tuple[str, tuple[int, ...]], members: tuple[int, ...]) -> int:
        if name in self.number:
            return self.number[name]
        fact = self.fact(name)
        for member in members:
            self.add((member,), (fact,))
        return fact

    def all_of(self, facts: Iterable[int]) -> int:
        """A fact that follows from several together."""
        members = tuple(sorted(set(facts) - {self.true}))
        if self.false in members:
            return self.false
        if len(members) < 2:
            return members[0] if members else self.true
        name = ("all", members)
        if name in self.number:
            return self.number[name]
        fact = self.fact(name)
        self.add(members, (fact,))
        return fact

    # Conditions

    def hold(self, conditions: Sequence[model.Condition], seat: int) -> list[int]:
        """Facts that are all true where the conditions hold for an acting seat."""
        return [self.literal(each, seat, True) for each in conditions]

    def fail(self, conditions: Sequence[model.Condition], seat: int) -> int:
        """A fact that is true where one of the conditions does not hold."""
        return self.any_of(self.literal(each, seat, False) for each in conditions)

    def literal(self, condition: model.Condition, seat: int, wanted: bool) -> int:
        """A fact that is true wherever the condition holds, or (not `wanted`) wherever it does not."""
        index = self.compiled.index
        match condition:
            case model.Has():
                thing, who, count = self.who(condition.has, seat), self.who(condition.who, seat), condition.count
                if thing < 0:
                    return self.true  # whatever the command names
                return self._has(thing, who, 1 if isinstance(count, str) else count, wanted)
            case model.ThingIs():
                return self._thing(condition, seat, wanted)
            case model.Var():
                return self._variable(condition, wanted)
            case model.InRoom():
                who = self.who(condition.who, seat)
                if who < 0:
                    return self.false if wanted else self.true
                rooms = frozenset(index[room] for room in condition.room)
                all_rooms = range(self.compiled.rooms)
                chosen = [room for room in all_rooms if (room in rooms) is wanted]
                return self.any_of(self.fact(("in", who, room)) for room in chosen)
            case model.Here():
                if not wanted:
                    return self.true
                thing = self.who(condition.here, seat)
                if thing < 0 or (seat >= 0 and seat not in self.compiled.seats):
                    return self.true  # what characters see is not followed
                return self.fact(("see", thing, seat)) if seat >= 0 else self.false
            case model.Likes():
                number = self.compiled.dispositions[condition.likes]
                return self._bounds(number, condition.at_least, condition.at_most, wanted)
            case model.Clock():
                return self._clock(condition, wanted)
            case model.EachIs() | model.Counting():
                return self._several(condition, seat, wanted)
            case model.Acting():
                return self.true if (seat in {index[s] for s in condition.seat}) is wanted else self.false
            case model.Not():
                return self.literal(condition.negated, seat, not wanted)
            case model.AnyOf():
                parts = [self.literal(each, seat, wanted) for each in condition.any]
                return self.any_of(parts) if wanted else self.all_of(parts)
            case model.AllOf():
                parts = [self.literal(each, seat, wanted) for each in condition.all]
                return self.all_of(parts) if wanted else self.any_of(parts)
            case model.Together():
                if wanted:
                    people = [w for n in condition.together if (w := self.who(n, seat)) >= self.compiled.people]
                    return self.all_of(self.meet(a, b) for a, b in pairwise(people))
                return self.true
        return self.true  # points: how many there are is not counted

    def who(self, name: str, seat: int) -> int:
        """The number behind a name; `NOWHERE` where there is none."""
        if name == "me":
            return seat
        if name == "it":
            return self.it
        if name == "other" and name not in self.compiled.index:
            return self.other
        return self.compiled.index.get(name, NOWHERE)

    def _clock(self, condition: model.Clock, wanted: bool) -> int:
        """Rounds pass by themselves; that it is too late, and what an event's clock shows, is not said."""
        least = condition.at_least
        if condition.clock != "rounds" or condition.of is not None or not wanted or not isinstance(least, int):
            return self.true
        return self.threshold(("up", ROUNDS), least) if least > 0 else self.true

    def _several(self, condition: model.EachIs | model.Counting, seat: int, wanted: bool) -> int:
        """So many of several are as asked: enough of them are, and enough are not."""
        them = members(self.compiled, condition.each if isinstance(condition, model.EachIs) else condition.count)
        least: int | str | None = len(them)
        most: int | str | None = None
        if isinstance(condition, model.Counting):
            least, most = condition.at_least, condition.at_most
            least = 1 if least is None and most is None else least
        if not wanted and isinstance(least, int) and isinstance(most, int):
            return self.true
        if not wanted:
            least, most = (
                (most + 1 if isinstance(most, int) else None),
                (least - 1 if isinstance(least, int) else None),
            )
        if isinstance(least, str) or isinstance(most, str) or (not wanted and least is None and most is None):
            return self.true
        outer, parts = self.it, []
        for self.it in them:
            parts.append(
                (
                    self.all_of(self.hold(condition.when, seat)) if least is not None else self.true,
                    self.fail(condition.when, seat) if most is not None else self.true,
                )
            )
        self.it = outer
        enough = self._so_many([yes for yes, _ in parts], least or 0)
        return self.all_of(
            (enough, self._so_many([no for _, no in parts], len(them) - (len(them) if most is None else most)))
        )

    def _so_many(self, facts: list[int], count: int) -> int:
        """A fact that is true where at least so many of some facts are."""
        if count <= 0:
            return self.true
        if count > len(facts):
            return self.false
        row = [self.true] + [self.false] * count
        for fact in facts:
            for n in range(count, 0, -1):
                row[n] = self.any_of((row[n], self.all_of((row[n - 1], fact))))
        return row[count]

    def meet(self, one: int, other: int) -> int:
        """Two people are in the same room."""
        name = ("meet", min(one, other), max(one, other))
        if name in self.number:
            return self.number[name]
        fact = self.fact(name)
        for room in self.haunts(one) & self.haunts(other):
            self.add((self.fact(("in", one, room)), self.fact(("in", other, room))), (fact,))
        return fact

    def haunts(self, who: int) -> frozenset[int]:
        """Rooms that a seat or character might be in."""
        if who not in self._haunts:
            self._haunts[who] = self._rooms_of(who)
        return self._haunts[who]

    def _rooms_of(self, who: int) -> frozenset[int]:
        everywhere = frozenset(range(self.compiled.rooms))
        name = self.compiled.ids[who]
        if name not in self.world.definition.characters:
            return everywhere
        character, index = self.world.definition.characters[name], self.compiled.index
        places = {effect.to for effect in self.changes if isinstance(effect, Move) and effect.move == name}
        if (
            character.aims
            or (character.routine is not None and character.routine.follows)
            or not places.isdisjoint({"here", "it", "other"})
        ):
            return everywhere
        places |= {character.at, *(character.routine.rooms if character.routine is not None else ())}
        return frozenset(room for place in places if (room := index.get(place, -1)) in everywhere)

    def _has(self, thing: int, who: int, count: int, wanted: bool) -> int:
        if who < 0:
            return self.false if wanted else self.true
        if self.compiled.entities[thing].counted:
            if not wanted:
                return self.true
            if self.compiled.entities[thing].liquid:
                vessels = [v for v in range(self.compiled.people) if self.compiled.entities[v].holds]
                return self.any_of(
                    self.all_of((self._amount(thing, v, 1), self.fact(("has", v, who)))) for v in vessels
                )
            return self._amount(thing, who, count)
        if wanted:
            return self.fact(("has", thing, who))
        self.lacking.add((thing, who))
        return self.fact(("lacks", thing, who))

    def _amount(self, kind: int, place: int, count: int) -> int:
        """So many of a counted thing are somewhere: some are, and there are so many in all."""
        there = self.fact(("stock", kind, place))
        return there if count < 2 else self.all_of((there, self.threshold(("supply", kind), count)))

    def _thing(self, condition: model.ThingIs, seat: int, wanted: bool) -> int:
        thing = self.who(condition.thing, seat)
        if thing < 0:
            return self.false if wanted and condition.thing == "me" else self.true
        if condition.being == "carried":
            people = range(self.compiled.people, len(self.compiled.entities))
            if wanted:
                return self.any_of(self.fact(("has", thing, who)) for who in people)
            self.lacking |= {(thing, who) for who in people}
            return self.all_of(self.fact(("lacks", thing, who)) for who in people)
        if condition.being is not None:
            bit, value = bit_of(condition.being)
            return self.flag(thing, bit, value is wanted)
        assert condition.at is not None
        if condition.at == "here":
            return self.fact(("see", thing, seat)) if wanted and seat >= 0 else self.true
        place = self.who(condition.at, seat)
        if thing in self.compiled.aboard and place in self.compiled.enterable:
            return self.aboard(thing, place) if wanted else self.true
        if self.compiled.entities[thing].counted:
            return self._amount(thing, place, condition.count) if wanted else self.true
        return self.at(thing, place, wanted)

    def aboard(self, seat: int, thing: int) -> int:
        """A seat is in or on a thing."""
        return self.fact(("var", self.compiled.aboard[seat], self.compiled.enterable.index(thing) + 1))

    def at(self, thing: int, place: int, wanted: bool = True) -> int:
        """Something or somebody is directly in a place, or is not."""
        if thing >= self.compiled.people:
            rooms = [r for r in range(self.compiled.rooms) if (r == place) is wanted]
            return self.any_of(self.fact(("in", thing, room)) for room in rooms)
        self.wanted.setdefault(thing, set()).add(place)
        return self.fact(("at" if wanted else "away", thing, place))

    def flag(self, thing: int, bit: int, value: bool) -> int:
        """A bit of something's condition has a value."""
        return self.fact(("flag", thing, bit, value))

    def _variable(self, condition: model.Var, wanted: bool) -> int:
        number = self.variable(condition.var)
        if number < 0:
            return self.true  # texts, and what a command names, are not followed
        words = self.compiled.values[number]
        least, most = condition.at_least, condition.at_most
        if isinstance(least, str) or isinstance(most, str):
            return self.true  # what another variable holds is not followed
        if isinstance(condition.equals, str) and not words:
            return self.true
        if condition.equals is not None:
            equals = condition.equals
            value = words.index(equals) if isinstance(equals, str) else int(equals)
            if words:
                values = [v for v in range(len(words)) if (v == value) is wanted]
                return self.any_of(self.fact(("var", number, v)) for v in values)
            return self._bounds(number, value, value, wanted)
        if least is not None or most is not None:
            return self._bounds(number, least, most, wanted)
        if words:
            return self.any_of(self.fact(("var", number, v)) for v in range(len(words)) if bool(v) is wanted)
        return self._bounds(number, 0, 0, not wanted)

    def variable(self, name: str) -> int:
        """The number of a variable or property; -1 for what is not followed."""
        owner, _, own = name.partition(".")
        if owner in ("it", "other") and own and (whose := self.who(owner, NOWHERE)) >= 0:
            name = f"{self.compiled.ids[whose]}.{own}"
        return self.compiled.variable_index.get(name, -1)

    def _bounds(self, number: int, at_least: int | None, at_most: int | None, wanted: bool) -> int:
        """A number lies between two bounds, or does not."""
        words = self.compiled.values[number]
        if words:
            low = 0 if at_least is None else at_least
            high = len(words) if at_most is None else at_most
            values = [v for v in range(len(words)) if (low <= v <= high) is wanted]
            return self.any_of(self.fact(("var", number, v)) for v in values)
        if wanted:
            return self.all_of(
                (
                    self.true if at_least is None else self._at_least(number, at_least),
                    self.true if at_most is None else self._at_most(number, at_most),
                )
            )
        return self.any_of(
            (
                self.false if at_least is None else self._at_most(number, at_least - 1),
                self.false if at_most is None else self._at_least(number, at_most + 1),
            )
        )

    def _at_least(self, number: int, bound: int) -> int:
        low, high = self.compiled.bounds[number]
        return self.true if bound <= low else self.false if bound > high else self.threshold(("up", number), bound)

    def _at_most(self, number: int, bound: int) -> int:
        low, high = self.compiled.bounds[number]
        if bound >= high:
            return self.true
        return self.false if bound < low else self.threshold(("down", number), -bound)


def _effects(compiled: CompiledWorld) -> Iterator[Effect]:
    """All effects of a world, however deep they lie; those about `it` once for each that this may be."""
    world, ids = compiled.definition, compiled.ids
    responses: list[tuple[Sequence[Effect], VerbRule | None]] = [(rule.do, rule) for rule in world.rules]
    responses += [(rule.do, rule) for verb in world.verbs.values() for rule in verb.rules]
    responses += [(event.do, None) for event in world.events.values()]
    responses += [(ending.do, None) for ending in world.endings.values()]
    for person in world.characters.values():
        responses += [(topic.do, None) for topic in person.topics]
        responses += [(r.do, VerbRule(thing=r.thing)) for r in (*person.accepts, *person.notices)]
        responses += [(deal.do, None) for deal in person.trades]
    for effects, rule in responses:
        about = {"it": tuple(ids), "other": tuple(ids)}
        for word, names in (("it", rule and rule.thing), ("other", rule and rule.other)):
            if names:
                about[word] = tuple(ids[number] for number in members(compiled, names))
        yield from _flat(compiled, effects, about)


def _flat(
    compiled: CompiledWorld, effects: Sequence[Effect], about: Mapping[str, tuple[str, ...]]
) -> Iterator[Effect]:
    """Effects and those inside them."""
    for effect in effects:
        if isinstance(effect, ForEach):
            those = tuple(compiled.ids[number] for number in members(compiled, effect.each))
            yield from _flat(compiled, effect.do, {**about, "it": those})
            continue
        key = "move" if isinstance(effect, Move) else "make" if isinstance(effect, Make) else ""
        if (
            key
            and (names := about.get(getattr(effect, key))) is not None
            and getattr(effect, key) not in compiled.index
        ):
            yield from (effect.model_copy(update={key: name}) for name in names)
        else:
            yield effect
        for inner in ("do", "otherwise"):
            yield from _flat(compiled, getattr(effect, inner, ()), about)
        for branch in getattr(effect, "pick", ()):
            yield from _flat(compiled, branch.do, about)


def mentions(part: object, word: str) -> bool:
    """Whether a part of a definition names a word, as itself or as the owner of a property."""
    if isinstance(part, str):
        return part == word or part.startswith(f"{word}.")
    if isinstance(part, Strict):
        return any(mentions(getattr(part, name), word) for name in type(part).model_fields)
    return isinstance(part, tuple) and any(mentions(each, word) for each in part)
