"""What is wrong with a native world: read off its definition, and found by playing it in every way there is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field, replace

from sandbox.errors import Finding
from sandbox.world.check.coverage import Coverage
from sandbox.world.check.dead_ends import entrances, nearest
from sandbox.world.check.evidence import Evidence
from sandbox.world.check.play import findings_of_play
from sandbox.world.check.structure import findings_of_structure
from sandbox.world.check.talk import findings_of_talk
from sandbox.world.check.tour import DeadEnd, Tour
from sandbox.world.native import NativeWorld
from sandbox.world.solver import Graph, Limits, SearchProgress, Solution, explore, solution_in, solve
from sandbox.world.solver.native import idle_things
from sandbox.world.solver.problem import SETTLING

__all__ = ["Checked", "check"]

SAMPLING = 20.0
"""Seconds for looking at more states, at most, where something has not been seen that may be there."""
MAX_DEAD_ENDS = 12
SECONDS_A_DEAD_END = 1.0
"""Spent on the shortest way into a dead end, at most."""
CHECK_LIMITS = Limits(states=40_000, seconds=60.0, walks=300, steps=300)


@dataclass(frozen=True, slots=True)
class Checked:
    """The findings, and how much was looked at."""

    findings: tuple[Finding, ...]
    proved: bool
    """All states were visited: what is said of them is certain."""
    states: int
    method: str
    """How the answers were found, in words."""
    best_scores: dict[str, float]
    """The highest score of each seat that was found; the highest there is, where proved."""
    solution: Solution | None
    dead_ends: int
    idle: tuple[str, ...]
    """Things left out of the search, because nothing depends on them."""
    seconds: float
    graph: Graph = field(repr=False)

    @property
    def errors(self) -> int:
        return sum(finding.severity == "error" for finding in self.findings)


def check(
    world: NativeWorld, *, limits: Limits = CHECK_LIMITS, seed: int = 0, progress: SearchProgress | None = None
) -> Checked:
    """Everything that is wrong, or odd, in a world that can be loaded. Exhaustive where the limits allow.

    Args:
        world: the world.
        limits: of the search through its states.
        seed: of random walks, and of the walkthrough.
        progress: called now and then with the states known and those still to be looked into.
    """
    started = time.monotonic()

    def left(share: float) -> float:
        """So much of the time that is left, in seconds."""
        return max(limits.seconds - (time.monotonic() - started), 0.02) * share

    coverage = Coverage(world)
    evidence = Evidence(world, coverage)
    coverage.settle(evidence.silent)
    searching = replace(limits, seconds=left(0.7), waiting=min(limits.waiting, SETTLING), walks=0)
    graph = explore(world, seed=seed, limits=searching, visit=coverage.visit, progress=progress)
    if graph.complete and not world.random and len(graph.roots) == 1:
        solution = solution_in(graph)
    else:
        solution = solve(world, seed=seed, limits=replace(limits, seconds=left(0.4)), progress=progress)
    tour = Tour(coverage, evidence, time.monotonic() + left(0.6))
    if not graph.complete:
        if solution is not None:
            tour.watch(world.initial(seed), solution.moves)
        tour.go()
    coverage.look_into(graph, seconds=left(0.5))
    if coverage.open and not graph.complete:
        # Something has not been seen that may be there: look at more states, and walk at random.
        coverage.begin_anew()
        more = replace(limits, seconds=min(left(0.5), SAMPLING))
        graph = explore(world, seed=seed, limits=more, visit=coverage.visit, progress=progress)
        coverage.look_into(graph, seconds=left(0.6))
    dead_ends = _dead_ends(graph, tour, evidence, time.monotonic() + left(0.9))
    won = {seat for node in graph.nodes for seat in node.winners} | tour.won
    won |= solution.winners if solution is not None else frozenset()
    best = {seat: max(graph.best_score(seat), tour.best.get(seat, 0.0)) for seat in world.seats}
    findings = [
        *findings_of_structure(world, coverage, evidence),
        *coverage.findings(),
        *findings_of_play(world, graph, evidence, won, dead_ends, best, time.monotonic() + left(0.5)),
        *findings_of_talk(world, solution.winners if solution else frozenset(), time.monotonic() + left(0.9)),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    findings.sort(key=lambda finding: (order[finding.severity], finding.line or 0, finding.key))
    return Checked(
        findings=tuple(dict.fromkeys(world.source.placed(finding) for finding in findings)),
        proved=graph.complete,
        states=len(graph.nodes) + tour.states,
        method=_method(graph, tour),
        best_scores=best,
        solution=solution,
        dead_ends=max(len(graph.dead_ends()) if graph.wins() else 0, len(dead_ends) if won else 0),
        idle=tuple(sorted(idle_things(world.definition))),
        seconds=time.monotonic() - started,
        graph=graph,
    )


def _method(graph: Graph, tour: Tour) -> str:
    """How the answers were found, in words for a person."""
    if graph.complete:
        return graph.method
    return (
        f"sampled: {len(graph.nodes) + tour.states:,} states seen, more exist; what is said for certain is proved"
    )


def _dead_ends(graph: Graph, tour: Tour, evidence: Evidence, deadline: float) -> list[DeadEnd]:
    """The dead ends that were found, each by the shortest way known; nearest first."""
    found = entrances(graph)
    others = [dead for dead in tour.dead_ends.values() if dead.command not in found]
    for dead in sorted(others, key=lambda dead: len(dead.way))[:MAX_DEAD_ENDS]:
        seconds = min(deadline - time.monotonic(), SECONDS_A_DEAD_END)
        found[dead.command] = nearest(evidence, dead, seconds) if seconds > 0.02 else dead
    return sorted(found.values(), key=lambda dead: len(dead.way))
