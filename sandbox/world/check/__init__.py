"""What is wrong with a native world: read off its definition, and found by playing it in every way there is."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from sandbox.errors import Finding
from sandbox.world.check.coverage import Coverage
from sandbox.world.check.play import findings_of_play
from sandbox.world.check.structure import findings_of_structure
from sandbox.world.native import NativeWorld
from sandbox.world.solver import Graph, Limits, Progress, Solution, explore, solution_in, solve
from sandbox.world.solver.native import idle_things

__all__ = ["Checked", "check"]

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
    world: NativeWorld, *, limits: Limits = CHECK_LIMITS, seed: int = 0, progress: Progress | None = None
) -> Checked:
    """Everything that is wrong, or odd, in a world that can be loaded. Exhaustive where the limits allow.

    Args:
        world: the world.
        limits: of the search through its states.
        seed: of random walks, and of the walkthrough.
        progress: called now and then with the states known and those still to be looked into.
    """
    started = time.monotonic()
    coverage = Coverage(world)
    graph = explore(world, seed=seed, limits=limits, visit=coverage.visit, progress=progress)
    if graph.complete and not world.random and len(graph.roots) == 1:
        solution = solution_in(graph)
    else:
        solution = solve(world, seed=seed, limits=limits, progress=progress)
    coverage.look_into(graph, seconds=limits.seconds / 2)
    best = {seat: graph.best_score(seat) for seat in world.seats}
    findings = [
        *findings_of_structure(world, coverage),
        *coverage.findings(),
        *findings_of_play(world, graph, solution, best),
    ]
    order = {"error": 0, "warning": 1, "note": 2}
    findings.sort(key=lambda finding: (order[finding.severity], finding.line or 0, finding.key))
    return Checked(
        findings=tuple(dict.fromkeys(findings)),
        proved=graph.complete,
        states=len(graph.nodes),
        method=graph.method,
        best_scores=best,
        solution=solution,
        dead_ends=len(graph.dead_ends()) if graph.wins() else 0,
        idle=tuple(sorted(idle_things(world.definition))),
        seconds=time.monotonic() - started,
        graph=graph,
    )
