"""The graph of a world's states, explored breadth first and, where that is too much, sampled by random walks."""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Callable, Hashable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Generic, NamedTuple, TypeVar

from sandbox.types import World
from sandbox.world.solver.native import problem_of
from sandbox.world.solver.problem import DEFAULT_LIMITS, Budget, Limits, Problem, SearchProgress, Situation

S = TypeVar("S")

Visit = Callable[[S, Situation], None]
"""Called once for each state that is found."""


class PlanStep(NamedTuple):
    """One command of a walkthrough."""

    seat: str
    command: str


@dataclass(frozen=True, slots=True)
class ChanceOutcome:
    """One thing that may come of a command."""

    probability: float
    target: int
    rewards: Mapping[str, float]
    ended: bool
    """The episode ends with it, ..."""
    cut: bool = False
    """... because it was cut off by a limit."""


@dataclass(frozen=True, slots=True)
class Edge:
    """A command in a state, and all that may come of it."""

    command: str
    outcomes: tuple[ChanceOutcome, ...]


@dataclass(slots=True)
class SearchNode:
    """One state. `parent` and `command` lead back to a start, the way it was first reached."""

    seat: str | None
    winners: frozenset[str]
    depth: int = 0
    parent: int = -1
    command: str = ""
    expanded: bool = False
    """All commands of this state have been followed."""
    edges: list[Edge] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Graph:
    """What is known of a world's states."""

    seats: tuple[str, ...]
    nodes: Sequence[SearchNode]
    roots: Mapping[int, float]
    """Where episodes start, with the probability of each."""
    stopped: str = ""
    """What the search ran out of: `states`, `seconds`; empty where it ran to its end."""

    @property
    def complete(self) -> bool:
        """Every state that can be reached is here: answers are proofs."""
        return all(node.expanded for node in self.nodes)

    @property
    def method(self) -> str:
        """How the answers were found, in words for a person."""
        if self.complete:
            return f"proved by exhaustive search of {len(self.nodes):,} states"
        return f"sampled: {len(self.nodes):,} states seen, more exist"

    @property
    def edges(self) -> int:
        return sum(len(node.edges) for node in self.nodes)

    def way(self, index: int) -> list[int]:
        """The states on the way from a start to a state, both ends included."""
        way = [index]
        while (index := self.nodes[index].parent) >= 0:
            way.append(index)
        return way[::-1]

    def path(self, index: int) -> tuple[PlanStep, ...]:
        """The commands that lead from a start to a state. Where chance has a say, with luck."""
        nodes = [self.nodes[i] for i in self.way(index)]
        return tuple(PlanStep(a.seat or "", b.command) for a, b in pairwise(nodes))

    def wins(self, seat: str | None = None) -> list[int]:
        """States in which this seat has won, or any seat; nearest first."""
        found = (i for i, node in enumerate(self.nodes) if (seat in node.winners if seat else node.winners))
        return sorted(found, key=lambda i: self.nodes[i].depth)

    def best_score(self, seat: str) -> float:
        """The highest sum of rewards that a seat can have on any way through the graph, with luck.

        Infinite where it can go round in a circle that pays each time.
        """
        best = [float("-inf")] * len(self.nodes)
        came_from = [-1] * len(self.nodes)
        waiting = deque(self.roots)
        queued = set(waiting)
        for index in waiting:
            best[index] = 0.0
        while waiting:
            index = waiting.popleft()
            queued.discard(index)
            for edge in self.nodes[index].edges:
                for outcome in edge.outcomes:
                    reward = outcome.rewards.get(seat, 0.0)
                    target, score = outcome.target, best[index] + reward
                    if score <= best[target] + 1e-9:
                        continue
                    # Only a circle that pays can raise a state above what it was worth when the way began there.
                    if reward > 0 and _leads_back(came_from, index, target):
                        return float("inf")
                    best[target], came_from[target] = score, index
                    if target not in queued:
                        queued.add(target)
                        waiting.append(target)
        return max(best)

    def hopeful(self) -> set[int]:
        """States from which somebody may still win: those that lead to a win or to a state not looked into.

        To run out of time is no dead end either.
        """
        before: list[list[int]] = [[] for _ in self.nodes]
        for index, node in enumerate(self.nodes):
            for edge in node.edges:
                for outcome in edge.outcomes:
                    before[outcome.target].append(index)
        waiting = [
            index
            for index, node in enumerate(self.nodes)
            if node.winners or not node.expanded or any(o.cut for edge in node.edges for o in edge.outcomes)
        ]
        hopeful = set(waiting)
        while waiting:
            for index in before[waiting.pop()]:
                if index not in hopeful:
                    hopeful.add(index)
                    waiting.append(index)
        return hopeful

    def dead_ends(self) -> list[int]:
        """States in play from which nobody can win any more, nearest first. Certain even if more states exist."""
        hopeful = self.hopeful()
        dead = (i for i, node in enumerate(self.nodes) if node.seat is not None and i not in hopeful)
        return sorted(dead, key=lambda i: self.nodes[i].depth)

    def transitions(self, seat: str | None = None) -> tuple[dict[str, list[tuple[float, int, float, bool]]], ...]:
        """The graph as a decision process: `[state][command]` lists (probability, successor, reward, ended).

        The reward is the seat's own, or without a seat the sum of all. All seats are decided by one mind.
        """

        def reward(rewards: Mapping[str, float]) -> float:
            return sum(rewards.values()) if seat is None else rewards.get(seat, 0.0)

        return tuple(
            {
                edge.command: [(o.probability, o.target, reward(o.rewards), o.ended) for o in edge.outcomes]
                for edge in node.edges
            }
            for node in self.nodes
        )


