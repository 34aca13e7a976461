"""Reasoning about a world by search: its state graph, shortest walkthroughs, dead ends, reachable scores.

Everything works on any `World` that lists its admissible commands. Where the state space is small the answers are
proofs; where it is not, the answers come from samples and say so.
"""

from sandbox.world.solver.graph import ChanceOutcome, Edge, Graph, PlanStep, SearchNode, explore
from sandbox.world.solver.native import problem_of
from sandbox.world.solver.problem import (
    Limits,
    Problem,
    SearchProgress,
    Situation,
)
from sandbox.world.solver.solution import Solution, replay, solution_in
from sandbox.world.solver.walkthrough import solve

__all__ = [
    "Edge",
    "Graph",
    "Limits",
    "PlanStep",
    "SearchNode",
    "ChanceOutcome",
    "Problem",
    "SearchProgress",
    "Situation",
    "Solution",
    "explore",
    "problem_of",
    "replay",
    "solution_in",
    "solve",
]
