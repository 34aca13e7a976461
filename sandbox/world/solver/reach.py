"""What can be reached and handled in a native world, as facts and operators of its relaxation."""

from __future__ import annotations

from collections.abc import Hashable

from sandbox.world.native import NativeWorld
from sandbox.world.native.conditions import bit_of
from sandbox.world.native.schema import Exit, OneOf, VerbRule
from sandbox.world.native.schema import effects as model
from sandbox.world.native.state import DARK, FIXED, HIDDEN, LOCKED, NOWHERE, ON, OPEN, WORN, ParsedCommand
from sandbox.world.solver.literals import Act, Go, Literals


class Reach(Literals):
    """Ways, light, what is within reach, and the usual actions with things."""

    def __init__(self, world: NativeWorld) -> None:
        super().__init__(world)
        self.definition = world.definition
        self.seats = world.compiled.seats
        self.loose = self._loose()
        """Whether things can go from seat to seat though these never meet: through a box that both come to."""
        self._placed: dict[int, set[int]] = {}
        """Things to the places that they are known to come to."""
        self._sets: dict[int, list[tuple[int, int]]] = {}
        """Numbers to the values that effects give them, with the facts of these."""
        self._here: list[tuple[tuple[int, ...], int, int]] = []
        """What is put down where a seat acts: the needs, the thing, the seat."""
        every = [effect for effect in self.changes if isinstance(effect, model.Make)]
        self._made = {(effect.make, bit_of(effect.be)) for effect in every}
        self.removable = {thing for thing in self._things() if self._portable(thing)}

    # What the definition has

    def _things(self) -> range:
        return range(self.compiled.rooms, self.compiled.people)

    def _loose(self) -> bool:
        world, compiled = self.definition, self.compiled
        if len(compiled.seats) < 2:
            return False
        moved = {effect.move for effect in self.changes if isinstance(effect, model.Move)}
        shared = (
            name
            for name, thing in world.things.items()
            if (thing.container or thing.supporter) and (name in moved or thing.also_at)
        )
        return next(shared, None) is not None or bool(world.trading)

    def _portable(self, thing: int) -> bool:
        entity = self.compiled.entities[thing]
        if entity.counted or entity.door:
            return False
        given = self.definition.things[entity.id]
        if not (given.fixed or given.scenery):
            return True
        return (entity.id, (FIXED, False)) in self._made

    def _changes(self, thing: int, bit: int) -> bool:
        """Whether an effect may change a bit."""
        name = self.compiled.ids[thing]
        return (name, (bit, True)) in self._made or (name, (bit, False)) in self._made

    # Being in reach

    def shown(self, thing: int) -> int:
        """The fact that a thing is not hidden."""
        given = self.definition.things.get(self.compiled.ids[thing])
        if given is None or not (given.hidden or self._changes(thing, HIDDEN)):
            return self.true
        return self.flag(thing, HIDDEN, False)

    def lit(self, seat: int, room: int) -> int:
        """The fact that a seat can see in a room."""
        name = self.compiled.ids[room]
        if not (self.definition.rooms[name].dark or self._changes(room, DARK)):
            return self.true
        if ("lit", seat, room) in self.number:
            return self.number["lit", seat, room]
        fact = self.fact(("lit", seat, room))
        self.add((self.flag(room, DARK, False),), (fact,))
        for thing in self._things():
            entity = self.compiled.entities[thing]
            if entity.light:
                shines = self.flag(thing, ON, True) if entity.switchable else self.true
                self.add((shines, self.fact(("has", thing, seat))), (fact,))
                self.add((shines, self.fact(("around", thing, room))), (fact,))
        return fact

    def place(self, thing: int, place: int) -> int:
        """The fact that a thing is directly in a place, with all that follows from it."""
        fact = self.fact(("at", thing, place))
        places = self._placed.setdefault(thing, set())
        if place in places:
            return fact
        places.add(place)
        shown, compiled = self.shown(thing), self.compiled
        if compiled.entities[thing].light and place != NOWHERE:
            self._shine(thing, place, fact)
        for other in self.wanted.get(thing, ()):
            if other != place and ("away", thing, other) in self.number:
                self.add((fact,), (self.number["away", thing, other],))
        if place == NOWHERE:
            return fact
        if place < compiled.rooms:
            for seat in self.seats:
                there = self.fact(("in", seat, place))
                needs = (fact, shown, there, self.lit(seat, place))
                reach = [self.fact(("reach", thing, seat)), self.fact(("see", thing, seat))]
                if ("near", thing, seat, place) in self.number:
                    reach.append(self.number["near", thing, seat, place])
                self.add(needs, reach)
        elif place < compiled.people:
            box = compiled.entities[place]
            open_ = self.flag(place, OPEN, True) if box.container else self.true
            for seat in self.seats:
                touched, seen = self.fact(("reach", place, seat)), self.fact(("see", place, seat))
                into = (self.fact(("reach", thing, seat)), self.fact(("see", thing, seat)))
                self.add((fact, shown, open_, touched), into)
                self.add((fact, shown, seen, self.true if box.transparent else open_), into[1:])
            for person in range(compiled.people, len(compiled.entities)):
                self.add((fact, self.fact(("has", place, person))), (self.fact(("has", thing, person)),))
        else:
            self.add((fact,), (self.fact(("has", thing, place)),))
            for seat in self.seats:
                if seat != place:
                    self.add((fact, shown, self.meet(seat, place)), (self.fact(("see", thing, seat)),))
        return fact

    def _shine(self, thing: int, place: int, fact: int) -> None:
        """Which rooms a light lights from a place, wherever it is there."""
        compiled = self.compiled
        if place < compiled.rooms:
            self.add((fact,), (self.fact(("around", thing, place)),))
            return
        for room in range(compiled.rooms):
            if self.definition.rooms[compiled.ids[room]].dark or self._changes(room, DARK):
                where = ("in", place, room) if place >= compiled.people else ("at", place, room)
                self.add((fact, self.fact(where)), (self.fact(("around", thing, room)),))

    def heap(self, kind: int, place: int) -> int:
        """The fact that some of a counted thing are in a place, with all that follows from it."""
        fact = self.fact(("stock", kind, place))
        places = self._placed.setdefault(kind, set())
        if place in places:
            return fact
        places.add(place)
        if place == NOWHERE:
            return fact
        compiled = self.compiled
        for seat in self.seats:
            into = (self.fact(("reach", kind, seat)), self.fact(("see", kind, seat)))
            if place < compiled.rooms:
                self.add((fact, self.fact(("in", seat, place)), self.lit(seat, place)), into)
            elif place < compiled.people:
                box = compiled.entities[place]
                open_ = self.flag(place, OPEN, True) if box.container else self.true
                self.add((fact, open_, self.fact(("reach", place, seat))), into)
        return fact

    def _thing_reach(self, thing: int) -> None:
        """Reaching what one carries, and what is seen from several rooms."""
        entity, compiled = self.compiled.entities[thing], self.compiled
        shown = self.shown(thing)
        if entity.container or entity.openable:
            self.flag(thing, OPEN, True)
        for seat in self.seats:
            into = (self.fact(("reach", thing, seat)), self.fact(("see", thing, seat)))
            held = ("stock" if entity.counted else "has", thing, seat)
            self.add((self.fact(held), shown), into)
            for room in entity.held_in:
                light = self.true if entity.door else self.lit(seat, room)
                self.add((self.fact(("in", seat, room)), light, shown), into)
        if entity.light:
            for room in entity.held_in:
                self.add((), (self.fact(("around", thing, room)),))
        given = self.definition.things[compiled.ids[thing]]
        places = given.at.one_of if isinstance(given.at, OneOf) else (given.at,)
        for name in places:
            if entity.counted:
                self.heap(thing, compiled.place(name))
            elif not entity.door:
                self.place(thing, compiled.place(name))

    # Actions

    def blocked(self, action: str, thing: int, other: int, seat: int, text: str = "") -> int:
        """A fact that is true wherever no rule forbids the usual action."""
        open_: list[int] = []
        for rule in self.compiled.rules_instead(action, thing):
            if rule.bit or rule.words or (rule.things is not None and thing not in rule.things):
                continue
            if rule.others is not None and other not in rule.others:
                continue
            if (rule.seats is not None and seat not in rule.seats) or (rule.direction and rule.direction != text):
                continue
            elsewhere = [self.true] if rule.rooms is not None and action != "go" else []
            open_.append(self.any_of((*elsewhere, self.fail(self._model(rule.key).when, seat))))
        return self.all_of(open_)

    def _model(self, key: str) -> VerbRule:
        if key.startswith("rules["):
            return self.definition.rules[int(key[6:-1])]
        verb, _, number = key.removeprefix("verbs.").rpartition(".rules[")
        return self.definition.verbs[verb].rules[int(number[:-1])]

    def _exits(self, room: int) -> None:
        name = self.compiled.ids[room]
        for seat in self.seats:
            self.lit(seat, room)
        for direction, given in self.definition.rooms[name].exits.items():
            way = given if isinstance(given, Exit) else Exit(to=given)
            to = self.compiled.index[way.to]
            door = [self.flag(self.compiled.index[way.door], OPEN, True)] if way.door else []
            for seat in self.seats:
                here = self.fact(("in", seat, room))
                free = self._go_blocked(room, direction, seat)
                needs = (here, *door, *self.hold(way.when, seat), free)
                self.add(needs, (self.fact(("in", seat, to)),), 1, Go(seat, room, direction, to))
                for thing in self.compiled.enterable:
                    if self.compiled.entities[thing].vehicle:
                        riding = (*needs, self.aboard(seat, thing), self.fact(("at", thing, room)))
                        makes = [self.place(thing, to), *(self.fact(("in", s, to)) for s in self.seats)]
                        self.add(riding, makes, 1, Go(seat, room, direction, to))

    def _go_blocked(self, room: int, direction: str, seat: int) -> int:
        rules = [
            rule
            for rule in self.compiled.rules_instead("go", -1)
            if (rule.rooms is None or room in rule.rooms) and not rule.bit and not rule.words
        ]
        facts = [
            self.fail(self._model(rule.key).when, seat)
            for rule in rules
            if (not rule.direction or rule.direction == direction) and (rule.seats is None or seat in rule.seats)
        ]
        return self.all_of(facts)

    def _handling(self, thing: int) -> None:
        """Taking, eating, opening and what else can be done with a thing that no rule is about."""
        entity = self.compiled.entities[thing]
        for seat in self.seats:
            reach = self.fact(("reach", thing, seat))
            if entity.enter:
                free = self.blocked("board", thing, -1, seat)
                self.add((reach, free), (self.aboard(seat, thing),), 1, Act(seat, ParsedCommand("board", thing)))
            if entity.liquid:
                self._liquid(thing, seat, reach)
                continue
            if entity.counted:
                into = self.heap(thing, seat)
                self.add(
                    (reach, self.blocked("take", thing, -1, seat)),
                    (into,),
                    1,
                    Act(seat, ParsedCommand("take", thing)),
                )
                self._pass(thing, seat, into)
                continue
            has = self.fact(("has", thing, seat))
            if thing in self.removable:
                loose = self.flag(thing, FIXED, False) if self._changes(thing, FIXED) else self.true
                needs = (reach, loose, self.blocked("take", thing, -1, seat))
                self.add(needs, (has,), 1, Act(seat, ParsedCommand("take", thing)))
                self._pass(thing, seat, has)
            if entity.wearable:
                worn = (self.flag(thing, WORN, True), self.flag(thing, WORN, False))
                self.add(
                    (has, self.blocked("wear", thing, -1, seat)),
                    worn[:1],
                    1,
                    Act(seat, ParsedCommand("wear", thing)),
                )
                self.add((has, worn[0]), worn[1:], 1, Act(seat, ParsedCommand("take_off", thing)))
            if entity.switchable:
                for action, on in (("switch_on", True), ("switch_off", False)):
                    usual = (reach, self.blocked(action, thing, -1, seat))
                    self.add(usual, (self.flag(thing, ON, on),), 1, Act(seat, ParsedCommand(action, thing)))
            if entity.openable:
                locks = bool(entity.keys) or self._changes(thing, LOCKED) or self._starts_locked(thing)
                unlocked = self.flag(thing, LOCKED, False) if locks else self.true
                needs = (reach, unlocked, self.blocked("open", thing, -1, seat))
                self.add(needs, (self.flag(thing, OPEN, True),), 1, Act(seat, ParsedCommand("open", thing)))
                for key in entity.keys:
                    needs = (reach, self.fact(("has", key, seat)), self.blocked("unlock", thing, key, seat))
                    self.add(needs, (unlocked,), 1, Act(seat, ParsedCommand("unlock", thing, key)))

    def _liquid(self, liquid: int, seat: int, reach: int) -> None:
        """Filling a liquid into vessels, or pouring it there from others."""
        for vessel in (v for v in self._things() if self.compiled.entities[v].holds):
            there = (reach, self.fact(("reach", vessel, seat)), self.flag(vessel, OPEN, True))
            for action, thing, other in (("fill", vessel, liquid), ("empty", NOWHERE, vessel)):
                needs = (*there, self.blocked(action, thing, other, seat))
                label = Act(seat, ParsedCommand(action, thing, other))
                self.add(needs, (self.heap(liquid, vessel),), 1, label)

    def _starts_locked(self, thing: int) -> bool:
        given = self.definition.things[self.compiled.ids[thing]]
        return any(bool(getattr(part, "locked", False)) for part in (given.container, given.door))

    def _pass(self, thing: int, seat: int, has: int) -> None:
        """A thing goes from one seat to the others."""
        for other in self.seats:
            if other != seat:
                theirs = (
                    self.heap(thing, other)
                    if self.compiled.entities[thing].counted
                    else self.fact(("has", thing, other))
                )
                met = self.true if self.loose else self.meet(seat, other)
                self.add((has, met), (theirs,), 1, Act(seat, ParsedCommand("give", thing, other)))

    def _positions(self) -> None:
        """Putting things where conditions ask for them, and away from where they must not be."""
        compiled = self.compiled
        for thing, places in list(self.wanted.items()):
            for place in places:
                self._position(thing, place)
        for thing, who in self.lacking:
            lacks = self.fact(("lacks", thing, who))
            for seat in self.seats:
                self.add((self.fact(("has", thing, seat)),), (lacks,), 1, Act(seat, ParsedCommand("drop", thing)))
            if thing not in self.removable:
                self.add((), (lacks,))
        for kind in self._things():
            if compiled.entities[kind].counted:
                for place in range(len(compiled.entities)):
                    if ("stock", kind, place) in self.number and place not in self._placed.get(kind, ()):
                        self._put_heap(kind, place)

    def _position(self, thing: int, place: int) -> None:
        compiled = self.compiled
        at, away = self.number.get(("at", thing, place)), self.number.get(("away", thing, place))
        if at is not None:
            self.place(thing, place)
        if away is not None and thing in self.removable:
            for seat in self.seats:
                self.add((self.fact(("has", thing, seat)),), (away,))
        if away is not None:
            for there in self._placed.get(thing, set()) - {place}:
                self.add((self.fact(("at", thing, there)),), (away,))
        if compiled.entities[thing].edible and place == NOWHERE and at is not None:
            for seat in self.seats:
                self.add((self.fact(("reach", thing, seat)),), (at,), 1, Act(seat, ParsedCommand("eat", thing)))
        if at is None or thing not in self.removable or place == NOWHERE:
            return
        for seat in self.seats:
            has = self.fact(("has", thing, seat))
            if place < compiled.rooms:
                there = self.fact(("in", seat, place))
                self.add((has, there), (at,), 1, Act(seat, ParsedCommand("drop", thing)))
            elif place < compiled.people:
                box = compiled.entities[place]
                open_ = self.flag(place, OPEN, True) if box.container else self.true
                self.add(
                    (has, open_, self.fact(("reach", place, seat))),
                    (at,),
                    1,
                    Act(seat, ParsedCommand("put", thing, place)),
                )
            elif place == seat:
                self.add((has,), (at,))
        for needs, what, seat in self._here:
            if what == thing and place < compiled.rooms:
                self.add((*needs, self.fact(("in", seat, place))), (at,))

    def _put_heap(self, kind: int, place: int) -> None:
        compiled = self.compiled
        there = self.heap(kind, place)
        for seat in self.seats:
            has = self.fact(("stock", kind, seat))
            if place < compiled.rooms:
                self.add(
                    (has, self.fact(("in", seat, place))), (there,), 1, Act(seat, ParsedCommand("drop", kind))
                )
            elif place < compiled.people:
                reach = self.fact(("reach", place, seat))
                self.add((has, reach), (there,), 1, Act(seat, ParsedCommand("put", kind, place)))
        for needs, what, seat in self._here:
            if what == kind and place < compiled.rooms:
                self.add((*needs, self.fact(("in", seat, place))), (there,))

    def _settings(self) -> None:
        """Closing and locking, where anything asks for it."""
        number = self.number
        for thing in self._things():
            entity = self.compiled.entities[thing]
            closed, locked = number.get(("flag", thing, OPEN, False)), number.get(("flag", thing, LOCKED, True))
            for seat in self.seats if entity.openable else ():
                reach = self.fact(("reach", thing, seat))
                if closed is not None:
                    self.add((reach,), (closed,), 1, Act(seat, ParsedCommand("close", thing)))
                if locked is not None:
                    for key in entity.keys:
                        needs = (reach, self.fact(("has", key, seat)))
                        self.add(needs, (locked,), 1, Act(seat, ParsedCommand("lock", thing, key)))

    def threshold(self, variable: Hashable, bound: int) -> int:
        """The fact that a number has come to a bound; an effect that sets it there makes it true at once."""
        known = ("reaches", variable, bound) in self.number
        fact = super().threshold(variable, bound)
        if not known and isinstance(variable, tuple) and variable[0] != "supply":
            for value, cause in self._sets.get(variable[1], ()):
                if (value if variable[0] == "up" else -value) >= bound:
                    self.add((cause,), (fact,))
        return fact

    def _set(self, number: int, value: int) -> int:
        """The fact that an effect gives a number a value."""
        if ("set", number, value) in self.number:
            return self.number["set", number, value]
        cause = self.fact(("set", number, value))
        self._sets.setdefault(number, []).append((value, cause))
        for way, reached in (("up", value), ("down", -value)):
            for bound, fact in self.thresholds.get((way, number), ()):
                if reached >= bound:
                    self.add((cause,), (fact,))
        return cause
