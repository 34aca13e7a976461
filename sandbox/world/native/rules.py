"""Rules, events, endings and the ways of characters, ready to be carried out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sandbox.text import clean
from sandbox.world.native.conditions import Test, compile_all
from sandbox.world.native.effects import Act, compile_effects
from sandbox.world.native.prose import Prose, Template
from sandbox.world.native.schema import Adventure, Character, Reaction, VerbRule
from sandbox.world.native.schema import Ending as EndingModel
from sandbox.world.native.schema import Event as EventModel
from sandbox.world.native.schema import Rule as RuleModel
from sandbox.world.native.schema.effects import TextPart
from sandbox.world.native.state import NOWHERE, Command

if TYPE_CHECKING:
    from sandbox.world.native.compiled import CompiledWorld
    from sandbox.world.native.draft import Draft


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

    def fits(self, draft: Draft, command: Command) -> bool:
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
class Persona:
    """A character's ways."""

    greeting: Prose
    topics: list[CompiledTopic]
    accepts: list[Acceptance]
    notices: list[Acceptance]
    trades: list[CompiledDeal]
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
class Listing:
    """Rules whose commands are listed, by where they apply."""

    by_thing: dict[int, list[CompiledRule]] = field(default_factory=dict)
    by_room: dict[int, list[CompiledRule]] = field(default_factory=dict)
    anywhere: list[CompiledRule] = field(default_factory=list)


