"""A single seat: what a language model's prior and a learner bring, alone and together, in the same steps."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from statistics import fmean

import yaml

from sandbox import paths, statistics
from sandbox.bench.learning.plot import Panel
from sandbox.bench.learning.trial import LATELY, FinishedTrials, LearningCurve, Trial
from sandbox.bench.learning.units import BenchQuestion, Findings, Result, UnitContext
from sandbox.bench.report import Figure
from sandbox.statistics import Interval
from sandbox.tune.collect import expand

GAMES = "tw:custom?quest=2..5&seed=3001..3005"
QUICK_GAMES = "tw:custom?quest=2..3&seed=3001"
PUZZLE = "honey"
WITHOUT = "lm-q, no model"
"""The card of `lm-q` without its language model: what of the difference to `q-table` is not the model's doing."""
SEEDS = 3
BUDGET, QUICK_BUDGET = 1000, 300
EPISODE = 30
"""Steps after which an episode is cut off."""

SITUATION = "\nprompt: {shows: situation}\n"
"""What a model reads is then the same in the same state, and its prior comes from the decision cache."""


def cards() -> Mapping[str, str]:
    """The texts of the cards by row. Those that come with the package, but for what is said here."""
    random, q_table, lm, lm_q = (bundled(name) for name in ("random", "q-table", "lm", "lm-q"))
    return {
        "random": random,
        "q-table": q_table,
        "drrn": with_learner(q_table, "drrn"),
        "lm": lm + SITUATION,
        "lm-q": lm_q + SITUATION,
        WITHOUT: without_model(lm_q),
        "q-head": with_learner(lm_q, "q-head") + SITUATION,
    }


def games(context: UnitContext) -> BenchQuestion:
    """All agents in the generated games."""
    worlds = expand(QUICK_GAMES if context.quick else GAMES)
    title = f"{len(worlds)} TextWorld games"
    trials = _trials(context, worlds)

    def show(results: list[Result]) -> Findings:
        found = FinishedTrials(trials, results, "game")
        ratio = steps_ratio(found, "lm-q", "q-table")
        alone = steps_ratio(found, "lm-q", WITHOUT)
        return Findings(
            [
                *table(title, found),
                Figure.at_most("steps_ratio_lmq_to_q", ratio.value, 0.5).within(ratio),
                Figure("steps_ratio_lmq_to_lmq_without_model", alone.value).within(alone),
            ],
            [panel(title, found)],
        )

    return BenchQuestion(trials, show)


def puzzle(context: UnitContext) -> BenchQuestion:
    """All agents in the puzzle world."""
    trials = _trials(context, [PUZZLE])

    def show(results: list[Result]) -> Findings:
        found = FinishedTrials(trials, results, "seed")
        return Findings(table(PUZZLE, found), [panel(PUZZLE, found)])

    return BenchQuestion(trials, show)


def table(title: str, trials: FinishedTrials) -> list[Figure]:
    """A row for each agent."""
    figures = []
    for row in trials.rows:
        clusters = trials.clusters(row)
        lengths = [steps for curves in clusters for curve in curves for steps in curve.greedy_steps]

        def mean(
            measure: Callable[[LearningCurve], float], clusters: list[list[LearningCurve]] = clusters
        ) -> Interval:
            return statistics.mean([fmean(map(measure, curves)) for curves in clusters])

        name = f"{title}/{row}"
        won, area = mean(lambda curve: curve.greedy_won), mean(lambda curve: curve.area)
        mastered = statistics.median([fmean(curve.mastered for curve in curves) for curves in clusters])
        figures += [
            Figure(f"{name}/won", won.value).within(won),
            Figure(f"{name}/steps to learn", mastered.value).within(mastered),
            Figure(f"{name}/area", area.value).within(area),
        ]
        if lengths:
            figures.append(Figure(f"{name}/steps of a win", fmean(lengths)))
    return figures


def steps_ratio(trials: FinishedTrials, row: str, to: str) -> Interval:
    """Median over games of one agent's steps to learn by another's, each the mean of its seeds.

    A game that was not learned counts with the whole budget, for either: where both fail the ratio is 1.
    """
    pairs = zip(trials.clusters(row), trials.clusters(to), strict=True)
    return statistics.median(
        [fmean(a.mastered for a in ours) / fmean(b.mastered for b in theirs) for ours, theirs in pairs]
    )


def panel(title: str, trials: FinishedTrials) -> Panel:
    return Panel(
        title, "environment steps", f"latest {LATELY} episodes won", [trials.curve(row) for row in trials.rows]
    )


def without_model(card: str) -> str:
    """The same card with no language model: every command has the same prior."""
    return "\n".join(line for line in card.splitlines() if not line.startswith("model:"))


def with_learner(card: str, learner: str) -> str:
    """The same card with another learner of default settings."""
    parsed = yaml.safe_load(card)
    return str(yaml.safe_dump({**parsed, "learner": {"kind": learner}}, sort_keys=False))


def bundled(name: str) -> str:
    """The text of a card that comes with the package, whatever the user's own folder has under its name."""
    return (paths.bundled() / "agents" / f"{name}.yaml").read_text(encoding="utf-8")


def _trials(context: UnitContext, worlds: Sequence[str]) -> list[Trial]:
    budget = QUICK_BUDGET if context.quick else BUDGET
    return [
        Trial(row, card, world, seed, budget, EPISODE)
        for world in worlds
        for row, card in cards().items()
        for seed in range(1 if context.quick else SEEDS)
    ]
