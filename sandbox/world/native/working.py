"""A step in the making: a state that is being changed, and what is told while it changes.

The pure functions of the world make one, work on it and freeze it into the next state. Reading falls through to
the state for all that has not been changed, so that a draft costs next to nothing to make.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

from sandbox.world.native.chance import Dice, Generator, mix
from sandbox.world.native.languages.grammar import Grammar
from sandbox.world.native.prose import HasName, Slots, Template, Value
from sandbox.world.native.schema import Adventure
from sandbox.world.native.state import (
    DARK,
    HANDLED,
    HIDDEN,
    NOWHERE,
    ON,
    OPEN,
    WORN,
    Core,
    EntityState,
    Offer,
    ParsedCommand,
    SeatMemory,
    State,
    replaced,
)

MAX_EFFECTS_A_STEP = 20_000
MAX_HEARD = 20_000
"""Characters that a seat is told between two of its commands; the oldest go first."""


class Physical(HasName, Protocol):
    """What the engine must know about a thing, room or person to keep a state in order."""

    @property
    def appearance(self) -> object:
        """False until it is described where it lies."""

    @property
    def backdrops(self) -> Sequence[int]: ...

    @property
    def container(self) -> bool: ...

    @property
    def counted(self) -> bool: ...

    @property
    def light(self) -> bool: ...

    @property
    def liquid(self) -> bool: ...

    @property
    def sees(self) -> bool: ...

    @property
    def switchable(self) -> bool: ...

    @property
    def transparent(self) -> bool: ...


class Setting(Protocol):
    """What the engine must know of a world for that; the world itself knows more."""

    @property
    def bounds(self) -> Sequence[tuple[int, int]]: ...

    @property
    def definition(self) -> Adventure: ...

    @property
    def entities(self) -> Sequence[Physical]: ...

    @property
    def grammar(self) -> Grammar: ...

    @property
    def messages(self) -> Mapping[str, Template]: ...

    @property
    def people(self) -> int: ...

    @property
    def rooms(self) -> int: ...

    @property
    def seats(self) -> tuple[int, ...]: ...

    @property
    def whimsical(self) -> bool:
        """Whether chance has a say in any text."""


class WorkingState:
    """A state that is being changed. Seats, things and rooms are their numbers in `CompiledWorld.entities`."""

    __slots__ = (
        "actor",
        "budget",
        "changed",
        "clocks",
        "command",
        "compiled",
        "dice",
        "ended",
        "entering",
        "fired",
        "first",
        "it",
        "meant",
        "memory",
        "mover",
        "offers",
        "pages",
        "pending",
        "rewards",
        "round",
        "scores",
        "spent",
        "state",
        "stirred",
        "telling",
        "texts",
        "told",
        "variables",
        "varied",
        "whim",
        "winners",
    )

    def __init__(self, compiled: Setting, state: State, actor: int = -1, dice: Dice | None = None) -> None:
        core = state.core
        self.compiled = compiled
        self.state = state
        self.actor = actor
        """The acting seat; -1 while events happen."""
        self.dice: Dice = Generator(state.rng) if dice is None else dice
        self.pages = core.things
        self.changed: dict[int, EntityState] = {}
        self.variables = core.variables
        self.clocks = core.clocks
        self.spent = core.spent
        self.scores = core.scores
        self.ended = core.ended
        self.winners = core.winners
        self.offers = core.offers
        self.mover = core.mover
        self.first = core.first
        self.pending = core.pending
        self.round = state.round
        self.memory: list[SeatMemory] = list(state.memory)
        self.told: dict[int, list[str]] = {}
        self.stirred = False
        """Whether something happened by itself that the acting seat was told of."""
        self.rewards: dict[int, float] = {}
        self.command: ParsedCommand | None = None
        self.fired: set[str] | None = None
        """Keys of the rules and texts that were used, where somebody asked for them."""
        self.entering = 0
        """How many arrivals are being followed up, one inside the other."""
        self.budget = MAX_EFFECTS_A_STEP
        self.texts = core.texts
        self.it = NOWHERE
        """What a rule is about, or the one of several that a loop is at."""
        self.meant: ParsedCommand | None = None
        """The command that a rule is asked about."""
        self.telling = False
        """Whether what is rendered is told to somebody, so that texts that vary go on."""
        self.varied: dict[tuple[int, int], int] = {}
        """Texts that vary and were told: (seat's index, text) to the variant, counted from 1."""
        self.whim = state.rng
        """What texts are drawn with. Words make no difference, so that reasoning follows no chance in them."""

    # Reading

    def record(self, thing: int) -> EntityState:
        """What can change about a thing."""
        found = self.changed.get(thing)
        return self.pages[thing >> 5][thing & 31] if found is None else found

    def flags(self, thing: int) -> int:
        """The bits of its condition."""
        return self.record(thing).flags

    def room_of(self, thing: int) -> int:
        """The room that a thing is in, through whatever holds it; `NOWHERE` for what is out of play."""
        rooms = self.compiled.rooms
        while thing >= rooms:
            thing = self.record(thing).parent
        return thing

    def holder(self, thing: int) -> int:
        """The seat or character that carries a thing, inside other things too; `NOWHERE` if nobody does."""
        people = self.compiled.people
        thing = self.record(thing).parent
        while thing != NOWHERE and thing < people:
            if thing < self.compiled.rooms:
                return NOWHERE
            thing = self.record(thing).parent
        return thing

    def stock(self, holder: int, thing: int) -> int:
        """How many of a counted thing lie directly with a holder."""
        return next((count for kind, count in self.record(holder).stock if kind == thing), 0)

    def has(self, who: int, thing: int, count: int = 1) -> bool:
        """Whether somebody carries a thing, or so many of a counted one."""
        if self.compiled.entities[thing].counted:
            there = self.stock(who, thing)
            if self.compiled.entities[thing].liquid:
                there += sum(self.stock(vessel, thing) for vessel in self.record(who).contents)
            return there >= count
        return self.holder(thing) == who

    def here(self) -> int:
        """The room of the acting seat."""
        return self.record(self.actor).parent if self.actor >= 0 else NOWHERE

    def is_lit(self, room: int) -> bool:
        """Whether one can see in a room: it is not dark, or there is a light that can be seen."""
        record = self.record(room)
        if not record.flags & DARK:
            return True
        return any(self._shines(thing) for thing in (*record.contents, *self.compiled.entities[room].backdrops))

    def _shines(self, thing: int) -> bool:
        entity, record = self.compiled.entities[thing], self.record(thing)
        if entity.light and not record.flags & HIDDEN and (not entity.switchable or record.flags & ON):
            return True
        if entity.container and not (record.flags & OPEN or entity.transparent):
            return False
        return any(self._shines(inner) for inner in record.contents)

    # Changing

    def set_flag(self, thing: int, bit: int, value: bool) -> None:
        """Change one bit of a thing's condition."""
        parent, flags, contents, stock = self.record(thing)
        self.changed[thing] = EntityState(parent, flags | bit if value else flags & ~bit, contents, stock)

    def set_flags(self, thing: int, on: int, off: int) -> None:
        """Set some bits of a thing's condition and clear others."""
        parent, flags, contents, stock = self.record(thing)
        self.changed[thing] = EntityState(parent, flags & ~off | on, contents, stock)

    def move(self, thing: int, to: int) -> None:
        """Put a thing that is not counted, a character or a seat somewhere. It is no longer worn or hidden."""
        parent, flags, contents, stock = self.record(thing)
        if parent == to:
            if flags & (WORN | HIDDEN):
                self.changed[thing] = EntityState(parent, flags & ~(WORN | HIDDEN), contents, stock)
            return
        if self.compiled.entities[thing].appearance:
            flags |= HANDLED
        self.changed[thing] = EntityState(to, flags & ~(WORN | HIDDEN), contents, stock)
        if parent != NOWHERE:
            above, f, inside, s = self.record(parent)
            self.changed[parent] = EntityState(above, f, tuple([e for e in inside if e != thing]), s)
        if to != NOWHERE:
            above, f, inside, s = self.record(to)
            self.changed[to] = EntityState(above, f, tuple(sorted((*inside, thing))), s)

    def add_stock(self, holder: int, thing: int, count: int) -> None:
        """More, or fewer, of a counted thing with a holder; never fewer than none, nor more than a million."""
        if holder == NOWHERE:
            return
        parent, flags, contents, stock = self.record(holder)
        amounts = dict(stock)
        amounts[thing] = min(amounts.get(thing, 0) + count, 1_000_000)
        self.changed[holder] = EntityState(
            parent, flags, contents, tuple(sorted((kind, n) for kind, n in amounts.items() if n > 0))
        )

    def transfer(self, thing: int, count: int, source: int, to: int) -> None:
        """Move a thing, or so many of a counted one."""
        if self.compiled.entities[thing].counted:
            self.add_stock(source, thing, -count)
            self.add_stock(to, thing, count)
        else:
            self.move(thing, to)

    def set_variable(self, number: int, value: int) -> None:
        """Give a variable a value, within its bounds."""
        low, high = self.compiled.bounds[number]
        value = min(max(value, low), high)
        if self.variables[number] != value:
            self.variables = (*self.variables[:number], value, *self.variables[number + 1 :])

    def set_text(self, number: int, text: str) -> None:
        """Give a variable that is a text what it holds."""
        if self.texts[number] != text:
            self.texts = (*self.texts[:number], text, *self.texts[number + 1 :])

    def variant(self, number: int, size: int, order: str, seat: int) -> int:
        """Which of its variants a text shows to a seat: the next where it is told, else the one told last."""
        index = max(seat - self.compiled.seats[0], 0)
        found = self.varied.get((index, number), 0)
        if not found:
            shown = self.memory[index].shown
            found = shown[number] if number < len(shown) else 0
            if self.telling:
                if order == "random":
                    found = mix(self.whim ^ mix(number << 8 | index)) % size + 1
                else:
                    found = found % size + 1 if order == "cycle" else min(found + 1, size)
                self.varied[index, number] = found
        return max(found - 1, 0)

    def set_clock(self, number: int, value: int) -> None:
        """Set an event's or character's clock."""
        if self.clocks[number] != value:
            self.clocks = (*self.clocks[:number], value, *self.clocks[number + 1 :])

    def award(self, seat: int, points: float) -> None:
        """Give points to a seat, shared as the world's `rewards` says."""
        seats = self.compiled.seats
        if not seats[0] <= seat <= seats[-1]:
            return
        mode = self.compiled.definition.rewards
        if mode == "shared":
            gains = dict.fromkeys(seats, points)
        elif mode == "zero-sum":
            gains = {s: points if s == seat else -points / (len(seats) - 1) for s in seats}
        else:
            gains = {seat: points}
        scores = list(self.scores)
        for s, gain in gains.items():
            scores[s - seats[0]] += gain
            self.rewards[s] = self.rewards.get(s, 0.0) + gain
        self.scores = tuple(scores)

    def offer(self, seat: int, offer: Offer | None) -> None:
        """Make, replace or withdraw the offer of a seat."""
        number = seat - self.compiled.seats[0]
        if self.offers[number] != offer:
            self.offers = (*self.offers[:number], offer, *self.offers[number + 1 :])

    # Telling

    def tell(self, seat: int, text: str) -> None:
        """Tell a seat something. Empty text and whoever is no seat are passed over."""
        if text and self.compiled.seats[0] <= seat <= self.compiled.seats[-1]:
            self.told.setdefault(seat, []).append(text)

    def say(self, key: str, viewer: int | None = None, /, **slots: Value) -> None:
        """Tell the acting seat, or another, a message of the engine."""
        seat = self.actor if viewer is None else viewer
        self.tell(seat, self.message(key, seat, slots))

    def message(self, key: str, viewer: int, slots: Slots) -> str:
        """A message of the engine as a seat reads it."""
        if self.fired is not None:
            self.fired.add(f"messages.{key}")
        return self.compiled.messages[key].render(self.compiled, slots, viewer)

    def watchers(self, room: int, *absent: int) -> list[int]:
        """Seats that see what happens in a room, but for some."""
        return [
            seat
            for seat in self.compiled.seats
            if seat not in absent
            and self.record(seat).parent == room
            and self.compiled.entities[seat].sees
            and self.is_lit(room)
        ]

    def show(self, key: str, room: int, *absent: int, **slots: Value) -> None:
        """Let the seats in a room, but for some, see something."""
        for seat in self.watchers(room, *absent):
            self.tell(seat, self.message(key, seat, slots))

    def note(self, key: str) -> None:
        """Remember for a trace that a rule or text was used."""
        if self.fired is not None:
            self.fired.add(key)

    # Freezing

    def freeze(self) -> State:
        """The state that the draft has become."""
        memory = self.memory
        first = self.compiled.seats[0]
        for seat, lines in self.told.items():
            own = memory[seat - first]
            heard = "\n".join([own.heard, *lines]) if own.heard else "\n".join(lines)
            memory[seat - first] = own._replace(heard=heard[-MAX_HEARD:])
        self.told = {}
        dice = self.dice
        if self.varied:
            self._keep_variants()
            if isinstance(dice, Generator) and self.compiled.whimsical:
                dice.draw((1,))
        return State(
            Core(
                replaced(self.pages, self.changed),
                self.variables,
                self.clocks,
                self.spent,
                self.scores,
                self.ended,
                self.winners,
                self.offers,
                self.mover,
                self.first,
                self.pending,
                self.texts,
            ),
            tuple(memory),
            dice.state if isinstance(dice, Generator) else self.state.rng,
            self.round,
        )

    def _keep_variants(self) -> None:
        """Remember what each seat was told of the texts that vary."""
        for (index, number), variant in self.varied.items():
            shown = self.memory[index].shown
            shown += (0,) * (number + 1 - len(shown))
            self.memory[index] = self.memory[index]._replace(
                shown=(*shown[:number], variant, *shown[number + 1 :])
            )
