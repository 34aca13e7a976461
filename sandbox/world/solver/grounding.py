"""A native world's relaxation: its rules, events, people and endings as operators, and its states as facts."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from sandbox.world.native import NativeWorld, State
from sandbox.world.native.compiled import CompiledResponse, CompiledRule
from sandbox.world.native.conditions import bit_of
from sandbox.world.native.operands import members
from sandbox.world.native.schema import Ending as EndingModel
from sandbox.world.native.schema import Reaction, VerbRule
from sandbox.world.native.schema import effects as model
from sandbox.world.native.schema.conditions import Conditions
from sandbox.world.native.state import (
    DARK,
    FIXED,
    HIDDEN,
    LOCKED,
    NOWHERE,
    ON,
    OPEN,
    WORN,
    EntityState,
    ParsedCommand,
)
from sandbox.world.solver.literals import ANYBODY, ROUNDS, Act, mentions
from sandbox.world.solver.reach import Reach

_SIGHT = frozenset({"examine", "read", "listen", "give", "show", "ask", "tell", "talk"})
"""Actions for which it is enough to see a thing."""
_HELD = frozenset({"drop", "put", "wear", "take_off", "give", "show", "trade"})
"""Actions with a thing that one carries."""
_MAX_PAGES = 20_000
ANYWHERE = 4_000_000
"""From any number that a variable can hold to any other."""


class Grounding(Reach):
    """The relaxation of a world. Never says that something cannot be which can."""

    def __init__(self, world: NativeWorld, texts: Mapping[str, tuple[Conditions, bool]] | None = None) -> None:
        """`texts` are pieces of text with their conditions, and whether these must hold or fail for it to show."""
        super().__init__(world)
        self._once = {r.key: r.bit for r in self.compiled.rules.all if r.bit}
        self._pages: dict[int, tuple[object, list[int]]] = {}
        self._rules()
        self._endings()
        self._events()
        self._people()
        for key, (conditions, wanted) in (texts or {}).items():
            for seat in self.seats:
                needs = self.hold(conditions, seat) if wanted else [self.fail(conditions, seat)]
                self.add(needs, (self.fact(("shows", key)),))
        for room in range(self.compiled.rooms):
            self._exits(room)
        for thing in self._things():
            self._thing_reach(thing)
            self._handling(thing)
        self._positions()
        self._settings()
        if self.compiled.rounds_clock.number >= 0:
            for seat in self.seats:
                self.add((), (), 1, Act(seat, ParsedCommand("wait"), "rounds"), ((("up", ROUNDS), 1),))

    # States

    def read(self, state: State) -> tuple[list[int], dict[Hashable, int]]:
        """The facts that hold in a state, and its numbers."""
        core, number, compiled = state.core, self.number, self.compiled
        true: list[int] = []
        for page_number, page in enumerate(core.things):
            known = self._pages.get(id(page))
            if known is None or known[0] is not page:
                if len(self._pages) > _MAX_PAGES:
                    self._pages.clear()
                known = self._pages[id(page)] = (page, self._page(page_number * 32, page))
            true += known[1]
        values: dict[Hashable, int] = {}
        for variable, value in enumerate(core.variables):
            if compiled.values[variable]:
                fact = number.get(("var", variable, value))
                if fact is not None:
                    true.append(fact)
            else:
                values["up", variable], values["down", variable] = value, -value
        for event, clock in enumerate(core.clocks[: len(compiled.events)]):
            if clock >= 0 and (fact := number.get(("runs", event))) is not None:
                true.append(fact)
        true += [
            self.number["fresh", bit]
            for bit in self._once.values()
            if not bit & core.spent and ("fresh", bit) in number
        ]
        for thing, who in self.lacking:
            if who != self._holder(state, thing):
                true.append(number["lacks", thing, who])
        if (clock := compiled.rounds_clock.number) >= 0:
            values["up", ROUNDS] = core.clocks[clock]
        if self.thresholds:
            values |= {("supply", k): ANYWHERE for k in compiled.liquids if compiled.entities[k].springs}
            for page in core.things:
                for record in page:
                    for kind, count in record.stock:
                        values["supply", kind] = values.get(("supply", kind), 0) + count
        return true, values

    def _holder(self, state: State, thing: int) -> int:
        compiled = self.compiled
        while compiled.rooms <= thing < compiled.people:
            thing = state.core.things[thing >> 5][thing & 31].parent
        return thing

    def _page(self, first: int, page: tuple[EntityState, ...]) -> list[int]:
        number, compiled = self.number, self.compiled
        found: list[int] = []
        for thing, record in enumerate(page, first):
            if thing >= compiled.people:
                if record.parent != NOWHERE:
                    found.append(self.fact(("in", thing, record.parent)))
            elif thing >= compiled.rooms and not compiled.entities[thing].counted:
                found.append(self.place(thing, record.parent))
                for place in self.wanted.get(thing, ()):
                    if place != record.parent and (fact := number.get(("away", thing, place))) is not None:
                        found.append(fact)
            for bit in (OPEN, LOCKED, ON, WORN, HIDDEN, FIXED, DARK):
                fact = number.get(("flag", thing, bit, bool(record.flags & bit)))
                if fact is not None:
                    found.append(fact)
            found += [self.heap(kind, thing) for kind, _ in record.stock]
        return found

    # Rules

    def _rules(self) -> None:
        for rule in self.compiled.rules.all:
            given = self._model(rule.key)
            for seat in self.seats:
                if rule.seats is None or seat in rule.seats:
                    self._rule(rule, given, seat)

    def _rule(self, rule: CompiledRule, given: VerbRule, seat: int) -> None:
        if rule.action == "enter":
            command = None
        else:
            text = rule.direction or (rule.words[0] if rule.words else "")
            command = ParsedCommand(rule.action, text=text)
        base: list[int] = []
        if rule.rooms is not None:
            base.append(self.any_of(self.fact(("in", seat, room)) for room in rule.rooms))
        for thing in self._meant(rule, given, rule.things, "thing"):
            for other in self._meant(rule, given, rule.others, "other"):
                self.it, self.other = thing, other
                needs = [*base, *self.hold(given.when, seat), *self._handles(rule, thing, seat)]
                if other >= 0:
                    needs.append(self.fact(("reach" if other < self.compiled.people else "see", other, seat)))
                    if rule.action in ("unlock", "lock", "use_on") and other in self.removable:
                        needs.append(self.any_of((self.fact(("has", other, seat)), needs[-1])))
                label = Act(seat, command and command._replace(thing=thing, other=other), rule.key)
                self.response(rule, given, seat, needs, label)
        self.it, self.other = NOWHERE, NOWHERE

    def _meant(
        self, rule: CompiledRule, given: VerbRule, those: frozenset[int] | None, slot: str
    ) -> Iterable[int]:
        """What a rule may be about: where it says nothing of it and asks about `it`, whatever the verb takes."""
        if those is not None:
            return sorted(those)
        forms = self.compiled.lexicon.forms.get("put_in" if rule.action == "put" else rule.action, ())
        if any(slot in form.slots for form in forms) and mentions(given, "it" if slot == "thing" else slot):
            return range(self.compiled.rooms, len(self.compiled.entities))
        return (-1,)

    def _handles(self, rule: CompiledRule, thing: int, seat: int) -> list[int]:
        """What a rule's thing needs so that a seat can do something with it."""
        if thing < 0:
            return []
        if thing == seat:
            return []
        if thing >= self.compiled.people:
            return [self.meet(seat, thing)]
        counted = self.compiled.entities[thing].counted
        if rule.action in _HELD and not rule.instead:
            return [self.heap(thing, seat) if counted else self.fact(("has", thing, seat))]
        needs = [self.fact(("see" if rule.action in _SIGHT else "reach", thing, seat))]
        if rule.rooms is not None and thing in self.removable and rule.action != "take":
            near = [self.fact(("has", thing, seat))]
            for room in rule.rooms:
                fact = self.fact(("near", thing, seat, room))
                near.append(fact)
                if room in self._placed.get(thing, ()):
                    self.add((self.fact(("at", thing, room)), self.fact(("in", seat, room))), (fact,))
            if not self._boxes():
                needs.append(self.any_of(near))
        if not rule.instead and rule.action == "open":
            needs.append(self.flag(thing, LOCKED, False))
        return needs

    def _boxes(self) -> list[int]:
        """Containers and supporters, in which a thing may be near without being carried or on the floor."""
        entities = self.compiled.entities
        return [thing for thing in self._things() if entities[thing].container or entities[thing].supporter]

    def response(
        self, response: CompiledResponse, given: Reaction, seat: int, needs: list[int], label: Act | None
    ) -> None:
        """What a reaction does, as operators."""
        if response.bit:
            needs = [*needs, self.fact(("fresh", response.bit))]
            self._once[response.key] = response.bit
        self.add(needs, (self.fact(("fires", response.key)),), 1, label)
        self.effects(given.do, seat, needs, 1, label, f"{response.key}.do")

    def effects(
        self, effects: Sequence[model.Effect], seat: int, needs: list[int], cost: int, label: Act | None, key: str
    ) -> None:
        """What effects make true, as operators."""
        makes: list[int] = []
        raises: list[tuple[Hashable, int]] = []
        for position, effect in enumerate(effects):
            place = f"{key}[{position}]"
            match effect:
                case model.Decide():
                    then = [*needs, *self.hold(effect.when, seat)]
                    self.effects(effect.do, seat, then, cost, label, f"{place}.do")
                    otherwise = [*needs, self.fail(effect.when, seat)]
                    self.effects(effect.otherwise, seat, otherwise, cost, label, f"{place}.otherwise")
                case model.ForEach():
                    outer = self.it
                    for number in members(self.compiled, effect.each):
                        self.it = number
                        some = [*needs, *self.hold(effect.when, seat)]
                        self.effects(effect.do, seat, some, cost, label, f"{place}.do")
                    self.it = outer
                case model.Perhaps():
                    self.effects(effect.do, seat, needs, cost, label, f"{place}.do")
                    self.effects(effect.otherwise, seat, needs, cost, label, f"{place}.otherwise")
                case model.Pick():
                    for number, branch in enumerate(effect.pick):
                        self.effects(branch.do, seat, needs, cost, label, f"{place}.pick[{number}]")
                case _:
                    self._effect(effect, seat, needs, makes, raises, place)
        if makes or raises:
            self.add(needs, makes, cost, label, tuple(raises))

    def _effect(
        self,
        effect: model.Effect,
        seat: int,
        needs: list[int],
        makes: list[int],
        raises: list[tuple[Hashable, int]],
        key: str,
    ) -> None:
        index = self.compiled.index
        match effect:
            case model.Move():
                makes += self._moved(effect, seat, needs)
            case model.Make():
                thing, (bit, wanted) = self.who(effect.make, seat), bit_of(effect.be)
                if thing < 0:
                    return
                makes.append(self.flag(thing, bit, wanted))
                if effect.be == "locked":
                    makes.append(self.flag(thing, OPEN, False))
            case model.SetVar():
                number = self.variable(effect.set)
                if number < 0:
                    return
                words = self.compiled.values[number]
                if isinstance(effect.to, str) and effect.to not in words:
                    makes += [self.fact(("var", number, value)) for value in range(len(words))]
                    raises += [(("up", number), ANYWHERE), (("down", number), ANYWHERE)] if not words else []
                    return
                value = words.index(effect.to) if isinstance(effect.to, str) else int(effect.to)
                makes.append(self.fact(("var", number, value)) if words else self._set(number, value))
            case model.Change():
                number = self.variable(effect.change)
                if number < 0:
                    return
                if isinstance(effect.by, str):
                    raises += [(("up", number), ANYWHERE), (("down", number), ANYWHERE)]
                else:
                    self._raised(number, effect.by * effect.times, makes, raises)
            case model.Please():
                self._raised(self.compiled.dispositions[effect.please], effect.by, makes, raises)
            case model.Add():
                kind, place = index[effect.add], self.who(effect.to, seat)
                if place >= 0:
                    makes.append(self.heap(kind, place))
                elif seat >= 0:
                    self._here.append((tuple(needs), kind, seat))
                    makes += [self.fact(("reach", kind, s)) for s in self.seats]
                raises.append((("supply", kind), effect.count if isinstance(effect.count, int) else ANYWHERE))
            case model.End():
                makes += self.ended(effect.end, seat)
            case model.Start():
                makes.append(self.fact(("runs", list(self.definition.events).index(effect.start))))
            case model.Say():
                makes.append(self.fact(("fires", f"{key}.say")))

    def _raised(self, number: int, by: int, makes: list[int], raises: list[tuple[Hashable, int]]) -> None:
        words = self.compiled.values[number]
        if words:
            makes += [self.fact(("var", number, value)) for value in range(len(words))]
        elif by:
            raises.append((("up" if by > 0 else "down", number), abs(by)))

    def _moved(self, effect: model.Move, seat: int, needs: list[int]) -> list[int]:
        what = self.who(effect.move, seat)
        if what < 0:
            return []
        rooms = range(self.compiled.rooms)
        if what >= self.compiled.people:
            if effect.to == "nowhere":
                return []
            to = self.who(effect.to, seat)
            if to in self.compiled.enterable:
                return [self.aboard(what, to), *(self.fact(("in", what, room)) for room in rooms)]
            # Wherever somebody acts, that is `here`: of those who move there, it is not said which room it is.
            return [self.fact(("in", what, room)) for room in ([to] if to >= 0 else rooms)]
        if effect.to == "here":
            if seat < 0:
                return []
            self._here.append((tuple(needs), what, seat))
            made = [self.fact((word, what, s)) for word in ("reach", "see") for s in self.seats]
        else:
            made = [self.place(what, self.who(effect.to, seat))]
        if what in self.compiled.enterable and (to := self.who(effect.to, seat)) < self.compiled.rooms:
            made += [self.fact(("in", s, to)) for s in self.seats if to >= 0]
        hidden = self.shown(what)
        return made if hidden == self.true else [*made, hidden]

    # What happens by itself

    def ended(self, name: str, seat: int) -> list[int]:
        """The facts that an ending comes about while a seat acts."""
        ending = self.definition.endings[name]
        facts = [self.fact(("fires", f"endings.{name}"))]
        winners = [s for s in self.seats if self._wins(ending, s, seat)]
        return [*facts, self.fact(("ended", tuple(winners)))]

    def _wins(self, ending: EndingModel, seat: int, actor: int) -> bool:
        return (
            "all" in ending.won
            or ("actor" in ending.won and seat == actor)
            or self.compiled.ids[seat] in ending.won
        )

    def won(self, wanted: frozenset[int]) -> int:
        """The fact that all of these seats have won, or, of none, that somebody has."""
        ends = [n for n in self.facts if isinstance(n, tuple) and n[0] == "ended" and n[1]]
        return self.any_of(self.number[name] for name in ends if wanted <= set(name[1]))

    def _endings(self) -> None:
        for name, ending in self.definition.endings.items():
            if ending.when:
                for seat in (*self.seats, ANYBODY):
                    needs = self.hold(ending.when, seat)
                    if self.false not in needs:
                        label = Act(seat, None, f"endings.{name}")
                        self.add(needs, self.ended(name, seat), 0, label)
            for seat in self.seats:
                fires = [self.fact(("fires", f"endings.{name}"))]
                self.effects(ending.do, seat, fires, 0, None, f"endings.{name}.do")

    def _events(self) -> None:
        for number, (name, event) in enumerate(self.definition.events.items()):
            runs = self.fact(("runs", number))
            bit = self.compiled.events[number].bit
            for seat in self.seats if event.each else (ANYBODY,):
                needs = [runs, *self.hold(event.when, seat)]
                if bit:
                    needs.append(self.fact(("fresh", bit)))
                    self._once[f"events.{name}"] = bit
                label = Act(seat, None, f"events.{name}")
                self.add(needs, (self.fact(("fires", f"events.{name}")),), 1, label)
                self.effects(event.do, seat, needs, 1, label, f"events.{name}.do")

    def _people(self) -> None:
        for seat in self.seats:
            for other in self.seats:
                if seat != other:
                    self.add((self.meet(seat, other),), (self.fact(("see", other, seat)),))
        for number, (name, character) in enumerate(self.definition.characters.items(), self.compiled.people):
            persona = self.compiled.personas[number]
            routine = character.routine
            if routine is not None and routine.follows:
                leader = self.compiled.index[routine.follows]
                for room in range(self.compiled.rooms):
                    self.add((self.fact(("in", leader, room)),), (self.fact(("in", number, room)),))
            elif routine is not None:
                makes = [self.fact(("in", number, self.compiled.index[room])) for room in routine.rooms]
                somewhere = self.any_of(self.fact(("in", number, r)) for r in range(self.compiled.rooms))
                self.add((somewhere,), makes, 1, Act(ANYBODY, None, f"characters.{name}.routine"))
            if character.aims:
                self._aims(name, number)
            for seat in self.seats:
                met = self.meet(seat, number)
                self.add((met,), (self.fact(("see", number, seat)), self.fact(("reach", number, seat))))
                for topic, given in zip(persona.topics, character.topics, strict=True):
                    label = Act(seat, ParsedCommand("ask", -1, number, text=topic.words[0]), topic.key)
                    self.response(topic, given, seat, [met, *self.hold(given.when, seat)], label)
                for action, responses, models in (
                    ("give", persona.accepts, character.accepts),
                    ("show", persona.notices, character.notices),
                ):
                    for response, reaction in zip(responses, models, strict=True):
                        for thing in sorted(response.things):
                            self.it = thing
                            count = response.count if self.compiled.entities[thing].counted else 0
                            has = self._has(thing, seat, max(count, 1), True)
                            needs = [met, has, *self.hold(reaction.when, seat)]
                            label = Act(seat, ParsedCommand(action, thing, number, count), response.key)
                            self.response(response, reaction, seat, needs, label)
                            if action == "give":
                                there = self.heap(thing, number) if count else self.place(thing, number)
                                self.add(needs, (there,), 1, label)
                for deal, trade in zip(persona.trades, character.trades, strict=True):
                    has = self._has(deal.takes, seat, deal.takes_count, True)
                    theirs = self._has(deal.gives, number, deal.gives_count, True)
                    needs = [met, has, theirs, *self.hold(trade.when, seat)]
                    label = Act(
                        seat, ParsedCommand("trade", deal.takes, number, text="", extra=deal.gives), deal.key
                    )
                    self.response(deal, Reaction(when=trade.when, do=trade.do), seat, needs, label)
                    counted = self.compiled.entities[deal.gives].counted
                    mine = self.heap(deal.gives, seat) if counted else self.place(deal.gives, seat)
                    self.add(needs, (mine,), 1, label)

    def _aims(self, name: str, who: int) -> None:
        """What a character may bring about for its aims: it may be anywhere, and move what they name about."""
        entities, definition = self.compiled.entities, self.definition.characters[name]
        somewhere = self.any_of(self.fact(("in", who, room)) for room in range(self.compiled.rooms))
        for aim, given in zip(self.compiled.personas[who].aims, definition.aims, strict=True):
            label = Act(ANYBODY, None, f"characters.{name}.aims")
            needs = [somewhere, *self.hold(given.when, who)]
            makes = [self.fact(("in", who, room)) for room in range(self.compiled.rooms)]
            for thing in self._things():
                entity = entities[thing]
                free = not (entity.keys or self._starts_locked(thing)) or not aim.about.isdisjoint(entity.keys)
                if entity.openable and free:
                    makes += [self.flag(thing, OPEN, True), self.flag(thing, LOCKED, False)]
            self.add(needs, makes, 1, label)
            places = {who} | {p for p in aim.about if p < self.compiled.rooms or p >= self.compiled.people}
            places |= {p for p in aim.about if entities[p].container or entities[p].supporter}
            for thing in aim.about & self.removable:
                loose = self.flag(thing, FIXED, False) if self._changes(thing, FIXED) else self.true
                moves = [self.place(thing, place) for place in sorted(places - {thing})]
                self.add([*needs, self.shown(thing), loose], moves, 1, label)
