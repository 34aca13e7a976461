"""Best-first search for a goal in a native world, with the relaxation as its guide.

Each state that is looked into gets a relaxed plan (Hoffmann and Nebel 2001): its length is the estimate, its
first steps are the helpful commands, and carrying all of it out gives one more successor, far ahead. A state from
which not even the relaxation comes to the goal is given up for certain.
"""

from __future__ import annotations

import heapq
from collections.abc import Callable, Hashable
from dataclasses import dataclass

from sandbox.world.native import NativeWorld, State
from sandbox.world.native.state import RUNNING
from sandbox.world.solver.agenda import Lookahead, agenda
from sandbox.world.solver.graph import PlanStep
from sandbox.world.solver.grounding import Grounding
from sandbox.world.solver.literals import Act, Go
from sandbox.world.solver.native import NativeProblem
from sandbox.world.solver.problem import Budget
from sandbox.world.solver.relaxation import Spread

Done = Callable[[State], bool]


@dataclass(slots=True)
class _Opened:
    state: State
    parent: int
    moves: tuple[PlanStep, ...]


class Planner:
    """Plans for one world: its relaxation is made once."""

    def __init__(self, world: NativeWorld, *, chance: bool = False, grounding: Grounding | None = None) -> None:
        self.world = world
        self.problem = NativeProblem(world, chance)
        self.grounding = grounding or Grounding(world)
        self.looked = 0
        """States that were looked into so far."""

    def spread(self, state: State, goal: int = -1) -> Spread:
        """What can come true from a state."""
        true, values = self.grounding.read(state)
        return self.grounding.spread(true, values, goal)

    def hopeless(self, state: State, goal: int) -> bool:
        """Whether the goal is out of reach for certain."""
        return not self.spread(state, goal).reaches(goal)

    def plan(self, start: State, goal: int, done: Done, budget: Budget) -> tuple[PlanStep, ...] | None:
        """Commands that lead from a state to one that is `done`; None where none were found within the budget.

        Args:
            start: where to begin.
            goal: the fact that the relaxation aims at.
            done: whether a state is what was asked for.
            budget: how many states, and how long.
        """
        nodes = [_Opened(start, -1, ())]
        seen: set[Hashable] = {self.problem.key(start)}
        heap: list[tuple[int, int]] = [(0, 0)]
        if done(start):
            return ()
        while heap:
            _, index = heapq.heappop(heap)
            self.looked += 1
            if budget.spent(len(nodes), len(heap)):
                return None
            state = nodes[index].state
            spread = self.spread(state, goal)
            if state.core.ended != RUNNING or not spread.reaches(goal):
                continue
            jobs = agenda(self.grounding, spread, (goal,))
            estimate = len(jobs)
            ahead = Lookahead(
                self.world, state, jobs, lambda s, seat, text: self.follow(s, seat, text, goal, done)
            )
            end = ahead.run(done)
            if ahead.moves and self._new(end, seen):
                nodes.append(_Opened(end, index, tuple(ahead.moves)))
                if done(end):
                    return _path(nodes, len(nodes) - 1)
                heapq.heappush(heap, (self._estimate(end, goal), len(nodes) - 1))
            helpful = self._helpful(spread, goal)
            situation = self.problem.look(state)
            assert situation.seat is not None
            for command in situation.commands:
                for _, step in self.problem.results(state, situation.seat, command):
                    if self._new(step.state, seen):
                        nodes.append(_Opened(step.state, index, (PlanStep(situation.seat, command),)))
                        if done(step.state):
                            return _path(nodes, len(nodes) - 1)
                        cost = estimate + (0 if command in helpful else 2)
                        heapq.heappush(heap, (cost, len(nodes) - 1))
        return None

    def _new(self, state: State, seen: set[Hashable]) -> bool:
        key = self.problem.key(state)
        if key in seen:
            return False
        seen.add(key)
        return True

    def _estimate(self, state: State, goal: int) -> int:
        spread = self.spread(state, goal)
        return len(agenda(self.grounding, spread, (goal,))) if spread.reaches(goal) else 1 << 30

    def follow(self, state: State, seat: str, text: str, goal: int, done: Done) -> State:
        """Where a command leads; of what chance may do, what suits best."""
        results = self.problem.results(state, seat, text)
        if len(results) == 1:
            return results[0][1].state
        states = [step.state for _, step in results]
        return next((s for s in states if done(s)), None) or min(states, key=lambda s: self._estimate(s, goal))

    def _helpful(self, spread: Spread, goal: int) -> frozenset[str]:
        """Commands of the relaxed plan, as they are listed."""
        compiled, found = self.world.compiled, set()
        for index in spread.plan([goal]):
            label = self.grounding.operators[index].label
            if isinstance(label, Go):
                found.add(f"go {compiled.lexicon.direction_names[label.direction]}")
            elif isinstance(label, Act) and label.command is not None:
                try:
                    found.add(compiled.phrase(label.command))
                except (ValueError, KeyError):
                    continue
        return frozenset(found)


def _path(nodes: list[_Opened], index: int) -> tuple[PlanStep, ...]:
    parts = []
    while index >= 0:
        parts.append(nodes[index].moves)
        index = nodes[index].parent
    return tuple(move for part in reversed(parts) for move in part)