class Rules:
    """All rules of a world."""

    def __init__(self, compiled: CompiledWorld) -> None:
        self.compiled = compiled
        self.all: list[CompiledRule] = []
        self.instead: dict[tuple[str, int], tuple[CompiledRule, ...]] = {}
        self.after: dict[tuple[str, int], tuple[CompiledRule, ...]] = {}
        self.listing = Listing()
        self.endings: list[CompiledEnding] = []
        self.events: list[CompiledEvent] = []
        self.personas: dict[int, Persona] = {}
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

    def prose(self, key: str, text: str | tuple[str | TextPart, ...]) -> Prose:
        """An author's text."""
        pieces: list[tuple[Callable[[Draft], bool] | None, Template, Template | None]] = []
        for part in (text,) if isinstance(text, str) else text:
            if isinstance(part, str):
                if part:
                    pieces.append((None, Template(part), None))
            else:
                otherwise = Template(part.otherwise) if part.otherwise else None
                pieces.append((self.all_of(part.when), Template(part.say), otherwise))
        prose = Prose(self.compiled, key, tuple(pieces))
        if prose:
            self.keys.append(key)
        return prose

    def all_of(self, conditions: tuple[object, ...]) -> Test:
        """Conditions that must all hold."""
        return compile_all(self.compiled, conditions)  # type: ignore[arg-type]

    def compile(self, world: Adventure) -> None:
        """Make everything ready. the compiled world must know all entities by now."""
        own = frozenset(world.verbs)
        for number, rule in enumerate(world.rules):
            self._add(f"rules[{number}]", rule.instead or rule.after or "", rule, own)
        for name, verb in world.verbs.items():
            self.refusals[name] = self.prose(f"verbs.{name}.otherwise", verb.otherwise)
            for number, entry in enumerate(verb.rules):
                self._add(f"verbs.{name}.rules[{number}]", name, entry, own)
        self._index()
        self.events = [self._event(name, event) for name, event in world.events.items()]
        self.endings = [self._ending(name, ending) for name, ending in world.endings.items()]
        for name, character in world.characters.items():
            self.personas[self.compiled.index[name]] = self._persona(name, character, len(world.events))

    def _response(self, key: str, model: Reaction) -> tuple[str, int, Test, Prose, Prose, Act | None, bool]:
        self.keys.append(key)
        return (
            key,
            self._bit() if model.once else 0,
            self.all_of(model.when),
            self.prose(f"{key}.say", model.say),
            self.prose(f"{key}.seen", model.seen),
            compile_effects(self.compiled, f"{key}.do", model.do) if model.do else None,
            model.listed,
        )

    def _bit(self) -> int:
        self.bits += 1
        return 1 << (self.bits - 1)

    def _numbers(self, names: tuple[str, ...] | None) -> frozenset[int] | None:
        return None if names is None else frozenset(self.compiled.index[n] for n in names)

    def _add(self, key: str, action: str, model: VerbRule, own: frozenset[str]) -> None:
        rule = model if isinstance(model, RuleModel) else None
        instead = rule is None or rule.instead is not None
        self.all.append(
            CompiledRule(
                *self._response(key, model),
                action,
                self._numbers(model.thing),
                self._numbers(model.other),
                self._numbers(model.room),
                self._numbers(model.seat),
                (rule.direction or "") if rule else "",
                tuple(w.lower() for w in rule.words) if rule else (),
                instead,
                action in own or bool(model.do) or model.once,
                len(self.all),
            )
        )

    def _index(self) -> None:
        for instead, table in ((True, self.instead), (False, self.after)):
            rules = [r for r in self.all if r.instead is instead]
            keys = {(r.action, t) for r in rules for t in (r.things or ())} | {(r.action, -1) for r in rules}
            chosen: dict[tuple[str, int], list[CompiledRule]] = {key: [] for key in keys}
            specific: dict[str, list[tuple[str, int]]] = {}
            for key in keys:
                specific.setdefault(key[0], []).append(key)
            for rule in rules:
                for key in (
                    specific[rule.action]
                    if rule.things is None
                    else [(rule.action, t) for t in sorted(rule.things)]
                ):
                    chosen[key].append(rule)
            table.update({key: tuple(sorted(found, key=lambda r: r.order)) for key, found in chosen.items()})
        self.watches_examine = any(action == "examine" for action, _ in self.after)
        for rule in self.all:
            if not (rule.instead and rule.listed and rule.costs):
                continue
            if rule.things is not None:
                for thing in rule.things:
                    self.listing.by_thing.setdefault(thing, []).append(rule)
            elif rule.rooms is not None:
                for room in rule.rooms:
                    self.listing.by_room.setdefault(room, []).append(rule)
            else:
                self.listing.anywhere.append(rule)

    def _event(self, name: str, model: EventModel) -> CompiledEvent:
        key = f"events.{name}"
        self.keys.append(key)
        chance = model.chance
        self.random |= chance is not None
        return CompiledEvent(
            key,
            self._bit() if model.once else 0,
            model.after or model.every or 1,
            model.after is None,
            model.starts,
            None if chance is None else (chance.numerator, chance.denominator - chance.numerator),
            self.all_of(model.when),
            model.each,
            self._numbers(model.room),
            self.prose(f"{key}.say", model.say),
            compile_effects(self.compiled, f"{key}.do", model.do) if model.do else None,
        )

    def _ending(self, name: str, model: EndingModel) -> CompiledEnding:
        key = f"endings.{name}"
        self.keys.append(key)
        return CompiledEnding(
            key,
            self.all_of(model.when) if model.when else None,
            model.won,
            self.prose(f"{key}.say", model.say),
            model.points,
            compile_effects(self.compiled, f"{key}.do", model.do) if model.do else None,
        )

    def _persona(self, name: str, model: Character, clocks: int) -> Persona:
        key, index = f"characters.{name}", self.compiled.index
        persona = Persona(
            self.prose(f"{key}.greeting", model.greeting),
            [
                CompiledTopic(*self._response(f"{key}.topics[{i}]", t), tuple(w.lower() for w in t.about))
                for i, t in enumerate(model.topics)
            ],
            [
                Acceptance(
                    *self._response(f"{key}.{part}[{i}]", r), self._numbers(r.thing) or frozenset(), r.count
                )
                for part in ("accepts",)
                for i, r in enumerate(model.accepts)
            ],
            [
                Acceptance(
                    *self._response(f"{key}.{part}[{i}]", r), self._numbers(r.thing) or frozenset(), r.count
                )
                for part in ("notices",)
                for i, r in enumerate(model.notices)
            ],
            [
                CompiledDeal(
                    *self._response(f"{key}.trades[{i}]", Reaction(when=d.when, say=d.say, do=d.do)),
                    index[d.takes],
                    d.takes_count,
                    index[d.gives],
                    d.gives_count,
                )
                for i, d in enumerate(model.trades)
            ],
        )
        if (routine := model.routine) is not None:
            chance = routine.chance
            self.random |= chance is not None
            persona.route = tuple(index[r] for r in routine.rooms)
            persona.wanders = chance is not None
            persona.follows = index[routine.follows] if routine.follows else NOWHERE
            persona.period = routine.every
            persona.odds = None if chance is None else (chance.numerator, chance.denominator - chance.numerator)
            persona.when = self.all_of(routine.when) if routine.when else None
            persona.clock = clocks + len(self.routine_clocks)
            persona.step_clock = persona.clock + 1
            start = persona.route.index(index[model.at]) if index.get(model.at) in persona.route else -1
            self.routine_clocks += [routine.every, max(start, 0)]
        return persona


def mentions(text: str, words: tuple[str, ...], spaced: bool) -> bool:
    """Whether one of the words, or phrases, is among what is said."""
    said = clean(text).lower()
    if spaced:
        said = " " + "".join(ch if ch.isalnum() or ch in "'-" else " " for ch in said) + " "
        said = " ".join(said.split())
        return any(f" {word} " in f" {said} " for word in words)
    return any(word in said for word in words)
