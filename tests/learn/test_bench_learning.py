"""What the benchmark of learning is made of: its measures by hand, its resuming, its truth, its picture."""

from __future__ import annotations

import io
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from rich.console import Console
from typer.testing import CliRunner

from sandbox.agent.cards import parse_card
from sandbox.bench import learning
from sandbox.bench.learning import combining, single, truth
from sandbox.bench.learning.plot import Panel, PlottedCurve, draw
from sandbox.bench.learning.trial import FinishedTrials, LearningCurve, Trial
from sandbox.bench.learning.units import BenchQuestion, Findings, Result, UnitContext
from sandbox.bench.report import Figure, Report, machine
from sandbox.cli import app
from sandbox.errors import UsageError
from sandbox.paths import Home
from sandbox.rl.tabular import TabularQ


def curve(*episodes: tuple[int, bool], budget: int = 100) -> LearningCurve:
    """From the lengths of the episodes, and whether each was won."""
    ends = np.cumsum([length for length, _ in episodes]).tolist()
    return LearningCurve(budget, ends, [won for _, won in episodes], greedy_won=1.0, greedy_steps=[])


def test_a_game_is_learned_at_the_third_win_running():
    assert curve((10, True), (10, True), (10, False), (5, True), (5, True), (5, True), (60, True)).mastered == 45
    assert curve((50, True), (50, True)).mastered == 100


def test_the_area_is_the_mean_of_the_curve():
    found = curve((10, False), (20, True), (30, False), (40, True))
    assert [found.lately(step, 1) for step in (9, 29, 30, 59, 60, 100)] == [0.0, 0.0, 1.0, 1.0, 0.0, 1.0]
    assert found.area == pytest.approx(np.mean([found.lately(step, 1) for step in range(100)]))
    assert curve((40, True), (60, False)).lately(100, 1) == 1.0


def test_a_point_of_the_curve_is_the_mean_of_the_latest_episodes():
    found = curve((10, False), (20, True), (30, False), (40, True))
    assert [found.lately(step, 2) for step in (9, 10, 30, 60, 100)] == [0.0, 0.0, 0.5, 0.5, 0.5]
    assert found.lately(100, 3) == pytest.approx(2 / 3)
    assert found.lately(100) == 0.5


def finished(**mastered: list[list[int]]) -> FinishedTrials:
    """By row, for each game, the steps to learn from each seed."""
    trials, results = [], []
    for row, games in mastered.items():
        for game, seeds in enumerate(games):
            for seed, steps in enumerate(seeds):
                trials.append(Trial(row, "", f"game {game}", seed, budget=100, episode=50))
                results.append(
                    {
                        "ends": [steps - 2, steps - 1, steps],
                        "won": [True] * 3,
                        "greedy_won": 1.0,
                        "greedy_steps": [],
                    }
                )
    return FinishedTrials(trials, results)


def test_the_ratio_is_the_median_over_games_of_means_over_seeds():
    trials = finished(ours=[[10, 20], [90, 90], [30, 30]], theirs=[[60, 60], [90, 90], [30, 90]])
    ratio = single.steps_ratio(trials, "ours", "theirs")
    assert ratio.value == pytest.approx(0.5)
    assert ratio.low == pytest.approx(0.25) and ratio.high == pytest.approx(1.0)


def test_the_games_are_the_units_of_an_interval_and_not_their_seeds():
    alike = finished(ours=[[10] * 9, [90] * 9])
    (found,) = [each for each in single.table("t", alike) if each.name == "t/ours/steps to learn"]
    assert (found.low, found.high) == (10, 90)


@dataclass(frozen=True)
class Squaring:
    """A unit that leaves a trace of having been run."""

    number: int
    traces: str

    label = place = "squaring"

    def run(self, home: Home) -> Result:
        with Path(self.traces).open("a") as file:
            file.write(f"{self.number}\n")
        return {"square": self.number**2}


@dataclass(frozen=True)
class Apart(Squaring):
    """One that shares no process with another."""

    @property
    def place(self) -> str:  # type: ignore[override]
        return str(self.number)


@pytest.mark.parametrize(("workers", "kind"), [(1, Squaring), (2, Apart)])
def test_a_run_goes_on_where_it_was(tmp_path, workers, kind):
    traces, said = tmp_path / "traces", []
    context = UnitContext(
        Home(tmp_path), workers=workers, kept=tmp_path / "new" / "kept.jsonl", progress=said.append
    )
    first = [kind(number, str(traces)) for number in (3, 1)]
    assert context.finish(first) == [{"square": 9}, {"square": 1}]
    assert "2 of 2" in said[-1]

    with context.kept.open("a") as file:  # a run that was killed while it wrote
        file.write('\n{"key": "abc", "resu')
    again = [kind(number, str(traces)) for number in (1, 2, 3)]
    assert context.finish(again) == [{"square": 1}, {"square": 4}, {"square": 9}]
    assert context.finish(again) == [{"square": 1}, {"square": 4}, {"square": 9}]
    assert sorted(traces.read_text().split()) == ["1", "2", "3"]
    assert len(context.kept.read_text().split("\n")) == 5


