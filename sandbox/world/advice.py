"""What to do next, for a player who asks."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, TypeVar

from sandbox.world.native import NativeWorld, State
from sandbox.world.native.parser.hints import NextStep

if TYPE_CHECKING:
    from sandbox.world.solver.planner import Planner

STATES = 400
"""States of one search: they end it, not the time, so that a game that is played again gets the same hints."""

W = TypeVar("W")


def advised(world: W) -> W:
    """The world, with somebody to ask for hints where it is a native one."""
    if isinstance(world, NativeWorld):
        world.ask_for_hints(_Adviser(world))
    return world


class _Adviser:
    """Plans from where a seat stands. Its relaxation is made when it is asked first."""

    def __init__(self, world: NativeWorld) -> None:
        self._world = world
        self._planner: Planner | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self._world,)

    def __call__(self, state: State, seat: int) -> NextStep:
        from sandbox.world.solver.planner import Planner  # not before somebody asks: it takes a moment
        from sandbox.world.solver.problem import Budget, Limits

        self._planner = planner = self._planner or Planner(self._world, chance=True)
        bit = 1 << (seat - self._world.compiled.seats[0])
        goal = planner.grounding.won(frozenset((seat,)))
        if planner.hopeless(state, goal):
            return NextStep(hopeless=True)
        limits = Limits(states=STATES, seconds=30.0)
        plan = planner.plan(state, goal, lambda after: bool(after.core.winners & bit), Budget(limits))
        name = self._world.compiled.ids[seat]
        own = next((move.command for move in plan or () if move.seat == name), "")
        return NextStep(self._world.compiled.known.get(own))
