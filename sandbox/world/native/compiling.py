"""From a definition to a world that is ready to be played."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sandbox.world.native.compiled import CompiledWorld, Entity, Way
from sandbox.world.native.languages.grammar import Noun
from sandbox.world.native.prose import Prose
from sandbox.world.native.rules import RuleCompiler
from sandbox.world.native.schema import Adventure, Container, Door, Exit, OneOf, Supporter, Thing, Variable
from sandbox.world.native.schema.base import Strict
from sandbox.world.native.schema.behaviour import Character, Seat
from sandbox.world.native.schema.places import Named as NamedModel
from sandbox.world.native.state import DARK, FIXED, HIDDEN, LOCKED, NOWHERE, ON, OPEN, WORN, EntityState


def compile_world(world: Adventure, seats: int | None = None) -> CompiledWorld:
    """The world of a definition, for the first so many of its seats; None for all."""
    return _WorldCompiler(CompiledWorld(world, seats)).compile()


class _WorldCompiler:
    """Fills a `CompiledWorld`: the entities first, since rules are compiled against them."""

    def __init__(self, compiled: CompiledWorld) -> None:
        self.compiled, self.rules = compiled, RuleCompiler(compiled)

    def compile(self) -> CompiledWorld:
        """The world, whole."""
        compiled, world = self.compiled, self.compiled.definition
        self._variables(world)
        for name, room in world.rooms.items():
            shown = room.name or compiled.grammar.capital(name.replace("_", " "))
            compiled.entities.append(
                Entity(
                    len(compiled.entities),
                    name,
                    "room",
                    Noun(shown, article="none"),
                    room,
                    self.rules.prose(f"rooms.{name}.description", room.description),
                    self._no_prose(),
                    self.rules.prose(f"rooms.{name}.first", room.first),
                )
            )
        for name, thing in world.things.items():
            compiled.entities.append(self._thing(name, thing))
        compiled.liquids = tuple(entity.number for entity in compiled.entities if entity.liquid)
        for name, character in world.characters.items():
            compiled.entities.append(self._person(name, character, "character"))
        for name, seat in world.seats.items():
            compiled.entities.append(self._person(name, seat, "seat"))
        compiled.intro = self.rules.prose("intro", world.intro)
        self._ways(world)
        self.rules.compile(world)
        moving = any(persona.clock >= 0 or persona.aims for persona in compiled.personas.values())
        if compiled.rounds_clock.number >= 0:
            compiled.rounds_clock.number = len(world.events) + len(compiled.rules.routine_clocks)
            compiled.rules.routine_clocks.append(0)
            moving = True
        compiled.waits = bool(world.events or len(compiled.seats) > 1 or moving)
        compiled.vocabulary = self._vocabulary()
        compiled.initial, compiled.draws = self._initial(world)
        return compiled

    def _no_prose(self) -> Prose:
        return Prose(self.compiled, "", ())

    def _variables(self, world: Adventure) -> None:
        """Variables, properties, dispositions of characters, what seats are on. Texts are kept apart."""
        start: list[int] = []
        texts: list[str] = []
        for name, given in (*world.variables.items(), *_properties(world)):
            if isinstance(given, Variable) and isinstance(given.start, str) and not given.values:
                self.compiled.text_index[name] = len(texts)
                texts.append(given.start)
                continue
            self.compiled.variable_index[name] = len(start)
            variable = given if isinstance(given, Variable) else None
            first = variable.start if variable else given
            if isinstance(first, bool):
                start.append(int(first))
                self.compiled.bounds.append((0, 1))
                self.compiled.values.append(("false", "true"))
            elif isinstance(first, str):
                assert variable is not None
                start.append(variable.values.index(first))
                self.compiled.bounds.append((0, len(variable.values) - 1))
                self.compiled.values.append(variable.values)
            else:
                assert isinstance(first, int)
                start.append(first)
                low, high = (variable.min, variable.max) if variable else (min(0, first), max(100, first))
                self.compiled.bounds.append((low, high))
                self.compiled.values.append(())
        self.compiled.dispositions = {name: len(start) + i for i, name in enumerate(world.characters)}
        for character in world.characters.values():
            start.append(character.disposition)
            self.compiled.bounds.append((-10, 10))
            self.compiled.values.append(())
        index = self.compiled.index
        self.compiled.enterable = tuple(index[name] for name, thing in world.things.items() if thing.enter)
        for seat in self.compiled.seats if self.compiled.enterable else ():
            self.compiled.aboard[seat] = len(start)
            start.append(0)
            self.compiled.bounds.append((0, len(self.compiled.enterable)))
            self.compiled.values.append(("", *(self.compiled.ids[n] for n in self.compiled.enterable)))
        self.compiled.first_variables = tuple(start)
        self.compiled.first_texts = tuple(texts)

    def _noun(self, name: str, model: NamedModel, one: str = "", pronoun: str = "it", unit: str = "") -> Noun:
        shown = model.name or name.replace("_", " ")
        noun = Noun(shown, one, model.article, model.plural, model.measure, pronoun, unit=unit)
        measured = [self.compiled.grammar.indefinite(noun, n) for n in (1, 20)] if unit else []
        measured = [self.compiled.grammar.quantity(each)[1] for each in measured]
        tidy = self.compiled.lexicon.tidy
        names = dict.fromkeys(tidy(n) for n in (shown, *model.also, *([one] if one else []), *measured))
        return replace(noun, names=tuple(names))

    def _thing(self, name: str, thing: Thing) -> Entity:
        entity = Entity(
            len(self.compiled.entities),
            name,
            "thing",
            self._noun(
                name, thing, "" if thing.liquid else thing.one or "", unit=(thing.one or "") * thing.liquid
            ),
            thing,
            self.rules.prose(f"things.{name}.description", thing.description),
            self.rules.prose(f"things.{name}.appearance", thing.appearance),
            self.rules.prose(f"things.{name}.text", thing.text),
            scenery=thing.scenery,
            concealed=thing.concealed,
            light=thing.light,
            switchable=thing.switch is not None,
            enter=thing.enter or "",
            vehicle=thing.vehicle,
            wearable=thing.wearable,
            edible=thing.edible,
            liquid=thing.liquid,
            springs=(self.compiled.place(thing.at),) if thing.endless and isinstance(thing.at, str) else (),
            counted=thing.count is not None,
            listed=not thing.scenery,
        )
        box = thing.container
        if box is not False:
            entity.container = True
            entity.openable = isinstance(box, Container) and box.openable
            entity.transparent = isinstance(box, Container) and box.transparent
            entity.holds = (box.holds or 0) if isinstance(box, Container) else 0
            entity.capacity = 0 if entity.holds else entity.capacity
            self._lock(entity, box)
        if thing.supporter is not False:
            entity.supporter = True
            self._lock(entity, thing.supporter)
        if thing.door is not False:
            entity.door = entity.openable = True
            entity.listed = False
            self._lock(entity, thing.door)
        return entity

    def _lock(self, entity: Entity, part: bool | Container | Supporter | Door) -> None:
        if isinstance(part, (Container, Door)) and part.key:
            entity.keys = tuple(self.compiled.index[k] for k in part.key)
        if isinstance(part, (Container, Supporter)) and part.capacity:
            entity.capacity = part.capacity

    def _person(self, name: str, model: Character | Seat, kind: str) -> Entity:
        section = f"{kind}s.{name}"
        appearance = model.appearance if isinstance(model, Character) else ""
        entity = Entity(
            len(self.compiled.entities),
            name,
            kind,
            self._noun(name, model, pronoun=model.pronoun),
            model,
            self.rules.prose(f"{section}.description", model.description),
            self.rules.prose(f"{section}.appearance", appearance),
            self.rules.prose(f"{section}.knows", model.knows) if isinstance(model, Seat) else self._no_prose(),
            person=True,
        )
        if isinstance(model, Seat):
            entity.capacity, entity.sees, entity.hears = model.capacity, model.sees, model.hears
        return entity

    def _ways(self, world: Adventure) -> None:
        backdrops: dict[int, list[int]] = {}
        for name, room in world.rooms.items():
            here = self.compiled.index[name]
            for direction, given in room.exits.items():
                way = given if isinstance(given, Exit) else Exit(to=given)
                door = self.compiled.index[way.door] if way.door else NOWHERE
                self.compiled.entities[here].ways[direction] = Way(
                    direction,
                    self.compiled.index[way.to],
                    door,
                    self.rules.all_of(way.when) if way.when else None,
                    way.otherwise,
                    way.hidden,
                )
                if way.otherwise:
                    self.compiled.rules.keys.append(f"rooms.{name}.exits.{direction}.otherwise")
                if door != NOWHERE and door not in backdrops.setdefault(here, []):
                    backdrops[here].append(door)
        for name, thing in world.things.items():
            for other in thing.also_at:
                backdrops.setdefault(self.compiled.index[other], []).append(self.compiled.index[name])
        seen_from: dict[int, list[int]] = {}
        for here, things in backdrops.items():
            self.compiled.entities[here].backdrops = tuple(things)
            for number in things:
                seen_from.setdefault(number, []).append(here)
        for number, rooms in seen_from.items():
            self.compiled.entities[number].held_in = tuple(rooms)

    def _initial(self, world: Adventure) -> tuple[tuple[EntityState, ...], list[tuple[int, tuple[int, ...]]]]:
        """The records at the beginning, and what is placed at random: (thing, places)."""
        parents: dict[int, int] = {}
        stock: dict[int, list[tuple[int, int]]] = {}
        draws: list[tuple[int, tuple[int, ...]]] = []
        for name, thing in world.things.items():
            number = self.compiled.index[name]
            if isinstance(thing.at, OneOf):
                draws.append((number, tuple(self.compiled.place(p) for p in thing.at.one_of)))
            elif thing.count is not None:
                stock.setdefault(self.compiled.place(thing.at), []).append((number, thing.count))
            else:
                parents[number] = self.compiled.place(thing.at)
        parents |= {self.compiled.index[name]: self.compiled.place(c.at) for name, c in world.characters.items()}
        parents |= {
            self.compiled.index[name]: self.compiled.place(s.start)
            for name, s in world.seats.items()
            if self.compiled.index[name] <= self.compiled.seats[-1]
        }
        contents: dict[int, list[int]] = {}
        for number, parent in sorted(parents.items()):
            contents.setdefault(parent, []).append(number)
        records = tuple(
            EntityState(
                parents.get(number, NOWHERE),
                _flags(entity.model),
                tuple(contents.get(number, ())),
                tuple(sorted(stock.get(number, ()))),
            )
            for number, entity in enumerate(self.compiled.entities)
        )
        return records, draws

    def _vocabulary(self) -> frozenset[str]:
        words: set[str] = set()
        for entity in self.compiled.entities[self.compiled.rooms :]:
            words |= self.compiled.grammar.words(entity.noun)
        if self.compiled.grammar.spaced:
            for forms in self.compiled.lexicon.forms.values():
                words |= {w for form in forms for p in form.parts if p[0] != "{" for w in p.split()}
            words |= set(self.compiled.lexicon.directions)
        return frozenset(words)


def _properties(world: Adventure) -> Iterator[tuple[str, bool | int | Variable]]:
    for section in (world.things, world.characters, world.seats):
        for name, model in section.items():
            for own, value in model.properties.items():
                yield f"{name}.{own}", value


def _flags(model: Strict) -> int:
    flags = 0
    if isinstance(model, Thing):
        part = model.container or model.door
        if isinstance(part, (Container, Door)):
            flags |= OPEN * (part.open or (isinstance(part, Container) and not part.openable and not part.locked))
            flags |= LOCKED * part.locked
        elif model.container is True:
            flags |= OPEN
        flags |= WORN * model.worn | HIDDEN * model.hidden | ON * (model.switch == "on")
        flags |= FIXED * (model.fixed or model.scenery or model.door is not False)
    else:
        flags |= DARK * bool(getattr(model, "dark", False))
    return flags
