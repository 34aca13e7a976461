"""Walkthroughs: a shortest one by breadth-first search, or a short one by novelty search where that is too much.

Novelty search is the best-first width search of Lipovetzky and Geffner (*Best-First Width Search*, AAAI 2017):
those states come first that show a fact, or a pair of facts, never seen before at the same score.
"""

from __future__ import annotations

import heapq
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from sandbox.types import World
from sandbox.world.solver.graph import Graph, PlanStep, explore
from sandbox.world.solver.native import problem_of
from sandbox.world.solver.problem import DEFAULT_LIMITS, Budget, Facts, Limits, Problem, Progress

S = TypeVar("S")


@dataclass(frozen=True, slots=True)
class Solution:
    """A way to win, and how sure it is that there is none shorter."""

    moves: tuple[PlanStep, ...]
    winners: frozenset[str]
    shortest: bool
    """Proved to be as short as any."""
    states: int
    """How many states were looked at."""


def replay(world: World[S], moves: Iterable[PlanStep], seed: int = 0) -> S | None:
    """The state that the moves lead to; None where one comes out of turn or after the end."""
    state = world.initial(seed)
    for seat, command in moves:
        if world.to_move(state) != seat:
            return None
        state = world.step(state, seat, command).state
    return state


def winners(world: World[S], state: S) -> frozenset[str]:
    """The seats that have won in this state."""
    seen = (world.observe(state, seat) for seat in world.seats)
    return frozenset(observation.seat for observation in seen if observation.done and observation.won)


def solve(
    world: World[S],
    *,
    seed: int = 0,
    seats: Sequence[str] | None = None,
    limits: Limits = DEFAULT_LIMITS,
    progress: Progress | None = None,
) -> Solution | None:
    """The commands that win, for all seats jointly; None where no win was found.

    Where chance has a say they win with this seed: the moves are replayed as they would be in play.

    Args:
        world: a world that lists its commands.
        seed: of the initial state.
        seats: who has to win; without it, all seats if they can win together, otherwise whoever wins first.
        limits: for breadth-first search, and again for novelty search.
        progress: called now and then.
    """
    wanted = frozenset(seats) if seats is not None else frozenset(world.seats)
    graph = explore(
        world, seed=seed, limits=limits, chance=False, goal=lambda won: wanted <= won, progress=progress
    )
    found = solution_in(graph, seats)
    if found is not None or graph.complete:
        return found
    search = _NoveltySearch(problem_of(world, chance=False), wanted, anyone=seats is None)
    moves = search.run(world.initial(seed), Budget(limits, progress))
    if moves is None:
        return None
    moves = shorten(world, moves, seed=seed)
    end = replay(world, moves, seed)
    assert end is not None
    return Solution(moves, winners(world, end), False, len(graph.nodes) + len(search.nodes))


def solution_in(graph: Graph, seats: Sequence[str] | None = None) -> Solution | None:
    """The nearest win in a graph that was explored breadth first and without chance, of most seats together."""
    wins = [i for i in graph.wins() if seats is None or graph.nodes[i].winners.issuperset(seats)]
    if not wins:
        return None
    best = max(wins, key=lambda i: (len(graph.nodes[i].winners), -graph.nodes[i].depth))
    return Solution(graph.path(best), graph.nodes[best].winners, True, len(graph.nodes))


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
