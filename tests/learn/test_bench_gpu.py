"""The bench of GPUs: it says where there is none, and measures a processor in its place when asked to."""

from __future__ import annotations

import json
import shutil
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


def test_models_are_measured_beside_each_other(tiny_model: Path, tmp_path: Path) -> None:
    out = tmp_path / "models.json"
    twin = tmp_path / "twin"
    shutil.copytree(tiny_model, twin)
    arguments = ["bench", "models", "--quick", "--device", "cpu", "--json", str(out)]
    arguments += ["--model", str(tiny_model), "--model", str(twin)]
    outcome = CliRunner().invoke(app, arguments)
    assert outcome.exit_code == 0, outcome.output
    figures = {figure["name"]: figure["value"] for figure in json.loads(out.read_text())["figures"]}
    columns = ("decision", "won of 1", "sampling", "training")
    assert list(figures) == [f"models/{name}/{column}" for name in ("tiny", "twin") for column in columns]
    assert all(value > 0 for name, value in figures.items() if "won" not in name)
    missing = CliRunner().invoke(app, ["bench", "models", "--model", str(tmp_path / "nothing")])
    assert missing.exit_code != 0


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
