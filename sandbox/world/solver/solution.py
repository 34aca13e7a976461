"""A way to win, and playing it again."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sandbox.types import World
from sandbox.world.solver.graph import Graph, PlanStep

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


def solution_in(graph: Graph, seats: Sequence[str] | None = None) -> Solution | None:
    """The nearest win in a graph that was explored breadth first and without chance, of most seats together."""
    wins = [i for i in graph.wins() if seats is None or graph.nodes[i].winners.issuperset(seats)]
    if not wins:
        return None
    best = max(wins, key=lambda i: (len(graph.nodes[i].winners), -graph.nodes[i].depth))
    return Solution(graph.path(best), graph.nodes[best].winners, True, len(graph.nodes))