def test_a_trial_spends_its_budget_and_can_be_had_again(tmp_path):
    trial = Trial("q-table", single.cards()["q-table"], "honey", seed=1, budget=400, episode=30)
    result = trial.run(Home.find())
    assert result["ends"][-1] == 400 and len(result["won"]) == len(result["ends"])
    assert max(np.diff([0, *result["ends"]])) <= 30
    assert trial.run(Home.find()) == result
    other = Trial("q-table", trial.card, "honey", seed=2, budget=400, episode=30)
    assert other.run(Home.find()) != result


def test_the_cards_differ_in_what_they_are_named_after():
    cards = {row: parse_card(text, "card") for row, text in single.cards().items()}
    assert cards["lm-q"].model and cards[single.WITHOUT].model is None
    assert cards["lm-q"].combine == cards[single.WITHOUT].combine == cards["q-head"].combine
    kinds = {row: card.learner and card.learner.kind for row, card in cards.items()}
    assert (kinds["drrn"], kinds["q-head"], kinds["lm"], kinds["lm-q"]) == ("drrn", "q-head", None, "tabular")
    assert cards["lm-q"].prompt.shows == "situation"
    ways = [parse_card(combining.CARD + method, "card").combine for method in combining.METHODS.values()]
    assert len({way.model_dump_json() for way in ways}) == len(combining.METHODS)


class Exact:
    """Knows the optimum, less so much in the states of odd number."""

    def __init__(self, chart: truth.StateTable, off: float = 0.0) -> None:
        self.known = {}
        for number, (seen, row) in enumerate(zip(chart.observations, chart.optimum.q_values, strict=True)):
            if row:
                best = max(row, key=row.get)
                self.known[seen.state_key] = row | {best: row[best] - off * (number % 2)}

    def values(self, observation, commands):
        return [self.known[observation.state_key][command] for command in commands]


def test_learners_are_held_against_the_optimum():
    chart = truth.StateTable.of(Home.find())
    assert chart.error(Exact(chart)) == 0.0 and chart.optimal(Exact(chart)) == 1.0
    assert chart.error(Exact(chart, off=20.0)) == pytest.approx(20.0)
    assert 0.2 < chart.optimal(Exact(chart, off=20.0)) < 0.8

    learner, errors = TabularQ(alpha=1.0, gamma=truth.GAMMA, alpha_decay=0.65), []
    rng = np.random.default_rng(0)
    for sweeps in (20, 380):
        for transition in chart.sweeps(sweeps, rng):
            learner.update(transition)
        errors.append(chart.error(learner))
    assert errors[1] < 0.3 < errors[0]
    assert chart.optimal(learner) > 0.95


def test_curves_are_drawn(tmp_path):
    curve = PlottedCurve("lm-q", [0, 1, 2], [0, 0.5, 1], [0, 0.4, 0.9], [0, 0.6, 1])
    file = tmp_path / "plot.png"
    draw([Panel("games", "steps", "won", [curve])] * 3, file)
    assert file.read_bytes().startswith(b"\x89PNG") and file.stat().st_size > 10_000
    with pytest.raises(UsageError, match="plot cannot be written"):
        draw([], tmp_path / "missing" / "plot.png")


def test_figures_of_one_table_are_shown_as_one():
    figures = [
        Figure("games/lm-q/won", 0.9, low=0.8, high=1.0),
        Figure("games/lm-q/area", 0.7),
        Figure("games/random/won", 0.1),
        Figure.at_most("ratio", 0.4, 0.5),
    ]
    report = Report(machine(), 1.0, figures)
    console = Console(file=io.StringIO(), width=100)
    cross, rest = report.tables()
    console.print(cross)
    shown = console.file.getvalue()
    assert all(part in shown for part in ("games", "won", "area", "lm-q", "random", "0.9 (0.8 to 1)", "0.7"))
    assert cross.row_count == 2 and rest.row_count == 1
    assert report.as_json()["figures"][0]["low"] == 0.8


def test_the_command_writes_table_json_and_plot(tmp_path, monkeypatch):
    def square(number: int):
        def part(context: UnitContext) -> BenchQuestion:
            assert context.quick and context.workers == 1
            panel = Panel("p", "x", "y", [PlottedCurve("c", [0, 1], [0, 1])])
            return BenchQuestion(
                [Squaring(number, str(tmp_path / "traces"))],
                lambda results: Findings([Figure(f"{number} squared", results[0]["square"])], [panel]),
            )

        return part

    monkeypatch.setattr(learning, "PARTS", [square(3), square(4)])
    options = ["--quick", "--workers", "1", "--out", str(tmp_path), "--plot", str(tmp_path / "p.png")]
    for extra in ([], [], ["--fresh"]):
        ran = CliRunner().invoke(app, ["bench", "learning", *options, "--json", str(tmp_path / "j.json"), *extra])
        assert ran.exit_code == 0, ran.output
    figures = json.loads((tmp_path / "j.json").read_text())["figures"]
    assert [(each["name"], each["value"]) for each in figures] == [("3 squared", 9), ("4 squared", 16)]
    assert (tmp_path / "traces").read_text() == "4\n3\n" * 2
    assert (tmp_path / "p.png").exists() and "squared" in ran.output
