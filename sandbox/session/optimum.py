"""How far the learned values are from the true optimum, where a world is small enough to know that.

The optimum is Q* of the world's own rewards, by value iteration over all states (`sandbox world values` prints
it). It is found once, off the session's thread: worlds are pure. Comparing is quick, on the session's thread.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from dataclasses import dataclass
from time import sleep
from typing import TYPE_CHECKING, Any

from sandbox.session import worlds
from sandbox.types import Learning, QFunction

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.types import Observation, World
    from sandbox.world.solver import Situation

STATES, SECONDS = 3_000, 15.0
"""A world with more states, or that takes longer to explore, is too large."""


@dataclass(frozen=True, slots=True)
class WorldOptimum:
    """Q* of a world."""

    fingerprint: str
    """Of the world as it was."""
    gamma: float
    places: Mapping[Hashable, int]
    """Number of each state, by what identifies it."""
    states: tuple[Observation, ...]
    """How each state looks to the seat."""
    q_values: tuple[Mapping[str, float], ...]
    """Q* of each command in each state; none in those where the world has ended."""

    @property
    def unavoidable(self) -> float:
        """The least that max |Q - Q*| can be: states that look alike to the seat share their Q."""
        seen: dict[tuple[str, str], list[float]] = {}
        for state, q_values in zip(self.states, self.q_values, strict=True):
            for command, value in q_values.items():
                seen.setdefault((state.state_key, command), []).append(value)
        return max(((max(values) - min(values)) / 2 for values in seen.values()), default=0.0)


@dataclass(frozen=True, slots=True)
class Gap:
    """Q beside Q*."""

    here: tuple[tuple[str, float, float], ...]
    """Command, Q and Q* where the seat is now, best first."""
    largest: float | None
    """max over all states and commands of |Q - Q*|; None where the learner is too slow to be asked about all."""
    unavoidable: float
    """As `Optimum.unavoidable`."""
    states: int
    gamma: float


def learner_of(session: Session) -> QFunction | None:
    """What the agent of the only seat has learned; None where that is no Q-function, or they are several."""
    agents = list(session.seats.values())
    learner = agents[0].learner if len(agents) == 1 and isinstance(agents[0], Learning) else None
    return learner if isinstance(learner, QFunction) else None


def searching(session: Session, closed: Callable[[], bool]) -> Callable[[], WorldOptimum | None] | None:
    """What finds the optimum; None where there is nothing to compare it with, or the world cannot be searched.

    Args:
        session: what is played.
        closed: asked now and then; the search gives up when nobody waits for it any more.
    """
    learner = learner_of(session)
    if learner is None or worlds.adventure(session.world) is None:
        return None
    world, seat, gamma = session.world, session.world.seats[0], learner.gamma
    return lambda: find(world, seat, gamma, closed)


_BREATH = 32
"""After so many states the search lets other threads come to their turn."""


class _ClosedError(Exception):
    """Nobody waits any more."""


def find(
    world: World[Any], seat: str, gamma: float, closed: Callable[[], bool] = lambda: False
) -> WorldOptimum | None:
    """The optimum; None where the world is too large, or a circle in it pays for ever."""
    from sandbox.rl.value_iteration import FiniteMDP, value_iteration
    from sandbox.world.solver import Limits, explore, problem_of

    problem = problem_of(world)
    places: dict[Hashable, int] = {}
    states: list[Observation] = []

    def visit(state: Any, _situation: Situation) -> None:
        if closed():
            raise _ClosedError
        if not len(states) % _BREATH:
            sleep(0.001)
        places[problem.key(state)] = len(states)
        states.append(world.observe(state, seat))

    limits = Limits(states=STATES, seconds=SECONDS, walks=0)
    try:
        graph = explore(world, problem=problem, limits=limits, visit=visit)
    except _ClosedError:
        return None
    if not graph.complete:
        return None
    solved = value_iteration(FiniteMDP(graph.transitions(seat)), gamma=gamma)
    if not solved.converged:
        return None
    return WorldOptimum(world.fingerprint, gamma, places, tuple(states), solved.q_values)


def gap(session: Session, optimum: WorldOptimum) -> Gap | None:
    """Q as it is now beside the optimum; None where that is another world's by now."""
    from sandbox.rl.tabular import TabularQ
    from sandbox.world.solver import problem_of

    learner = learner_of(session)
    if learner is None or session.world.fingerprint != optimum.fingerprint:
        return None
    key = problem_of(session.world).key(session.world.load(session.current.snapshot))
    best = optimum.q_values[optimum.places[key]] if key in optimum.places else {}
    commands = sorted(best, key=lambda command: (-round(best[command], 9), command))
    here = learner.values(session.observation(), commands)
    largest = None
    if isinstance(learner, TabularQ):
        largest = max(
            abs(value - q_values[command])
            for state, q_values in zip(optimum.states, optimum.q_values, strict=True)
            for command, value in zip(q_values, learner.values(state, list(q_values)), strict=True)
        )
    rows = tuple((command, value, best[command]) for command, value in zip(commands, here, strict=True))
    return Gap(rows, largest, optimum.unavoidable, len(optimum.states), optimum.gamma)
