"""Going round a world: into every room, taking and doing everything that the relaxation thinks can be done.

Shows in one go what breadth-first search does not come to in a large world. Of each step that could be a mistake
it is asked whether somebody can still win: if not, it is a dead end, and the tour goes on as if it had not been.
"""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from functools import partial

from sandbox.types import Step
from sandbox.world.check.coverage import Coverage
from sandbox.world.check.evidence import Evidence
from sandbox.world.native import State
from sandbox.world.native.admissible import commands_of
from sandbox.world.native.compiled import Draft
from sandbox.world.native.schema.effects import End
from sandbox.world.native.state import DARK, OPEN, RUNNING, ParsedCommand
from sandbox.world.solver import PlanStep
from sandbox.world.solver.agenda import Follow, Lookahead, agenda
from sandbox.world.solver.literals import Act
from sandbox.world.solver.planner import Done
from sandbox.world.solver.problem import Budget, Limits

_HARMLESS = frozenset({"take", "open", "unlock", "wait", "examine", "read", "look"})
"""Actions after which one can do what one could before, where no rule is about them."""
_ROUNDS = 4


@dataclass(slots=True)
class DeadEnd:
    """A command after which nobody can win any more, and the way to it."""

    command: str
    way: tuple[PlanStep, ...]


@dataclass(slots=True)
class Tour:
    """What a tour has seen."""

    coverage: Coverage
    evidence: Evidence
    deadline: float
    dead_ends: dict[str, DeadEnd] = field(default_factory=dict)
    best: dict[str, float] = field(default_factory=dict)
    """The highest score of each seat on the way."""
    won: set[str] = field(default_factory=set)
    """Seats that won on the way."""
    states: int = 0
    _tried: set[tuple[int, ParsedCommand]] = field(default_factory=set)

    def late(self) -> bool:
        return time.monotonic() > self.deadline

    def go(self) -> None:
        """Go round from each beginning, then to what has not been seen yet, one after the other."""
        for start in self.evidence.starts[:8]:
            self._round(start, endings=False)
        for start in self.evidence.starts[:1]:
            for goal in self._missing(endings=True):
                if self.late():
                    return
                if self.evidence.spread.reaches(goal) and not self._seen(goal):
                    self._one(start, goal, self._done(goal))
            for number, seat in enumerate(self.evidence.world.seats):
                goal = self.evidence.goal((seat,))
                if seat not in self.won and not self.late() and self.evidence.spread.reaches(goal):
                    bit = 1 << number
                    self._one(start, goal, lambda state, bit=bit: bool(state.core.winners & bit))  # type: ignore[misc]

    def watch(self, start: State, moves: tuple[PlanStep, ...], choose: Follow | None = None) -> None:
        """Note what a walkthrough shows; `choose` says what chance does, else it is as the generator says."""
        walk = _Walk(self, start)
        for seat, command in moves:
            after = choose(walk.state, seat, command) if choose is not None else None
            walk.state = walk.step(walk.state, seat, command, after)

    # Going round

    def _round(self, start: State, endings: bool) -> None:
        goals = [goal for goal in self._missing(endings) if self.evidence.spread.reaches(goal)]
        walk = _Walk(self, start)
        for _ in range(_ROUNDS):
            spread = self.evidence.planner.spread(walk.state)
            left = [goal for goal in goals if spread.reaches(goal) and not self._seen(goal)]
            if not left or self.late() or walk.state.core.ended != RUNNING:
                return
            jobs = agenda(self.evidence.grounding, spread, left)
            before = walk.steps
            ahead = Lookahead(self.evidence.world, walk.state, jobs, walk.follow)
            walk.state = ahead.run(lambda state: self.late())
            if walk.steps == before:
                return

    def _one(self, start: State, goal: int, done: Done) -> None:
        """Plan for one thing that was not seen, and see whether it comes to pass."""
        planner = self.evidence.planner
        left = max(min(self.deadline - time.monotonic(), 1.0), 0.01)
        moves = planner.plan(start, goal, done, Budget(Limits(states=400, seconds=left)))
        if moves is not None:
            self.watch(start, moves, partial(planner.follow, goal=goal, done=done))

    def _done(self, goal: int) -> Done:
        """Whether a state shows what a goal is about, or would with one command more."""
        name = self.evidence.grounding.facts[goal]
        assert isinstance(name, tuple)
        endings = [f"endings.{ending}" for ending in self.evidence.world.definition.endings]
        if name[0] == "fires" and name[1] in endings:
            number = endings.index(name[1])
            return lambda state: state.core.ended == number
        planner = self.evidence.planner
        return lambda state: planner.spread(state, goal).costs[goal] <= 1

    def _seen(self, goal: int) -> bool:
        name = self.evidence.grounding.facts[goal]
        assert isinstance(name, tuple)
        match name:
            case ("fires", key):
                return key in self.coverage.fired
            case ("been", room):
                return room in self.coverage.rooms
            case ("got", thing):
                return thing in self.coverage.held
        return False

    def _missing(self, endings: bool) -> list[int]:
        """Facts for what has not been seen yet."""
        grounding, coverage, seats = self.evidence.grounding, self.coverage, self.evidence.world.compiled.seats
        compiled = grounding.compiled
        found: list[int] = []
        for room in range(compiled.rooms):
            if room not in coverage.rooms:
                found.append(self._wish(("been", room), [("in", seat, room) for seat in seats]))
        for thing in sorted(grounding.removable):
            if thing not in coverage.held:
                found.append(self._wish(("got", thing), [("has", thing, seat) for seat in seats]))
        for key in coverage.keys:
            if key in coverage.fired or ("fires", key) not in grounding.number:
                continue
            if endings or not self._ends(key):
                found.append(grounding.number["fires", key])
        self.evidence.spread = grounding.spread(self.evidence.true, self.evidence.values)
        return found

    def _ends(self, key: str) -> bool:
        """Whether a rule or event ends the world."""
        if key.startswith("endings."):
            return True
        do = getattr(self.coverage.model_at(key), "do", ())
        return any(isinstance(effect, End) for effect in do)

    def _wish(self, name: tuple[str, int], facts: list[tuple[str, int, int]]) -> int:
        grounding = self.evidence.grounding
        if name not in grounding.number:
            wish = grounding.fact(name)
            for fact in facts:
                seat = fact[1] if fact[0] == "in" else fact[2]
                label = Act(seat, None, f"{name[0]} {name[1]}")
                grounding.add((grounding.fact(fact),), (wish,), 1, label)
        return grounding.number[name]


