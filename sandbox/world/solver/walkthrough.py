"""Walkthroughs: a shortest one by breadth-first search, or a short one by novelty search where that is too much.

Native worlds are solved by `planned`. Novelty search is the best-first width search of Lipovetzky and Geffner
(*Best-First Width Search*, AAAI 2017): those states come first that show a fact, or a pair of facts, never seen
before at the same score.
"""

from __future__ import annotations

import heapq
import time
from collections.abc import Hashable, Sequence
from dataclasses import replace
from typing import Generic, NamedTuple, TypeVar

from sandbox.types import World
from sandbox.world.native import NativeWorld
from sandbox.world.solver.graph import PlanStep, explore
from sandbox.world.solver.native import problem_of
from sandbox.world.solver.planned import solve_native
from sandbox.world.solver.problem import DEFAULT_LIMITS, Budget, Facts, Limits, Problem, SearchProgress
from sandbox.world.solver.solution import Solution, replay, solution_in, winners

S = TypeVar("S")


def solve(
    world: World[S],
    *,
    seed: int = 0,
    seats: Sequence[str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: SearchProgress | None = None,
) -> Solution | None:
    """The commands that win, for all seats jointly; None where no win was found.

    Where chance has a say they win with this seed: the moves are replayed as they would be in play.

    Args:
        world: a world that lists its commands.
        seed: of the initial state.
        seats: who has to win; without it, all seats if they can win together, otherwise whoever wins first.
        limits: of the whole search.
        progress: called now and then.
    """
    if isinstance(world, NativeWorld):
        found, _ = solve_native(world, seed, seats, limits, progress)
        return found
    started = time.monotonic()
    wanted = frozenset(seats) if seats is not None else frozenset(world.seats)
    graph = explore(
        world, seed=seed, limits=limits, chance=False, goal=lambda won: wanted <= won, progress=progress
    )
    found = solution_in(graph, seats)
    if found is not None or graph.complete:
        return found
    search = _NoveltySearch(problem_of(world, chance=False), wanted, anyone=seats is None)
    left = max(limits.seconds - (time.monotonic() - started), 0.1)
    moves = search.run(world.initial(seed), Budget(replace(limits, seconds=left), progress))
    if moves is None:
        return None
    moves = shorten(world, moves, seed=seed)
    end = replay(world, moves, seed)
    assert end is not None
    return Solution(moves, winners(world, end), False, len(graph.nodes) + len(search.nodes))


def shorten(
    world: World[S], moves: Sequence[PlanStep], *, seed: int = 0, replays: int = 5_000
) -> tuple[PlanStep, ...]:
    """The moves without detours: spans go as long as what is left still wins for the same seats, longest first."""
    start = replay(world, moves, seed)
    assert start is not None
    goal, best = winners(world, start), tuple(moves)
    length = len(best) // 2
    while length > 0 and replays > 0:
        at = 0
        while at + length <= len(best) and replays > 0:
            shorter = best[:at] + best[at + length :]
            end = replay(world, shorter, seed)
            replays -= 1
            if end is not None and goal <= winners(world, end):
                best = shorter
            else:
                at += 1
        length -= 1
    return best


class _Reached(NamedTuple):
    parent: int
    move: PlanStep | None


class _NoveltySearch(Generic[S]):
    """Best-first search for a win, the most novel states first, then those with the higher score."""

    def __init__(self, problem: Problem[S], wanted: frozenset[str], anyone: bool) -> None:
        self.problem = problem
        self.wanted = wanted
        self.anyone = anyone
        self.nodes: list[_Reached] = []
        self.seen: set[Hashable] = set()
        self.facts: dict[float, set[Hashable]] = {}

    def run(self, start: S, budget: Budget) -> tuple[PlanStep, ...] | None:
        heap: list[tuple[int, float, int, S, Facts, float]] = []
        self._push(heap, start, -1, None, frozenset(), 0.0)
        while heap:
            if budget.spent(len(self.nodes), len(heap)):
                return None
            _, _, index, state, facts, score = heapq.heappop(heap)
            situation = self.problem.look(state)
            if self.wanted <= situation.winners or (self.anyone and situation.winners):
                return self._path(index)
            for command in situation.commands:
                assert situation.seat is not None
                ((_, step),) = self.problem.results(state, situation.seat, command)
                gained = score + sum(step.rewards.get(seat, 0.0) for seat in self.wanted)
                self._push(heap, step.state, index, PlanStep(situation.seat, command), facts, gained)
        return None

    def _push(
        self,
        heap: list[tuple[int, float, int, S, Facts, float]],
        state: S,
        parent: int,
        move: PlanStep | None,
        before: Facts,
        score: float,
    ) -> None:
        key = self.problem.key(state)
        if key in self.seen:
            return
        self.seen.add(key)
        facts = self.problem.facts(state)
        index = len(self.nodes)
        self.nodes.append(_Reached(parent, move))
        heapq.heappush(heap, (self._novelty(facts, before, score), -score, index, state, facts, score))

    def _novelty(self, facts: Facts, before: Facts, score: float) -> int:
        """1 where a fact is new at this score, 2 where a pair is, 3 where nothing is."""
        if score not in self.facts:
            self.facts[score], before = set(), frozenset()
        known = self.facts[score]
        changed = facts - before
        if not changed <= known:
            known |= changed
            novelty = 1
        else:
            novelty = 3
        size = len(known)
        known.update(frozenset((one, other)) for one in changed for other in facts if one != other)
        return novelty if novelty == 1 or len(known) == size else 2

    def _path(self, index: int) -> tuple[PlanStep, ...]:
        moves = []
        while index >= 0:
            index, move = self.nodes[index]
            if move is not None:
                moves.append(move)
        return tuple(reversed(moves))
