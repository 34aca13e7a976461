"""A definition made ready to be played: numbers in place of names, closures in place of conditions and effects.

What is here refers to itself in a circle: a world has rules, a rule works on a draft, and a draft is of a world.
`compiling` makes it.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass, field

from sandbox.world.native.clocks import RoundsClock
from sandbox.world.native.forms import Fillings, Lexicon
from sandbox.world.native.languages import language
from sandbox.world.native.languages.grammar import Grammar, Noun, mentions
from sandbox.world.native.prose import CountedThing, Prose, Slots, Template, Value
from sandbox.world.native.schema import Adventure
from sandbox.world.native.schema.base import Strict
from sandbox.world.native.state import NOWHERE, RUNNING, EntityState, ParsedCommand
from sandbox.world.native.working import WorkingState

Test = Callable[["Draft"], bool]
Act = Callable[["Draft"], None]
Who = Callable[["Draft"], int]
_MAX_MEMO = 100_000


class Draft(WorkingState):
    """A step in the making, of a world that is known whole."""

    __slots__ = ()
    compiled: CompiledWorld

    def slots(self) -> Slots:
        """What an author's text may name."""
        return _DraftSlots(self)

    def end(self, ending: int) -> None:
        """The world ends, once."""
        if self.ended == RUNNING:
            self.compiled.endings[ending].carry_out(self, ending)

    def show_prose(self, prose: Prose, room: int, *absent: int) -> None:
        """Let the seats in a room, but for some, see what an author wrote."""
        if prose:
            for seat in self.watchers(room, *absent):
                self.tell(seat, prose.render(self, seat))


class _DraftSlots(Mapping[str, Value]):
    """What an author's text may name, looked up as it is asked for: `me`, `thing`, `price`, `it.price`."""

    __slots__ = ("draft",)

    def __init__(self, draft: Draft) -> None:
        self.draft = draft

    def __getitem__(self, name: str) -> Value:
        draft, compiled = self.draft, self.draft.compiled
        command = draft.command or draft.meant
        if name == "me" and draft.actor >= 0:
            return CountedThing(draft.actor)
        if name == "it" and draft.it >= 0:
            return CountedThing(draft.it)
        if command is not None:
            if name == "thing" and command.thing >= 0:
                return CountedThing(command.thing, command.amount or 2)
            if name == "other" and command.other >= 0:
                return CountedThing(command.other)
            if name == "number" and command.number >= 0:
                return str(command.number)
            if name == "text" and (command.text or name not in compiled.variable_index):
                return command.text
        owner, dot, own = name.partition(".")
        if dot and owner in ("it", "other"):
            whose = draft.it if owner == "it" else command.other if command is not None else NOWHERE
            name = f"{compiled.ids[whose]}.{own}" if whose >= 0 else name
        if (text := compiled.text_index.get(name)) is not None:
            return draft.texts[text]
        number = compiled.variable_index[name]
        value = draft.variables[number]
        return compiled.values[number][value] if compiled.values[number] else str(value)

    def __iter__(self) -> Iterator[str]:
        return iter(self.draft.compiled.variable_index)

    def __len__(self) -> int:
        return len(self.draft.compiled.variable_index)


@dataclass(slots=True)
class Way:
    """An exit, ready to be used."""

    direction: str
    to: int
    door: int
    passable: Test | None
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
    enter: str = ""
    """`in` or `on` for what seats can get in or on."""
    vehicle: bool = False
    wearable: bool = False
    edible: bool = False
    liquid: bool = False
    springs: tuple[int, ...] = ()
    """Of a liquid: where there is always more."""
    holds: int = 0
    """How many measures of a liquid it holds."""
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


@dataclass(slots=True)
class CompiledResponse:
    """What happens and is said about it: the common part of rules and of characters' reactions."""

    key: str
    """Its path in the file."""
    bit: int
    """Its bit in `Core.spent`; 0 where it may happen again."""
    when: Test
    say: Prose
    seen: Prose
    do: Act | None
    listed: bool

    def holds(self, draft: Draft) -> bool:
        """Whether it may happen now."""
        return not self.bit & draft.spent and self.when(draft)

    def carry_out(self, draft: Draft) -> None:
        """Say and do it."""
        draft.note(self.key)
        draft.spent |= self.bit
        if self.say:
            draft.tell(draft.actor, self.say.render(draft, draft.actor))
        if self.seen:
            draft.show_prose(self.seen, draft.here(), draft.actor)
        if self.do is not None:
            self.do(draft)