class _Walk:
    """A tour under way."""

    def __init__(self, tour: Tour, start: State) -> None:
        self.tour = tour
        self.state = start
        self.moves: list[PlanStep] = []
        self.steps = 0
        self.points = dict.fromkeys(tour.evidence.world.seats, 0.0)
        self.hopeful = not tour.evidence.planner.hopeless(start, tour.evidence.won)
        tour.coverage.note(start)

    def follow(self, state: State, seat: str, text: str) -> State:
        """Take a step of the tour, unless it is a dead end or the end."""
        self.tour.coverage.attempt(state, seat, text)
        results = [step for _, step in self.tour.evidence.planner.problem.results(state, seat, text)]
        for step in results:
            self._count(step)
        good = [step.state for step in results if not self._is_dead(state, seat, text, step.state)]
        going = [after for after in good if after.core.ended == RUNNING]
        return self.step(state, seat, text, going[0]) if going else state

    def step(self, state: State, seat: str, text: str, after: State | None) -> State:
        """Take a step, to a state that chance allows or to the one that the generator chooses."""
        tour, world = self.tour, self.tour.evidence.world
        tour.coverage.attempt(state, seat, text)
        step = world.step(state, seat, text)
        if after is not None and after != step.state:
            results = tour.evidence.planner.problem.results(state, seat, text)
            step = next((each for _, each in results if each.state == after), step)
        if step.state.core == state.core:
            return state
        self.steps += 1
        tour.states += 1
        self.moves.append(PlanStep(seat, text))
        self._count(step)
        for each, gained in step.rewards.items():
            self.points[each] += gained
        tour.coverage.note(step.state)
        self._look(step.state)
        return step.state

    def _count(self, step: Step[State]) -> None:
        """Keep the points and the wins that a step brings."""
        tour = self.tour
        for each, gained in step.rewards.items():
            tour.best[each] = max(tour.best.get(each, 0.0), self.points[each] + gained)
        tour.won |= {s for i, s in enumerate(tour.evidence.world.seats) if step.state.core.winners >> i & 1}

    def _look(self, state: State) -> None:
        """Try what the state allows besides: texts that were not seen, and commands that may be mistakes."""
        tour = self.tour
        seat = tour.evidence.world.to_move(state)
        if seat is None or tour.late():
            return
        if tour.coverage.open:
            for command in dict.fromkeys(tour.coverage.probes(state, seat)):
                tour.coverage.attempt(state, seat, command)
        number = tour.evidence.world.compiled.index[seat]
        draft = Draft(tour.evidence.world.compiled, state, number)
        here = draft.here()
        for listed in commands_of(draft, number):
            if (here, listed) in tour._tried or not _could_harm(draft, listed):
                continue
            tour._tried.add((here, listed))
            text = tour.evidence.world.compiled.phrase(listed)
            tour.coverage.attempt(state, seat, text)
            for _, step in tour.evidence.planner.problem.results(state, seat, text):
                self._is_dead(state, seat, text, step.state)

    def _is_dead(self, before: State, seat: str, text: str, after: State) -> bool:
        """Whether a step led to where nobody can win any more; if so, it is kept."""
        tour = self.tour
        if not self.hopeful or after.core.ended != RUNNING or after.core == before.core:
            return False
        world = tour.evidence.world
        command = world.compiled.known.get(text)
        draft = Draft(world.compiled, before, world.compiled.index[seat])
        if command is not None and not _could_harm(draft, command) and not world.compiled.events:
            return False
        if not tour.evidence.planner.hopeless(after, tour.evidence.won):
            return False
        tour.coverage.note(after)
        way = (*self.moves, PlanStep(seat, text))
        known = tour.dead_ends.get(text)
        if known is None or len(way) < len(known.way):
            tour.dead_ends[text] = DeadEnd(text, way)
        return True


def _could_harm(draft: Draft, command: ParsedCommand) -> bool:
    """Whether a command may do what cannot be undone: it is no harmless one, or a rule is about it."""
    compiled = draft.compiled
    if command.action == "go":
        here = draft.here()
        way = compiled.entities[here].ways[command.text]
        back = [w for w in compiled.entities[way.to].ways.values() if w.to == here and w.passable is None]
        free = any(w.door < 0 or draft.flags(w.door) & OPEN for w in back)
        ruled = (
            compiled.rules_after("enter", -1) or compiled.rules_after("go", -1) or compiled.rules_instead("go", -1)
        )
        return not free or bool(ruled)
    ruled = compiled.rules_after(command.action, command.thing) or compiled.rules_instead(
        command.action, command.thing
    )
    if ruled:
        return True
    if command.action in ("drop", "switch_off", "close"):
        return not draft.is_lit(draft.here()) or bool(draft.flags(draft.here()) & DARK)
    return command.action not in _HARMLESS and command.action not in ("wear", "take_off", "switch_on", "give")
