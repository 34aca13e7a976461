"""Whether the seats of a world have to talk: a search in which a seat says and types only what it has been told.

What rules ask for word by word, passwords and codes, is known to a seat once it has read or heard it. In silence
each seat has its own knowledge; where they talk, what one knows all know. Other guesses, such as which of two
boxes to open, are not followed.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field

from sandbox.errors import Finding
from sandbox.world.native import NativeWorld, State
from sandbox.world.native.compiled import Draft
from sandbox.world.native.describe import examine, inventory, look
from sandbox.world.native.languages.grammar import mentions
from sandbox.world.native.schema import CustomVerb, VerbRule
from sandbox.world.native.schema import conditions as model
from sandbox.world.native.schema.base import Strict
from sandbox.world.native.scope import scope_of
from sandbox.world.solver.graph import PlanStep
from sandbox.world.solver.native import NativeProblem

MAX_STATES = 20_000


def findings_of_talk(world: NativeWorld, winners: frozenset[str], deadline: float) -> Iterator[Finding]:
    """Whether what `needs_talk` says is so, for a world that these seats can win. Searches up to the deadline."""
    if not world.definition.needs_talk or not winners:
        return
    line, key = world.source.line("needs_talk"), "needs_talk"
    left = deadline - time.monotonic()
    silent = _Search(world, winners, shared=False, deadline=deadline - left / 2)
    way = silent.run()
    if way is not None:
        told = ". ".join(f"{step.seat}> {step.command}" for step in way)
        hint = "let a rule ask for a word or number that only another seat is told"
        yield Finding(line, key, f"talk is not needed, they win in silence: {told}", hint, "warning")
        return
    talking = _Search(world, winners, shared=True, deadline=deadline)
    if talking.run() is None and talking.whole:
        unknown = [words[0] for n, words in enumerate(talking.secrets) if not talking.ever >> n & 1]
        told = f"nobody is ever told {' and '.join(map(repr, unknown))}" if unknown else "it comes too late"
        yield Finding(line, key, f"talking does not help: {told}", "let a text mention it", "error")
    elif silent.whole:
        what = f"talk is needed: in silence nobody wins in any of {silent.states:,} states"
        yield Finding(line, key, what, "", "note")
    else:
        yield Finding(line, key, f"no way to win in silence was found in {silent.states:,} states", "", "note")


def secrets_of(world: NativeWorld) -> dict[str, dict[tuple[str, ...], None]]:
    """For each action the words and numbers that its rules ask for; of each group any one will do."""
    found: dict[str, dict[tuple[str, ...], None]] = {}
    rules: list[tuple[str, VerbRule]] = [(r.instead or r.after or "", r) for r in world.definition.rules]
    verbs: dict[str, CustomVerb] = world.definition.verbs
    rules += [(name, rule) for name, verb in verbs.items() for rule in verb.rules]
    for action, rule in rules:
        groups = found.setdefault(action, {})
        if rule.words:
            groups[tuple(word.lower() for word in rule.words)] = None
        groups |= {(value,): None for value in _equals((*rule.when,))}
    return {action: groups for action, groups in found.items() if groups}


def _equals(part: object) -> Iterator[str]:
    """What the number or text of a command is asked to be."""
    if isinstance(part, model.Var) and part.var in ("number", "text") and part.equals is not None:
        yield str(part.equals).lower()
    elif isinstance(part, Strict):
        for name in type(part).model_fields:
            yield from _equals(getattr(part, name))
    elif isinstance(part, tuple):
        for each in part:
            yield from _equals(each)


@dataclass(slots=True)
class _Search:
    """Breadth-first search for a win, over states and what each seat knows in them."""

    world: NativeWorld
    wanted: frozenset[str]
    shared: bool
    """Whether the seats tell each other all they know."""
    deadline: float
    whole: bool = False
    """Whether everything was looked at."""
    states: int = 0
    ever: int = 0
    """What any seat came to know, as bits of `secrets`."""
    secrets: tuple[tuple[str, ...], ...] = ()
    _asked: dict[tuple[str, str], int] = field(default_factory=dict)
    _seen: dict[tuple[Hashable, int], int] = field(default_factory=dict)

    def run(self) -> tuple[PlanStep, ...] | None:
        """The commands of a win; None where none was found."""
        groups = {group: None for found in secrets_of(self.world).values() for group in found}
        self.secrets = tuple(groups)
        for action, found in secrets_of(self.world).items():
            for group in found:
                for word in group:
                    self._asked[action, word] = 1 << self.secrets.index(group)
        problem = NativeProblem(self.world, chance=True)
        nodes: list[tuple[State, tuple[int, ...], int, PlanStep | None]] = []
        known: set[Hashable] = set()
        for _, start in self.world.initials():
            self._add(nodes, known, problem, start, (0,) * len(self.world.seats), -1, None)
        waiting = deque(range(len(nodes)))
        while waiting:
            index = waiting.popleft()
            state, minds, _, _ = nodes[index]
            situation = problem.look(state)
            if self.wanted <= situation.winners:
                return _way(nodes, index)
            if len(nodes) >= MAX_STATES or time.monotonic() > self.deadline:
                return None
            if situation.seat is None:
                continue
            mind = minds[self.world.seats.index(situation.seat)]
            for command in situation.commands:
                if self._needs(command) & ~mind:
                    continue
                for _, step in problem.results(state, situation.seat, command):
                    move = PlanStep(situation.seat, command)
                    if self._add(nodes, known, problem, step.state, minds, index, move):
                        waiting.append(len(nodes) - 1)
        self.whole = True
        return None

    def _add(
        self,
        nodes: list[tuple[State, tuple[int, ...], int, PlanStep | None]],
        known: set[Hashable],
        problem: NativeProblem,
        state: State,
        minds: tuple[int, ...],
        parent: int,
        move: PlanStep | None,
    ) -> bool:
        after = tuple(mind | self._learned(state, seat) for seat, mind in enumerate(minds))
        for mind in after:
            self.ever |= mind
        if self.shared:
            after = (self.ever_of(after),) * len(after)
        key = (problem.key(state), after)
        if key in known:
            return False
        known.add(key)
        nodes.append((state, after, parent, move))
        self.states = len(nodes)
        return True

    @staticmethod
    def ever_of(minds: tuple[int, ...]) -> int:
        """What any of them knows."""
        together = 0
        for mind in minds:
            together |= mind
        return together

    def _needs(self, text: str) -> int:
        """What a seat must know to think of a command."""
        command = self.world.compiled.known.get(text)
        if command is None:
            return 0
        named = str(command.number) if command.number >= 0 else command.text.lower()
        return self._asked.get((command.action, named), 0)

    def _learned(self, state: State, index: int) -> int:
        """What a seat is told in a state: by what it hears, sees, and sees who looks closely."""
        seat = self.world.compiled.seats[index]
        key = (state.core, seat)
        if key not in self._seen:
            draft = Draft(self.world.compiled, state, seat)
            texts = [look(draft, seat), inventory(draft, seat)]
            texts += [examine(draft, seat, thing) for thing in scope_of(draft, seat).all()]
            texts.append(self.world.definition.seats[self.world.seats[index]].goal)
            self._seen[key] = self._mentioned("\n".join(texts))
        return self._seen[key] | self._mentioned(state.memory[index].heard)

    def _mentioned(self, text: str) -> int:
        spaced = self.world.compiled.grammar.spaced
        return sum(1 << n for n, words in enumerate(self.secrets) if mentions(text, words, spaced))


def _way(nodes: list[tuple[State, tuple[int, ...], int, PlanStep | None]], index: int) -> tuple[PlanStep, ...]:
    moves = []
    while index >= 0:
        _, _, index, move = nodes[index]
        if move is not None:
            moves.append(move)
    return tuple(reversed(moves))
