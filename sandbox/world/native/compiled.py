"""A definition made ready to be played: numbers in place of names, closures in place of conditions and effects."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.world.native.forms import Lexicon
from sandbox.world.native.languages import language
from sandbox.world.native.languages.grammar import Grammar, Noun
from sandbox.world.native.prose import Prose, Template
from sandbox.world.native.schema import Adventure, Container, Door, Exit, OneOf, Supporter, Thing, Variable
from sandbox.world.native.schema.base import Strict
from sandbox.world.native.schema.behaviour import Character, Seat
from sandbox.world.native.schema.places import Named as NamedModel
from sandbox.world.native.state import DARK, FIXED, HIDDEN, LOCKED, NOWHERE, ON, OPEN, WORN, Command, EntityState

if TYPE_CHECKING:
    from sandbox.world.native.draft import Draft
    from sandbox.world.native.rules import CompiledEnding, CompiledEvent, CompiledRule, Persona, Rules

Condition = Callable[["Draft"], bool]
_MAX_MEMO = 100_000


@dataclass(slots=True)
class Way:
    """An exit, ready to be used."""

    direction: str
    to: int
    door: int
    passable: Condition | None
    otherwise: str
    hidden: bool


@dataclass(slots=True)
class Entity:
    """What never changes about a room, thing, character or seat."""

    number: int
    id: str
    kind: str
    """`room`, `thing`, `character` or `seat`."""
    noun: Noun
    model: Strict
    description: Prose
    appearance: Prose
    text: Prose
    """What is read on a thing; what is told at the first visit to a room; what a seat alone knows."""
    container: bool = False
    supporter: bool = False
    door: bool = False
    openable: bool = False
    transparent: bool = False
    keys: tuple[int, ...] = ()
    capacity: int = 1_000_000
    scenery: bool = False
    concealed: bool = False
    light: bool = False
    switchable: bool = False
    wearable: bool = False
    edible: bool = False
    counted: bool = False
    person: bool = False
    sees: bool = True
    hears: str = "room"
    ways: dict[str, Way] = field(default_factory=dict)
    """Of a room: its exits."""
    backdrops: tuple[int, ...] = ()
    """Of a room: doors, and scenery that is seen from here though it is elsewhere."""
    held_in: tuple[int, ...] = ()
    """Of such a door or scenery: the rooms it is seen from."""
    listed: bool = True
    """Of a thing: whether the room's description lists it."""