@dataclass(slots=True)
class CompiledRule(CompiledResponse):
    """What happens at a command."""

    action: str
    things: frozenset[int] | None
    others: frozenset[int] | None
    rooms: frozenset[int] | None
    seats: frozenset[int] | None
    direction: str
    words: tuple[str, ...]
    instead: bool
    costs: bool
    """Whether it takes a turn. A rule that replaces one of the usual actions by mere words is a refusal: it
    does not."""
    order: int = 0

    def fits(self, draft: Draft, command: ParsedCommand) -> bool:
        """Whether it is about this command and may happen now."""
        if self.things is not None and command.thing not in self.things:
            return False
        if self.others is not None and command.other not in self.others:
            return False
        if self.rooms is not None and draft.here() not in self.rooms:
            return False
        if self.seats is not None and draft.actor not in self.seats:
            return False
        if self.direction and command.text != self.direction:
            return False
        if self.words and not mentions(command.text, self.words, draft.compiled.grammar.spaced):
            return False
        draft.meant, draft.it = command, command.thing
        return self.holds(draft)


@dataclass(slots=True)
class CompiledTopic(CompiledResponse):
    """What a character can be asked about."""

    words: tuple[str, ...]


@dataclass(slots=True)
class Acceptance(CompiledResponse):
    """What a character makes of a thing given or shown."""

    things: frozenset[int]
    count: int


@dataclass(slots=True)
class CompiledDeal(CompiledResponse):
    """An exchange that a character agrees to."""

    takes: int
    takes_count: int
    gives: int
    gives_count: int


@dataclass(slots=True)
class CompiledAim:
    """Something that a character wants."""

    when: Test
    reached: Test
    about: frozenset[int]
    """What it has to do with: the things that may be moved for it, and places."""
    watched: tuple[int, ...]
    """All whose place or condition makes a difference to the plan."""
    plans: dict[Hashable, ParsedCommand | None] = field(default_factory=dict)
    """What is to be done, by how these are."""


@dataclass(slots=True)
class CompiledPersona:
    """A character's ways."""

    greeting: Prose
    topics: list[CompiledTopic]
    accepts: list[Acceptance]
    notices: list[Acceptance]
    trades: list[CompiledDeal]
    aims: tuple[CompiledAim, ...] = ()
    route: tuple[int, ...] = ()
    wanders: bool = False
    follows: int = NOWHERE
    period: int = 1
    odds: tuple[int, int] | None = None
    when: Test | None = None
    clock: int = -1
    """Number of its clock among `Core.clocks`."""
    step_clock: int = -1
    """Number of the clock that counts its steps along the route."""


@dataclass(slots=True)
class CompiledEvent:
    """Something that happens by itself."""

    key: str
    bit: int
    period: int
    """Rounds that its clock starts from."""
    repeats: bool
    starts: bool
    odds: tuple[int, int] | None
    when: Test
    each: bool
    rooms: frozenset[int] | None
    say: Prose
    do: Act | None

    def carry_out(self, draft: Draft, seat: int) -> None:
        """Say and do it, to one seat or (-1) to the world."""
        draft.note(self.key)
        draft.spent |= self.bit
        if self.say:
            for hearer in draft.compiled.seats if seat < 0 else (seat,):
                if self.rooms is None or draft.record(hearer).parent in self.rooms:
                    draft.tell(hearer, self.say.render(draft, hearer))
        if self.do is not None:
            self.do(draft)


@dataclass(slots=True)
class CompiledEnding:
    """A way for the world to end."""

    key: str
    when: Test | None
    won: tuple[str, ...]
    say: Prose
    points: float
    do: Act | None

    def carry_out(self, draft: Draft, number: int) -> None:
        """End the world."""
        draft.note(self.key)
        compiled = draft.compiled
        winners = [s for s in compiled.seats if self._wins(draft, s)]
        draft.ended = number
        draft.winners = sum(1 << (s - compiled.seats[0]) for s in winners)
        for seat in compiled.seats:
            draft.tell(seat, self.say.render(draft, seat))
        if self.do is not None:
            self.do(draft)
        if self.points:
            if compiled.definition.rewards == "shared":
                winners = winners[:1]
            for seat in winners:
                draft.award(seat, self.points)

    def _wins(self, draft: Draft, seat: int) -> bool:
        compiled = draft.compiled
        return (
            "all" in self.won
            or ("actor" in self.won and seat == draft.actor)
            or compiled.entities[seat].id in self.won
        )


@dataclass(slots=True)
class ListedRules:
    """Rules whose commands are listed, by where they apply."""

    by_thing: dict[int, list[CompiledRule]] = field(default_factory=dict)
    by_room: dict[int, list[CompiledRule]] = field(default_factory=dict)
    anywhere: list[CompiledRule] = field(default_factory=list)


class Rules:
    """All rules of a world, as `compiling` finds them."""

    def __init__(self) -> None:
        self.all: list[CompiledRule] = []
        self.instead: dict[tuple[str, int], tuple[CompiledRule, ...]] = {}
        self.after: dict[tuple[str, int], tuple[CompiledRule, ...]] = {}
        self.replaced: frozenset[str] = frozenset()
        """Actions that any rule may replace."""
        self.listing = ListedRules()
        self.endings: list[CompiledEnding] = []
        self.events: list[CompiledEvent] = []
        self.personas: dict[int, CompiledPersona] = {}
        self.fillings: dict[str, Fillings] = {}
        """For verbs with `{number}` or `{text}` what may be filled in."""
        self.refusals: dict[str, Prose] = {}
        """What is said where no rule of a verb applies."""
        self.routine_clocks: list[int] = []
        """First values of the clocks that follow those of the events."""
        self.random = False
        """Whether anything is left to chance."""
        self.keys: list[str] = []
        """Paths of all rules, reactions, events and endings, in the file's order."""
        self.watches_examine = False
        """Whether any rule follows a close look."""
        self.bits = 0
        """How many things happen once at most."""


