"""The native world: the definition's rules behind the protocol that everything plays."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.abilities import Fact
from sandbox.errors import SandboxError, WorldError
from sandbox.types import Observation, Step
from sandbox.world.native import snapshot
from sandbox.world.native.actions import carry_out
from sandbox.world.native.actions.moving import arrive
from sandbox.world.native.admissible import admissible
from sandbox.world.native.chance import Dice, Generator, Script, mix
from sandbox.world.native.compiled import Draft
from sandbox.world.native.compiling import compile_world
from sandbox.world.native.describe import inventory, look
from sandbox.world.native.facts import facts_of
from sandbox.world.native.loader import Source, read_source
from sandbox.world.native.parser import Parser
from sandbox.world.native.parser.hints import Adviser
from sandbox.world.native.recall import MAX_ROOMS_RECALLED, TransitionMemory
from sandbox.world.native.schema import Adventure
from sandbox.world.native.state import CUT_OFF, HANDLED, RUNNING, Core, ParsedCommand, SeatMemory, State, paged
from sandbox.world.native.task import TaskWorld
from sandbox.world.native.time import check_endings, end_round

MAX_OUTCOMES = 4_096
MAX_TRACED = 64
"""Outcomes of a command that a trace follows."""


class NativeWorld:
    """A world of rooms and things, made from a world file. Pure, as `sandbox.types.World` asks."""

    def __init__(
        self,
        source: Source,
        name: str = "",
        seats: int | None = None,
        *,
        testing: bool = False,
        remembering: bool = True,
    ) -> None:
        """`remembering` keeps what commands led to, for worlds with one seat: see `recall`."""
        if not isinstance(source.definition, Adventure):
            raise TypeError("a text task is not a NativeWorld")
        least, most = source.definition.min_seats or len(source.definition.seats), len(source.definition.seats)
        if seats is not None and not least <= seats <= most:
            several = f"{least} to {most} seats" if least < most else f"{most} seat{'s' * (most > 1)}"
            raise WorldError(f"the world is for {several}, not {seats}", where=source.file)
        self.source = source
        self.definition: Adventure = source.definition
        self.compiled = compile_world(self.definition, seats)
        self._parser = Parser(self.compiled)
        self._name = name or Path(source.file).parent.name or source.file
        self.testing = testing
        """Whether a seat may put itself into any room with `goto ROOM`, which takes no time: for authors."""
        self._ids = tuple(self.definition.seats)[: len(self.compiled.seats)]
        self._numbers = dict(zip(self._ids, self.compiled.seats, strict=True))
        self.pages = paged(self.compiled.initial)
        """What is known of everything at the beginning."""
        empty: tuple[tuple[int, ...] | None, ...] = (None,) * self.compiled.rooms
        self.blank_rooms = paged(empty)
        """A seat's memory of rooms before it has been anywhere."""
        small = len(self._ids) == 1 and self.compiled.rooms <= MAX_ROOMS_RECALLED
        self._remembers = remembering
        self._recall = self._remembering() if remembering and small and not testing else None
        """Steps that were taken before; None where they are not kept."""
        self.first_clocks = (
            *(event.period if event.starts else -1 for event in self.compiled.events),
            *self.compiled.rules.routine_clocks,
        )

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, here or in another process, is compiled anew from the same definition: rules are functions."""
        made = partial(type(self), testing=self.testing, remembering=self._remembers)
        return made, (self.source, self._name, len(self._ids)), self._parser.adviser

    def __setstate__(self, adviser: Adviser) -> None:
        self.ask_for_hints(adviser)

    def _remembering(self) -> TransitionMemory:
        seat, number = self._ids[0], self.compiled.seats[0]
        return TransitionMemory(
            lambda state: self._observe(Draft(self.compiled, state, number), number),
            lambda state, line: self._step(state, seat, line, None)[0],
            self.compiled.known,
            lambda memory, command: self._parser.remembered(memory, command, number),
            self.definition.limit,
        )

    # What it is

    @property
    def name(self) -> str:
        """The reference that leads back to this world."""
        return self._name

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.definition.title

    @property
    def seats(self) -> tuple[str, ...]:
        """Identifiers of the seats, in the order of their turns."""
        return self._ids

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the world file."""
        return self.source.fingerprint

    @property
    def verbs(self) -> tuple[str, ...]:
        """The world's own verbs, then the usual ones."""
        return self._parser.verbs

    @property
    def simultaneous(self) -> bool:
        """Whether seats commit their commands without seeing each other's."""
        return self.definition.turns == "simultaneous"

    @property
    def random(self) -> bool:
        """Whether anything is left to chance once the world has begun."""
        return self.compiled.rules.random

    @property
    def varied(self) -> bool:
        """Whether the seed says where things are at the beginning."""
        return bool(self.compiled.draws)

    @property
    def file(self) -> Path:
        """The world file."""
        return Path(self.source.file)

    # Playing

    def initial(self, seed: int) -> State:
        """The state an episode starts in. Only worlds with chance depend on the seed."""
        kept = self.random or self.compiled.whimsical
        dice = Generator(mix(seed)) if kept or self.varied else Generator(0)
        return self._begin(dice, keep=kept)

    def initials(self) -> tuple[tuple[float, State], ...]:
        """All states that an episode may start in, with their probabilities."""
        found: list[tuple[float, State]] = []
        choices: list[int] | None = []
        while choices is not None:
            script = Script(choices)
            state = self._begin(script, keep=False)
            found.append((script.probability, state))
            choices = script.following()
            if len(found) > MAX_OUTCOMES:
                raise SandboxError(f"more than {MAX_OUTCOMES:,} ways to begin", where=self.source.file)
        return tuple(found)

    def _begin(self, dice: Dice, *, keep: bool) -> State:
        compiled = self.compiled
        seats = len(compiled.seats)
        memory = SeatMemory(0, "", self.blank_rooms, (-1, -1, -1, -1), None, None, "", ())
        core = Core(
            self.pages,
            compiled.first_variables,
            self.first_clocks,
            0,
            (0.0,) * seats,
            RUNNING,
            0,
            (None,) * seats,
            0,
            0,
            (None,) * seats,
            compiled.first_texts,
        )
        draft = Draft(compiled, State(core, (memory,) * seats, 0, 0), dice=dice)
        draft.telling, draft.whim = True, dice.state if isinstance(dice, Generator) else 0
        for thing, places in compiled.draws:
            draft.move(thing, places[dice.draw([1] * len(places))])
            draft.set_flag(thing, HANDLED, False)
        for seat in compiled.seats:
            self._introduce(draft, seat)
        state = draft.freeze()
        rng = dice.state if keep and isinstance(dice, Generator) else 0
        return State(state.core, state.memory, rng, 0)

    def _introduce(self, draft: Draft, seat: int) -> None:
        compiled = self.compiled
        draft.actor = seat
        for prose in (
            compiled.intro,
            compiled.entities[seat].text,
            compiled.entities[draft.record(seat).parent].text,
        ):
            draft.tell(seat, prose.render(draft, seat))
        draft.tell(seat, look(draft, seat))
        draft.actor = -1

    def ask_for_hints(self, adviser: Adviser) -> None:
        """Who is asked from now on when a seat wants a hint."""
        self._parser.adviser = adviser

    def to_move(self, state: State) -> str | None:
        """The seat whose command comes next; None when the world has ended."""
        return self._ids[state.core.mover] if state.core.ended == RUNNING else None

    def observe(self, state: State, seat: str) -> Observation:
        """What a seat perceives."""
        number = self._seat(seat)
        if self._recall is not None:
            return self._recall.observe(state)
        return self._observe(Draft(self.compiled, state, number), number)

    def _observe(self, draft: Draft, number: int) -> Observation:
        core = draft.state.core
        index = number - self.compiled.seats[0]
        memory = draft.state.memory[index]
        model = self.definition.seats[self._ids[index]]
        over = core.ended != RUNNING
        text = memory.heard
        if not text and core.pending[index] is not None:
            text = draft.message("committed", number, {})
        return Observation(
            seat=self._ids[index],
            turn=memory.turns,
            text=text,
            description=look(draft, number),
            inventory=inventory(draft, number),
            goal=model.goal,
            score=core.scores[index],
            max_score=model.max_score,
            admissible=() if over else admissible(draft, number),
            done=over,
            won=bool(core.winners >> index & 1),
        )

    def facts(self, state: State, seat: str) -> frozenset[Fact]:
        """What holds, as `sandbox.abilities.Factual` asks."""
        return facts_of(Draft(self.compiled, state), self._seat(seat))

    def step(self, state: State, seat: str, command: str) -> Step[State]:
        """Carry out a line of a seat. What is not understood is answered in the text."""
        if self._recall is not None and seat in self._numbers:
            return self._recall.step(state, command)
        return self._step(state, seat, command, None)[0]

    def outcomes(self, state: State, seat: str, command: str) -> tuple[tuple[float, Step[State]], ...]:
        """All that a command can lead to, with probabilities that sum to 1. `step` draws from these."""
        found: list[tuple[float, Step[State]]] = []
        choices: list[int] | None = []
        while choices is not None:
            script = Script(choices)
            step, _ = self._step(state, seat, command, script)
            found.append((script.probability, step))
            choices = script.following()
            if len(found) > MAX_OUTCOMES:
                raise SandboxError(
                    f"{command!r} has more than {MAX_OUTCOMES:,} outcomes",
                    where=self.source.file,
                    hint="let fewer things happen by chance at the same time",
                )
        return _merged(found)

    def trace(self, state: State, seat: str, command: str) -> frozenset[str]:
        """Keys of the rules and texts that a command may use, the seat's look around afterwards included."""
        return self.traced(state, seat, command)[0]

    def traced(self, state: State, seat: str, command: str) -> tuple[frozenset[str], bool]:
        """The same, over what chance may do, and whether all of that was tried."""
        fired: set[str] = set()
        choices: list[int] | None = []
        for _ in range(MAX_TRACED):
            script = Script(choices or ())
            step, _ = self._step(state, seat, command, script, fired)
            for index, number in enumerate(self.compiled.seats):
                draft = Draft(self.compiled, step.state, number)
                draft.fired = fired
                if step.state.core.ended == RUNNING or index == 0:
                    look(draft, number)
                    inventory(draft, number)
            choices = script.following()
            if choices is None:
                return frozenset(fired), True
        return frozenset(fired), False

    def _step(
        self, state: State, seat: str, line: str, dice: Dice | None, fired: set[str] | None = None
    ) -> tuple[Step[State], Draft]:
        number = self._seat(seat)
        draft = Draft(self.compiled, state, number, dice)
        draft.fired, draft.telling = fired, True
        index = number - self.compiled.seats[0]
        memory = draft.memory[index]
        memory = draft.memory[index] = memory._replace(turns=memory.turns + 1, heard="")
        if state.core.ended != RUNNING:
            draft.say("over")
        elif state.core.mover != index:
            draft.say("not_your_turn")
        elif self.testing and (room := self._room_to_test(line)) is not None:
            arrive(draft, number, room)
        else:
            command = self.compiled.known.get(line)
            if command is not None and self._parser.step_before(draft, command) is None:
                draft.memory[index] = memory._replace(last=line, mistake=None, question=None)
                self._perform(draft, index, (command,), line)
            else:
                self._parser.run(draft, line, lambda commands: self._perform(draft, index, commands, line))
        ids = self._ids
        first = self.compiled.seats[0]
        after = draft.freeze()
        return (
            Step(
                state=after,
                rewards={ids[s - first]: gain for s, gain in draft.rewards.items() if gain},
                terminated=after.core.ended >= 0,
                truncated=after.core.ended == CUT_OFF,
            ),
            draft,
        )

    def _room_to_test(self, line: str) -> int | None:
        """The room, by its identifier, that an author wishes to stand in."""
        word, _, room = line.partition(" ")
        return self.compiled.index[room] if word == "goto" and room in self.definition.rooms else None

    def _perform(self, draft: Draft, index: int, commands: Sequence[ParsedCommand], line: str) -> bool:
        """Carry out what one sentence means, and the time it takes. Answers whether the turn is over."""
        if self.definition.turns == "simultaneous" and len(self._ids) > 1:
            return self._commit(draft, index, tuple(commands))
        if not self._carry_out(draft, commands):
            return False
        check_endings(draft)
        if draft.ended == RUNNING:
            draft.mover = (index + 1) % len(self._ids)
            if draft.mover == 0:
                end_round(draft)
        draft.actor = self.compiled.seats[index]
        return True

    def _carry_out(self, draft: Draft, commands: Sequence[ParsedCommand]) -> bool:
        if len(commands) == 1:
            self._parser.remember(draft, commands[0])
            return carry_out(draft, commands[0])
        took_turn = False
        seat = draft.actor
        for command in commands:
            before = draft.told.pop(seat, [])
            took_turn |= carry_out(draft, command)
            said = " ".join(draft.told.pop(seat, []))
            draft.told[seat] = before
            draft.say("each", thing=self._parser.named(command), text=said)
            if draft.ended != RUNNING:
                break
        self._parser.remember_all(draft, commands)
        return took_turn

    def _commit(self, draft: Draft, index: int, commands: tuple[ParsedCommand, ...]) -> bool:
        """Keep a seat's command until all have committed theirs, then carry out all."""
        if not self._would_do(draft, commands):
            return False
        pending = list(draft.pending)
        pending[index] = commands
        draft.mover = index + 1
        draft.pending = tuple(pending)
        if draft.mover < len(self._ids):
            return True
        seats = len(self._ids)
        draft.mover = 0
        draft.pending = (None,) * seats
        if self.definition.conflicts == "random":
            draft.first = draft.dice.draw([1] * seats)
        for offset in range(seats):
            turn = (draft.first + offset) % seats
            decided = pending[turn]
            if decided is not None and draft.ended == RUNNING:
                draft.actor = self.compiled.seats[turn]
                self._carry_out(draft, decided)
                check_endings(draft)
        if self.definition.conflicts == "rotating":
            draft.first = (draft.first + 1) % seats
        elif self.definition.conflicts == "random":
            draft.first = 0
        if draft.ended == RUNNING:
            end_round(draft)
        draft.actor = self.compiled.seats[index]
        return True

    def _would_do(self, draft: Draft, commands: tuple[ParsedCommand, ...]) -> bool:
        """Whether the commands would take a turn as things are now. If not, the seat is told why not."""
        trial = Draft(self.compiled, draft.state, draft.actor, Script(()))
        trial.memory = list(draft.memory)
        trial.fired = None if draft.fired is None else set()
        if self._carry_out(trial, commands):
            return True
        for key in trial.fired or ():
            draft.note(key)
        for text in trial.told.get(draft.actor, ()):
            draft.tell(draft.actor, text)
        return False

    # Keeping

    def solver_key(self, state: State) -> Core:
        """What tells states apart for a solver: all that can make a difference, and no words."""
        core = state.core
        return core if self.compiled.reads_scores else core._replace(scores=())

    def dump(self, state: State) -> bytes:
        """The state as JSON: what differs from the beginning."""
        return snapshot.dump(self, state)

    def load(self, data: bytes) -> State:
        """Raises `SaveError` where the bytes are not a state of this world."""
        return snapshot.load(self, data)

    def close(self) -> None:
        """Nothing is held open."""

    def _seat(self, seat: str) -> int:
        try:
            return self._numbers[seat]
        except KeyError:
            raise SandboxError(
                f"{self.title!r} has no seat {seat!r}", hint=f"its seats: {', '.join(self._ids)}"
            ) from None


def _merged(found: list[tuple[float, Step[State]]]) -> tuple[tuple[float, Step[State]], ...]:
    """Equal outcomes taken together."""
    if len(found) == 1:
        return tuple(found)
    merged: dict[tuple[State, tuple[tuple[str, float], ...]], tuple[float, Step[State]]] = {}
    for probability, step in found:
        key = (step.state, tuple(sorted(step.rewards.items())))
        merged[key] = (probability + merged[key][0] if key in merged else probability, step)
    return tuple(merged.values())


def load_world(
    path: Path, name: str = "", seats: int | None = None, *, testing: bool = False
) -> NativeWorld | TaskWorld:
    """The world in a file, for all of its seats or the first few. Raises `WorldFileError` and `WorldError`."""
    return make_world(read_source(path), name, seats, testing=testing)


def make_world(
    source: Source, name: str = "", seats: int | None = None, *, testing: bool = False
) -> NativeWorld | TaskWorld:
    """The world of a definition that has been read."""
    if isinstance(source.definition, Adventure):
        return NativeWorld(source, name, seats, testing=testing)
    if seats not in (None, 1):
        raise WorldError(f"a text task has one seat, not {seats}", where=source.file)
    return TaskWorld(source, name)