def _leads_back(came_from: list[int], index: int, target: int) -> bool:
    """Whether the best known way to a state passes another, or goes round in a circle itself."""
    for _ in came_from:
        if index in (target, -1):
            break
        index = came_from[index]
    return index != -1


class _Explorer(Generic[S]):
    """The graph while it grows."""

    def __init__(self, problem: Problem[S], visit: Visit[S] | None) -> None:
        self.problem = problem
        self.visit = visit
        self.index: dict[Hashable, int] = {}
        self.nodes: list[SearchNode] = []
        self.states: list[S] = []
        self.commands: list[tuple[str, ...]] = []
        self.followed: dict[tuple[int, str], Edge] = {}

    def intern(self, state: S, parent: int = -1, command: str = "") -> int:
        """The number of a state, looked at if it is new."""
        key = self.problem.key(state)
        known = self.index.get(key)
        if known is not None:
            return known
        situation = self.problem.look(state)
        if self.visit is not None:
            self.visit(state, situation)
        depth = self.nodes[parent].depth + 1 if parent >= 0 else 0
        self.nodes.append(SearchNode(situation.seat, situation.winners, depth, parent, command))
        self.states.append(state)
        self.commands.append(situation.commands)
        self.index[key] = len(self.nodes) - 1
        return len(self.nodes) - 1

    def follow(self, index: int, command: str) -> Edge:
        """The edge of a command, carried out if it has not been before."""
        if (index, command) in self.followed:
            return self.followed[index, command]
        node = self.nodes[index]
        assert node.seat is not None
        edge = Edge(
            command,
            tuple(
                ChanceOutcome(
                    probability,
                    self.intern(step.state, index, command),
                    step.rewards,
                    step.terminated or step.truncated,
                    step.truncated,
                )
                for probability, step in self.problem.results(self.states[index], node.seat, command)
            ),
        )
        node.edges.append(edge)
        node.expanded = len(node.edges) == len(self.commands[index])
        self.followed[index, command] = edge
        return edge


def explore(
    world: World[S],
    *,
    seed: int = 0,
    limits: Limits = DEFAULT_LIMITS,
    chance: bool = True,
    problem: Problem[S] | None = None,
    goal: Callable[[frozenset[str]], bool] | None = None,
    visit: Visit[S] | None = None,
    progress: SearchProgress | None = None,
) -> Graph:
    """The states that can be reached from the start, breadth first, up to the limits.

    Args:
        world: the world to explore.
        seed: of the initial state, and of the random walks.
        limits: where to stop; if states are left then, random walks from the start look at what lies deeper.
        chance: follow all that chance may do, where the world can tell.
        problem: the world as a search problem, if not as `problem_of(world, chance)` gives it.
        goal: stop as soon as a state's winners satisfy this; nodes are found nearest first.
        visit: called once for each state.
        progress: called now and then.
    """
    explorer = _Explorer(problem or problem_of(world, chance), visit)
    nodes = explorer.nodes
    budget = Budget(limits, progress)
    roots: dict[int, float] = {}
    for probability, state in explorer.problem.starts(seed):
        index = explorer.intern(state)
        roots[index] = roots.get(index, 0.0) + probability
    waiting = deque(roots)
    looked_at, stopped = 0, ""
    while waiting and not stopped:
        index = waiting.popleft()
        nodes[index].expanded = not explorer.commands[index]
        for command in explorer.commands[index]:
            explorer.follow(index, command)
        waiting.extend(range(max(looked_at, len(roots)), len(nodes)))
        if goal is not None and any(goal(node.winners) for node in nodes[looked_at:]):
            return Graph(world.seats, nodes, roots)
        looked_at = len(nodes)
        stopped = budget.spent(len(nodes), len(waiting))
    if stopped and goal is None:
        _walk(explorer, list(roots), random.Random(seed), budget)
    return Graph(world.seats, nodes, roots, stopped)


def _walk(explorer: _Explorer[S], roots: Sequence[int], generator: random.Random, budget: Budget) -> None:
    """Random walks from the start, into the parts that breadth-first search did not come to."""
    for _ in range(budget.limits.walks):
        index = generator.choice(roots)
        for _ in range(budget.limits.steps):
            if not explorer.commands[index]:
                explorer.nodes[index].expanded = True
                break
            outcomes = explorer.follow(index, generator.choice(explorer.commands[index])).outcomes
            index = generator.choices(outcomes, [outcome.probability for outcome in outcomes])[0].target
            if budget.late():
                return
