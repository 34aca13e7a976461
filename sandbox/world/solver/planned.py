"""Walkthroughs of native worlds: proved shortest where all states up to a win can be seen, planned where not."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import replace

from sandbox.world.native import NativeWorld
from sandbox.world.solver.graph import Graph, explore
from sandbox.world.solver.improve import MAX_REFINED, improve
from sandbox.world.solver.planner import Done, Planner
from sandbox.world.solver.problem import SETTLING, Budget, Limits, SearchProgress
from sandbox.world.solver.solution import Solution, replay, solution_in, winners

IMPROVING = 2.0
"""Seconds that a plan is made shorter for, at most; long ones, on which little can be tried, for less."""


def solve_native(
    world: NativeWorld,
    seed: int,
    seats: Sequence[str] | None,
    limits: Limits,
    progress: SearchProgress | None,
    planner: Planner | None = None,
) -> tuple[Solution | None, Graph | None]:
    """A way to win for all the seats asked for, or, of none, for as many as can win together.

    Returns the solution, and the graph that was searched for it; no graph where the relaxation proves that there
    is no solution. All of it takes no longer than the limits say.
    """
    started = time.monotonic()
    planner = planner or Planner(world)
    start = world.initial(seed)
    all_seats = frozenset(world.compiled.seats)
    named = all_seats if seats is None else frozenset(world.compiled.index[seat] for seat in seats)
    reached = planner.spread(start)
    goals = [named] if seats is not None else [named, *(frozenset({s}) for s in sorted(named) if len(named) > 1)]
    facts = {wanted: planner.grounding.won(wanted) for wanted in goals}
    hopeful = [wanted for wanted in goals if reached.reaches(facts[wanted])]
    if not hopeful:
        return None, None
    wanted_ids = frozenset(world.seats) if seats is None else frozenset(seats)
    searching = replace(limits, seconds=limits.seconds / 2, waiting=min(limits.waiting, SETTLING))
    graph = explore(
        world,
        seed=seed,
        limits=searching,
        chance=False,
        goal=lambda won: wanted_ids <= won,
        progress=progress,
    )
    found = solution_in(graph, seats)
    if graph.complete or (found is not None and wanted_ids <= found.winners):
        return found, graph
    for wanted in hopeful:
        left = limits.seconds - (time.monotonic() - started)
        budget = Budget(replace(limits, seconds=max(left * 0.8, 0.05)), progress)
        plan = planner.plan(start, facts[wanted], _won(world, wanted), budget)
        if plan is not None:
            left = limits.seconds - (time.monotonic() - started)
            moves = improve(
                planner,
                start,
                plan,
                facts[wanted],
                _won(world, wanted),
                min(left / 2, IMPROVING if len(plan) <= MAX_REFINED else IMPROVING / 4),
            )
            end = replay(world, moves, seed)
            assert end is not None
            return Solution(moves, winners(world, end), False, len(graph.nodes) + planner.looked), graph
    if found is not None:
        return replace(found, shortest=False), graph
    return None, graph


def _won(world: NativeWorld, wanted: frozenset[int]) -> Done:
    bits = sum(1 << (seat - world.compiled.seats[0]) for seat in wanted)
    return lambda state: state.core.winners & bits == bits
