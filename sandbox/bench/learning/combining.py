"""How a language model's prior and Q are best combined: the same model, learner and games for every way."""

from __future__ import annotations

from collections.abc import Mapping

from sandbox.bench.learning.single import SITUATION, panel, table
from sandbox.bench.learning.trial import FinishedTrials, Trial
from sandbox.bench.learning.units import BenchQuestion, Findings, Result, UnitContext
from sandbox.llm.catalogue import DEFAULT
from sandbox.tune.collect import expand

TITLE = "prior and Q"
GAMES = "tw:custom?quest=2..3&seed=3001"
QUICK_GAMES = "tw:custom?quest=2&seed=3001"
SEEDS = 5
BUDGET, QUICK_BUDGET = 1000, 200
EPISODE = 30

CARD = f"""\
persona: You are playing a text adventure. Explore, and do what the goal asks.
model: {DEFAULT}
learner: {{kind: tabular, alpha: 0.5, gamma: 0.9}}
{SITUATION}
"""
GREEDY = "explore: {epsilon: 0.1}"
SOFTMAX = "explore: {method: softmax, temperature: 1.0}"
METHODS: Mapping[str, str] = {
    "prior only": f"combine: {{method: prior, repeat_penalty: 0.5}}\n{GREEDY}",
    "Q only": f"combine: {{method: q}}\n{GREEDY}",
    "fixed weight": f"combine: {{method: standardised, repeat_penalty: 0.5}}\n{GREEDY}",
    "weight falling": f"combine: {{method: standardised, visit_decay: 0.2, repeat_penalty: 0.5}}\n{GREEDY}",
    "top 5, then Q": f"combine: {{method: top-k, top_k: 5, repeat_penalty: 0.5}}\n{GREEDY}",
    "sample 5, then exp(10 Q)": f"combine: {{method: sample-k, top_k: 5, q_weight: 10}}\n{SOFTMAX}",
    "puct": f"combine: {{method: puct, repeat_penalty: 0.5}}\n{GREEDY}",
}
"""What each card adds. The k of 5 and the a of 10 are those of the papers, see `sandbox.agent.combine`."""


def part(context: UnitContext) -> BenchQuestion:
    """Every method in the same games, from five seeds. The seeds are the units of the intervals."""
    trials = [
        Trial(row, CARD + method, world, seed, QUICK_BUDGET if context.quick else BUDGET, EPISODE)
        for world in expand(QUICK_GAMES if context.quick else GAMES)
        for row, method in METHODS.items()
        for seed in range(1 if context.quick else SEEDS)
    ]

    def show(results: list[Result]) -> Findings:
        found = FinishedTrials(trials, results, "seed")
        return Findings(table(TITLE, found), [panel(TITLE, found)])

    return BenchQuestion(trials, show)
