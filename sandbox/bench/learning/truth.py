"""Learners against the truth: the Bellman optimum of a small world of chance, computed from its probabilities.

The learners know no probabilities: they are shown what comes of one command in one state, over and over, each pair
as often as any other ("exploring starts"; Sutton & Barto, 2nd ed., ch. 5.3), as chance will have it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np

from sandbox import statistics
from sandbox.bench.learning.units import BenchQuestion, Findings, Result, UnitContext
from sandbox.bench.report import Figure
from sandbox.paths import Home
from sandbox.rl.tabular import TabularQ
from sandbox.rl.value_iteration import FiniteMDP, Optimum, Outcome, value_iteration
from sandbox.types import Observation, QFunction, Transition
from sandbox.world import registry
from sandbox.world.solver import explore

WORLD = "honey"
GAMMA = 0.9
STAGES = ((1e-3, 8), (3e-4, 4), (1e-4, 4))
"""Step size of the DRRN's optimiser, and sweeps over all pairs with it."""
GOLDEN = (5**0.5 - 1) / 2
NEAR = 0.05
"""How far from the optimum a value may be, and still be called right. A win is worth about ten."""


def part(context: UnitContext) -> BenchQuestion:
    seeds = range(1 if context.quick else 3)
    checks = [Check(learner, seed) for learner in ("tabular", "drrn") for seed in seeds]

    def show(results: list[Result]) -> Findings:
        found = list(zip(checks, results, strict=True))
        error = max(result["error"] for check, result in found if check.learner == "tabular")
        share = statistics.mean([result["optimal"] for check, result in found if check.learner == "drrn"])
        return Findings(
            [
                Figure.at_most("qtable_max_error_to_optimum", error, NEAR),
                Figure.at_least("drrn_optimal_share", share.value, 0.95).within(share),
            ]
        )

    return BenchQuestion(checks, show)


@dataclass(frozen=True, slots=True)
class Check:
    """One learner against the optimum; a unit of work."""

    learner: str
    """`tabular` or `drrn`."""
    seed: int

    @property
    def label(self) -> str:
        return f"{self.learner} in {WORLD}, seed {self.seed}"

    @property
    def place(self) -> str:
        return self.learner

    def run(self, home: Home) -> Result:
        chart, rng = StateTable.of(home), np.random.default_rng(self.seed)
        learner: QFunction
        if self.learner == "tabular":
            learner = TabularQ(alpha=1.0, gamma=GAMMA, alpha_decay=0.65)
            _learn(learner, chart.sweeps(2_000, rng))
        else:
            learner = _neural(chart, rng, self.seed)
        return {"error": chart.error(learner), "optimal": chart.optimal(learner)}


def _neural(chart: StateTable, rng: np.random.Generator, seed: int) -> QFunction:
    """A DRRN whose step size falls, with a loss that goes for means and every experience replayed alike."""
    from sandbox.rl.drrn import DRRN

    learner = DRRN(gamma=GAMMA, n_step=1, batch=64, capacity=20_000, huber=20.0, priority=0.0, seed=seed)
    for learner.learning_rate, sweeps in STAGES:
        _learn(learner, chart.sweeps(sweeps, rng))
    return learner


def _learn(learner: QFunction, transitions: Iterator[Transition]) -> None:
    for transition in transitions:
        learner.update(transition)


@dataclass(frozen=True, slots=True)
class StateTable:
    """All states of the world in which there is something to do, and what comes of it."""

    observations: tuple[Observation, ...]
    """Of every node of the graph, finished ones included."""
    mdp: FiniteMDP
    optimum: Optimum

    @classmethod
    def of(cls, home: Home) -> StateTable:
        world = registry.open_world(WORLD, home=home)
        (seat,) = world.seats
        seen: list[Observation] = []
        graph = explore(world, visit=lambda state, _: seen.append(_with_points(world.observe(state, seat))))
        world.close()
        mdp = FiniteMDP(graph.transitions(seat))
        return cls(tuple(seen), mdp, value_iteration(mdp, gamma=GAMMA))

    def sweeps(self, count: int, rng: np.random.Generator) -> Iterator[Transition]:
        """Every command of every state, in an order drawn anew each time, with an outcome that is drawn too.

        The draws of a pair are a sequence of low discrepancy from a random start (Weyl 1916): any part of it
        has the outcomes in nearly their right shares, so that thousands of draws do what millions would.
        """
        pairs = [(state, command) for state, row in enumerate(self.mdp.transitions) for command in row]
        draws = rng.random(len(pairs))
        for _ in range(count):
            draws = (draws + GOLDEN) % 1.0
            for number in rng.permutation(len(pairs)):
                state, command = pairs[number]
                target, reward, ended = _outcome(self.mdp.transitions[state][command], draws[number])
                after = self.observations[target]
                yield Transition(
                    observation=self.observations[state],
                    command=command,
                    reward=reward,
                    next_observation=after,
                    candidates=() if ended else after.admissible or (),
                    terminated=ended,
                )

    def error(self, learner: QFunction) -> float:
        """The largest distance of a Q-value from the optimum's."""
        return max(
            abs(value - exact[command])
            for seen, exact in zip(self.observations, self.optimum.q_values, strict=True)
            for command, value in zip(exact, learner.values(seen, tuple(exact)), strict=True)
        )

    def optimal(self, learner: QFunction) -> float:
        """Share of the states in which the greedy command is worth as much as the best, less `NEAR` at most."""
        right = []
        for seen, exact in zip(self.observations, self.optimum.q_values, strict=True):
            if exact:
                values = learner.values(seen, tuple(exact))
                chosen = tuple(exact)[int(np.argmax(values))]
                right.append(exact[chosen] >= max(exact.values()) - NEAR)
        return sum(right) / len(right)


def _outcome(outcomes: Sequence[Outcome], drawn: float) -> tuple[int, float, bool]:
    """Successor, reward, and whether it is the end."""
    for probability, target, reward, ended in outcomes:  # noqa: B007
        drawn -= probability
        if drawn < 0:
            break
    return target, reward, ended


def _with_points(seen: Observation) -> Observation:
    """With the score in sight: without it two states that look alike differ in what is still to be had."""
    return replace(seen, inventory=f"{seen.inventory} Points: {seen.score:g}.")