class CompiledWorld:
    """All that is known of a world before it is played."""

    def __init__(self, world: Adventure, seats: int | None = None) -> None:
        from sandbox.world.native.rules import Rules  # rules are compiled against the entities

        self.definition = world
        self.language = language(world.language)
        self.grammar: Grammar = self.language.grammar
        self.messages = {k: Template(v) for k, v in {**self.language.messages, **world.messages}.items()}
        self.ids = [*world.rooms, *world.things, *world.characters, *world.seats]
        self.index = {name: number for number, name in enumerate(self.ids)}
        self.rooms = len(world.rooms)
        """Number of rooms: whatever is below is a room."""
        self.people = self.rooms + len(world.things)
        """Number of the first character: whatever is not below is a character or a seat."""
        first = self.people + len(world.characters)
        self.seats = tuple(range(first, first + (seats or len(world.seats))))
        """Numbers of the seats that are held. The rest come after them and stay out of play."""
        self.reads_scores = False
        """Whether any condition asks for points, so that they matter to how the world goes on."""
        self._variables(world)
        self.lexicon = Lexicon(self.language, world)
        self.rules: Rules = Rules(self)
        self.entities: list[Entity] = []
        for name, room in world.rooms.items():
            shown = room.name or self.grammar.capital(name.replace("_", " "))
            texts = self.rules.prose(f"rooms.{name}.description", room.description), _NO_PROSE(self)
            self.entities.append(
                Entity(
                    len(self.entities),
                    name,
                    "room",
                    Noun(shown, article="none"),
                    room,
                    *texts,
                    self.rules.prose(f"rooms.{name}.first", room.first),
                )
            )
        for name, thing in world.things.items():
            self.entities.append(self._thing(name, thing))
        for name, character in world.characters.items():
            self.entities.append(self._person(name, character, "character"))
        for name, seat in world.seats.items():
            self.entities.append(self._person(name, seat, "seat"))
        self.intro = self.rules.prose("intro", world.intro)
        self._ways(world)
        self.rules.compile(world)
        self.endings: list[CompiledEnding] = self.rules.endings
        self.events: list[CompiledEvent] = self.rules.events
        self.personas: dict[int, Persona] = self.rules.personas
        self.waits = bool(world.events or len(self.seats) > 1 or any(p.clock >= 0 for p in self.personas.values()))
        """Whether anything can happen while one waits."""
        self.vocabulary = self._vocabulary()
        """All words of all names, and of commands: what is not among them is a word that nobody knows here."""
        self.initial, self.draws = self._initial(world)
        self.memo: dict[tuple[object, ...], str] = {}
        """Texts that were made out so far, by all that they depend on."""
        self._phrases: dict[Command, str] = {}
        self.known: dict[str, Command] = {}
        """Listed commands that were made out so far, by their text."""

    # Making

    def _variables(self, world: Adventure) -> None:
        """Variables, then the dispositions of the characters."""
        self.variable_index: dict[str, int] = {}
        self.bounds: list[tuple[int, int]] = []
        self.values: list[tuple[str, ...]] = []
        start: list[int] = []
        for name, given in world.variables.items():
            self.variable_index[name] = len(start)
            variable = given if isinstance(given, Variable) else None
            first = variable.start if variable else given
            if isinstance(first, bool):
                start.append(int(first))
                self.bounds.append((0, 1))
                self.values.append(("false", "true"))
            elif isinstance(first, str):
                assert variable is not None
                start.append(variable.values.index(first))
                self.bounds.append((0, len(variable.values) - 1))
                self.values.append(variable.values)
            else:
                assert isinstance(first, int)
                start.append(first)
                low, high = (variable.min, variable.max) if variable else (min(0, first), max(100, first))
                self.bounds.append((low, high))
                self.values.append(())
        self.dispositions = {name: len(start) + i for i, name in enumerate(world.characters)}
        for character in world.characters.values():
            start.append(character.disposition)
            self.bounds.append((-10, 10))
            self.values.append(())
        self.first_variables = tuple(start)

    def shown_variables(self, variables: tuple[int, ...]) -> dict[str, str]:
        """Variables by name, as texts show them."""
        return {
            name: self.values[number][variables[number]] if self.values[number] else str(variables[number])
            for name, number in self.variable_index.items()
        }

    def variable_value(self, name: str, value: bool | int | str) -> int:
        """A value of a variable as it is stored."""
        values = self.values[self.variable_index[name]]
        return values.index(value) if isinstance(value, str) else int(value)

    def _noun(self, name: str, model: NamedModel, one: str = "", pronoun: str = "it") -> Noun:
        shown = model.name or name.replace("_", " ")
        tidy = self.lexicon.tidy
        names = dict.fromkeys(tidy(n) for n in (shown, *model.also, *([one] if one else [])))
        return Noun(shown, one, model.article, model.plural, model.measure, pronoun, tuple(names))

    def _thing(self, name: str, thing: Thing) -> Entity:
        entity = Entity(
            len(self.entities),
            name,
            "thing",
            self._noun(name, thing, thing.one or ""),
            thing,
            self.rules.prose(f"things.{name}.description", thing.description),
            self.rules.prose(f"things.{name}.appearance", thing.appearance),
            self.rules.prose(f"things.{name}.text", thing.text),
            scenery=thing.scenery,
            concealed=thing.concealed,
            light=thing.light,
            switchable=thing.switch is not None,
            wearable=thing.wearable,
            edible=thing.edible,
            counted=thing.count is not None,
            listed=not thing.scenery,
        )
        box = thing.container
        if box is not False:
            entity.container = True
            entity.openable = isinstance(box, Container) and box.openable
            entity.transparent = isinstance(box, Container) and box.transparent
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
            entity.keys = tuple(self.index[k] for k in part.key)
        if isinstance(part, (Container, Supporter)) and part.capacity:
            entity.capacity = part.capacity

    def _person(self, name: str, model: Character | Seat, kind: str) -> Entity:
        section = f"{kind}s.{name}"
        appearance = model.appearance if isinstance(model, Character) else ""
        entity = Entity(
            len(self.entities),
            name,
            kind,
            self._noun(name, model, pronoun=model.pronoun),
            model,
            self.rules.prose(f"{section}.description", model.description),
            self.rules.prose(f"{section}.appearance", appearance),
            self.rules.prose(f"{section}.knows", model.knows) if isinstance(model, Seat) else _NO_PROSE(self),
            person=True,
        )
        if isinstance(model, Seat):
            entity.capacity, entity.sees, entity.hears = model.capacity, model.sees, model.hears
        return entity

    def _ways(self, world: Adventure) -> None:
        backdrops: dict[int, list[int]] = {}
        for name, room in world.rooms.items():
            here = self.index[name]
            for direction, given in room.exits.items():
                way = given if isinstance(given, Exit) else Exit(to=given)
                door = self.index[way.door] if way.door else NOWHERE
                self.entities[here].ways[direction] = Way(
                    direction,
                    self.index[way.to],
                    door,
                    self.rules.all_of(way.when) if way.when else None,
                    way.otherwise,
                    way.hidden,
                )
                if way.otherwise:
                    self.rules.keys.append(f"rooms.{name}.exits.{direction}.otherwise")
                if door != NOWHERE and door not in backdrops.setdefault(here, []):
                    backdrops[here].append(door)
        for name, thing in world.things.items():
            for other in thing.also_at:
                backdrops.setdefault(self.index[other], []).append(self.index[name])
        seen_from: dict[int, list[int]] = {}
        for here, things in backdrops.items():
            self.entities[here].backdrops = tuple(things)
            for number in things:
                seen_from.setdefault(number, []).append(here)
        for number, rooms in seen_from.items():
            self.entities[number].held_in = tuple(rooms)

    def _initial(self, world: Adventure) -> tuple[tuple[EntityState, ...], list[tuple[int, tuple[int, ...]]]]:
        """The records at the beginning, and what is placed at random: (thing, places)."""
        parents: dict[int, int] = {}
        stock: dict[int, list[tuple[int, int]]] = {}
        draws: list[tuple[int, tuple[int, ...]]] = []
        for name, thing in world.things.items():
            number = self.index[name]
            if isinstance(thing.at, OneOf):
                draws.append((number, tuple(self.place(p) for p in thing.at.one_of)))
            elif thing.count is not None:
                stock.setdefault(self.place(thing.at), []).append((number, thing.count))
            else:
                parents[number] = self.place(thing.at)
        parents |= {self.index[name]: self.place(c.at) for name, c in world.characters.items()}
        parents |= {
            self.index[name]: self.place(s.start)
            for name, s in world.seats.items()
            if self.index[name] <= self.seats[-1]
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
            for number, entity in enumerate(self.entities)
        )
        return records, draws

    def _vocabulary(self) -> frozenset[str]:
        words: set[str] = set()
        for entity in self.entities[self.rooms :]:
            words |= self.grammar.words(entity.noun)
        if self.grammar.spaced:
            for forms in self.lexicon.forms.values():
                words |= {w for form in forms for p in form.parts if p[0] != "{" for w in p.split()}
            words |= set(self.lexicon.directions)
        return frozenset(words)

    def place(self, name: str) -> int:
        """Number of a place by its identifier."""
        return NOWHERE if name == "nowhere" else self.index[name]

    # Light, and the texts of commands

    def is_lit(self, draft: Draft, room: int) -> bool:
        """Whether one can see in a room: it is not dark, or there is a light that can be seen."""
        record = draft.record(room)
        if not record.flags & DARK:
            return True
        return any(self._shines(draft, thing) for thing in (*record.contents, *self.entities[room].backdrops))

    def _shines(self, draft: Draft, thing: int) -> bool:
        entity, record = self.entities[thing], draft.record(thing)
        if entity.light and not record.flags & HIDDEN and (not entity.switchable or record.flags & ON):
            return True
        if entity.container and not (record.flags & OPEN or entity.transparent):
            return False
        return any(self._shines(draft, inner) for inner in record.contents)

    def remember(self, key: tuple[object, ...], text: str) -> None:
        """Keep a text that always reads the same, so that it is made out once."""
        if len(self.memo) >= _MAX_MEMO:
            self.memo.clear()
        self.memo[key] = text

    def phrase(self, command: Command) -> str:
        """A command as it is listed."""
        text = self._phrases.get(command)
        if text is None:
            text = self._phrases[command] = self.lexicon.phrase(self, command)
            if len(self.known) < _MAX_MEMO:
                self.known[text] = command
        return text

    def canonical(self, thing: int, count: int = 0) -> str:
        """A thing's name as it stands in listed commands."""
        return self.grammar.canonical(self.entities[thing].noun, count)

    def rules_instead(self, action: str, thing: int) -> tuple[CompiledRule, ...]:
        """Rules that may replace an action, in order."""
        found = self.rules.instead.get((action, thing))
        return self.rules.instead.get((action, -1), ()) if found is None else found

    def rules_after(self, action: str, thing: int) -> tuple[CompiledRule, ...]:
        """Rules that may follow an action, in order."""
        found = self.rules.after.get((action, thing))
        return self.rules.after.get((action, -1), ()) if found is None else found


def _NO_PROSE(compiled: CompiledWorld) -> Prose:  # noqa: N802
    return Prose(compiled, "", ())


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
