"""The bench of rounds goes on where it was interrupted, and counts only the time in which a round was at work."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import pytest

from sandbox.bench import rounds as bench
from sandbox.session.runner import Episode
from sandbox.tune import gate, rounds
from sandbox.tune.rounds import Round, RoundPlan


def episodes(won: bool) -> list[Episode]:
    return [
        Episode(world=f"w{i}", seed=0, won=won, score=won, max_score=1, steps=5 + i if won else 25, commands=())
        for i in range(4)
    ]


@pytest.fixture
def started(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Rounds in the place of real ones: the first attempt at each is interrupted."""
    calls: list[str] = []
    outcome = gate.compare(episodes(False), episodes(True)).model_dump()

    def write(round_: Round, *events: dict[str, object]) -> None:
        with (round_.folder / "events.jsonl").open("a") as file:
            file.writelines(json.dumps(event) + "\n" for event in events)

    def start(plan: RoundPlan, **_: object) -> Round:
        calls.append(f"start {plan.sources[0]}")
        made = Round(plan.save / "rounds" / "1")
        made.folder.mkdir(parents=True)
        (made.folder / "plan.json").write_text(plan.model_dump_json())
        write(made, {"event": "started", "at": 0.0}, {"event": "step", "at": 120.0, "step": 1, "of": 2})
        return made

    def resume(round_: Round, **_: object) -> Round:
        calls.append(f"resume {round_.plan.sources[0]}")
        write(
            round_,
            {"event": "started", "at": 6000.0},
            {"event": "gate", "at": 6060.0, "outcome": outcome},
            {"event": "finished", "at": 6060.0, "adapter": "sft-1", "memory_gib": 2.5},
        )
        return round_

    monkeypatch.setattr(rounds, "start", start)
    monkeypatch.setattr(rounds, "resume", resume)
    monkeypatch.setattr(bench.registry, "open_world", lambda world: SimpleNamespace(close=lambda: None))
    monkeypatch.setattr(bench, "_speedup", lambda quick, progress: 3.0)
    monkeypatch.setattr(bench, "_cost", lambda method: {"peak_gib": 2.0, "seconds_per_pair": 9.0})
    return calls


def test_it_goes_on_where_it_was_and_measures_nothing_twice(tmp_path: Path, started: list[str]) -> None:
    def run() -> dict[str, float]:
        report = bench.run(tmp_path, quick=False, speed_only=False, progress=lambda text: None)
        return {figure.name: figure.value for figure in report.figures}

    for source in ("demonstrations", "selfplay"):
        with pytest.raises(rounds.RoundError, match=f"from {source} failed"):
            run()
    found = run()
    one_each = ["start demonstrations", "resume demonstrations", "start selfplay", "resume selfplay"]
    assert started == one_each and run() == found and started == one_each
    assert found["won_before_of_4"] == 0 and found["won_after_selfplay_of_4"] == 4
    assert found["steps_on_average_selfplay"] == 6.5 and found["steps_on_average_before"] == 25
    assert found["minutes_demonstrations"] == 3.0 and found["peak_memory_gib"] == 2.5
    assert found["dpo_peak_gib"] == found["kto_peak_gib"] == 2.0 and found["kto_seconds_per_pair"] == 9.0
