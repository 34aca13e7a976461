"""The bench of GPUs: it says where there is none, and measures a processor in its place when asked to."""

from __future__ import annotations

import json
from pathlib import Path

import torch
from typer.testing import CliRunner

from sandbox.cli import app


def test_where_there_is_no_gpu_it_says_so() -> None:
    outcome = CliRunner().invoke(app, ["bench", "gpu", "--device", "cuda"])
    if torch.cuda.is_available():
        return
    assert outcome.exit_code != 0
    assert "no cuda device" in f"{outcome.exception}"


def test_a_processor_is_measured_when_asked_to(tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "gpu.json"
    arguments = ["bench", "gpu", "--device", "cpu", "--quick", "--model", str(tiny_model), "--json", str(out)]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    report = json.loads(out.read_text())
    assert (report["machine"]["device"], report["machine"]["dtype"]) == ("cpu", "float32")
    figures = {figure["name"]: figure["value"] for figure in report["figures"]}
    assert list(figures) == [
        "seconds_per_decision_20",
        "sampled_tokens_per_second",
        "decisions_per_second_one_game",
        "decisions_per_second_2_games",
        "parallel_2_speedup",
        "training_tokens_per_second",
        "minutes_demonstrations_round_4",
    ]
    assert all(value > 0 for value in figures.values())