class CompiledWorld:
    """All that is known of a world before it is played."""

    def __init__(self, world: Adventure, seats: int | None = None) -> None:
        self.definition = world
        self.language = language(world.language)
        self.grammar: Grammar = self.language.grammar
        self.messages = {k: Template(v) for k, v in {**self.language.messages, **world.messages}.items()}
        self.ids = [*world.rooms, *world.things, *world.characters, *world.seats]
        self.index = {name: number for number, name in enumerate(self.ids)}
        self.kinds: dict[str, tuple[int, ...]] = {
            kind: tuple(self.index[n] for n, t in world.things.items() if kind in world.kinds_of(t))
            for kind in world.kinds
        }
        """The things of each kind."""
        self.rooms = len(world.rooms)
        """Number of rooms: whatever is below is a room."""
        self.people = self.rooms + len(world.things)
        """Number of the first character: whatever is not below is a character or a seat."""
        first = self.people + len(world.characters)
        self.seats = tuple(range(first, first + (seats or len(world.seats))))
        """Numbers of the seats that are held. The rest come after them and stay out of play."""
        self.variable_index: dict[str, int] = {}
        self.bounds: list[tuple[int, int]] = []
        self.values: list[tuple[str, ...]] = []
        self.first_variables: tuple[int, ...] = ()
        self.text_index: dict[str, int] = {}
        """Variables that are texts, by name; their numbers are those of `Core.texts`."""
        self.first_texts: tuple[str, ...] = ()
        self.variations = 0
        """How many texts vary."""
        self.whimsical = False
        """Whether any of them by chance."""
        self.rounds_clock = RoundsClock()
        self.dispositions: dict[str, int] = {}
        """Numbers of the variables that hold what characters think of the seats."""
        self.enterable: tuple[int, ...] = ()
        """Things that seats can get in or on."""
        self.aboard: dict[int, int] = {}
        """For each seat the variable that says which of them it is in or on; empty where there are none."""
        self.liquids: tuple[int, ...] = ()
        self.reads_scores = False
        """Whether any condition asks for points, so that they matter to how the world goes on."""
        self.lexicon = Lexicon(self.language, world)
        self.entities: list[Entity] = []
        self.intro = Prose(self, "", ())
        self.rules = Rules()
        self.endings, self.events, self.personas = self.rules.endings, self.rules.events, self.rules.personas
        self.waits = False
        """Whether anything can happen while one waits."""
        self.vocabulary: frozenset[str] = frozenset()
        """All words of all names, and of commands: what is not among them is a word that nobody knows here."""
        self.initial: tuple[EntityState, ...] = ()
        """What can change about each thing, as it is at the beginning."""
        self.draws: list[tuple[int, tuple[int, ...]]] = []
        """What is placed at random: (thing, places)."""
        self.memo: dict[tuple[object, ...], str] = {}
        """Texts that were made out so far, by all that they depend on."""
        self._phrases: dict[ParsedCommand, str] = {}
        self.known: dict[str, ParsedCommand] = {}
        """Listed commands that were made out so far, by their text."""

    def section(self, name: str) -> tuple[int, ...]:
        """All `things`, `characters`, `seats` or `rooms`."""
        if name == "seats":
            return self.seats
        return tuple(self.index[each] for each in getattr(self.definition, name))

    def variable_value(self, name: str, value: bool | int | str) -> int:
        """A value of a variable as it is stored."""
        values = self.values[self.variable_index[name]]
        return values.index(value) if isinstance(value, str) else int(value)

    def place(self, name: str) -> int:
        """Number of a place by its identifier."""
        return NOWHERE if name == "nowhere" else self.index[name]

    def remember(self, key: tuple[object, ...], text: str) -> None:
        """Keep a text that always reads the same, so that it is made out once."""
        if len(self.memo) >= _MAX_MEMO:
            self.memo.clear()
        self.memo[key] = text

    def phrase(self, command: ParsedCommand) -> str:
        """A command as it is listed."""
        text = self._phrases.get(command)
        if text is None:
            text = self._phrases[command] = self._phrase(command)
            if len(self.known) < _MAX_MEMO:
                self.known[text] = command
        return text

    def _phrase(self, command: ParsedCommand) -> str:
        if command.action == "put":
            on = self.entities[command.other].supporter
        else:
            on = command.thing < 0 or self.entities[command.thing].enter != "in"
        return self.lexicon.phrase(command, self.canonical, on=on)

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
