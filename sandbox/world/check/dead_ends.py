"""The shortest way into a dead end."""

from __future__ import annotations

import time

from sandbox.world.check.evidence import Evidence
from sandbox.world.check.tour import DeadEnd
from sandbox.world.native import State
from sandbox.world.native.compiled import Draft
from sandbox.world.native.scope import access
from sandbox.world.native.state import RUNNING
from sandbox.world.solver import Graph, PlanStep
from sandbox.world.solver.improve import improve
from sandbox.world.solver.problem import Budget, Limits


def entrances(graph: Graph) -> dict[str, DeadEnd]:
    """The commands that lead into dead ends of a graph, each with the nearest way; nearest first."""
    dead = graph.dead_ends()
    inside = set(dead)
    found: dict[str, DeadEnd] = {}
    for index in dead:
        node = graph.nodes[index]
        if node.parent not in inside:
            found.setdefault(node.command, DeadEnd(node.command, graph.path(index)))
    return found


def nearest(evidence: Evidence, dead_end: DeadEnd, seconds: float) -> DeadEnd:
    """The same dead end by a way that does nothing but go there, as short as can be found in so many seconds."""
    started = time.monotonic()
    world, planner = evidence.world, evidence.planner
    start = evidence.starts[0]
    seat, text = dead_end.way[-1]
    number = world.compiled.index[seat]
    before = _before(evidence, start, dead_end)
    if before is None:
        return dead_end
    room = _room(before, number)
    command = world.compiled.known.get(text)
    thing = command.thing if command is not None else -1

    def done(state: State) -> bool:
        if _room(state, number) != room or world.to_move(state) != seat or state.core.ended != RUNNING:
            return False
        if thing >= 0 and not access(Draft(world.compiled, state, number), number, thing):
            return False
        results = planner.problem.results(state, seat, text)
        return any(
            step.state.core != state.core
            and step.state.core.ended == RUNNING
            and planner.hopeless(step.state, evidence.won)
            for _, step in results
        )

    facts = [planner.grounding.fact(("in", number, room))]
    if thing >= 0:
        facts.append(planner.grounding.fact(("reach", thing, number)))
    goal = planner.grounding.all_of(facts)
    moves = planner.plan(start, goal, done, Budget(Limits(states=100, seconds=seconds / 2)))
    if moves is None or len(moves) >= len(dead_end.way):
        moves = dead_end.way[:-1]
    left = seconds - (time.monotonic() - started)
    if not world.random and left > 0:
        moves = improve(planner, start, moves, goal, done, left)
    return DeadEnd(text, (*moves, PlanStep(seat, text)))


def _before(evidence: Evidence, start: State, dead_end: DeadEnd) -> State | None:
    """The state in which the fatal command is given."""
    state = start
    for seat, text in dead_end.way[:-1]:
        results = evidence.planner.problem.results(state, seat, text)
        state = results[0][1].state
    return state if evidence.world.to_move(state) == dead_end.way[-1].seat else None


def _room(state: State, seat: int) -> int:
    return state.core.things[seat >> 5][seat & 31].parent
