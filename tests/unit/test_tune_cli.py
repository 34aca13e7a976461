"""`sandbox tune` and `sandbox adapter` as far as no model is needed."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from sandbox.cli import adapter, tune
from sandbox.cli.context import Context
from sandbox.errors import UsageError
from sandbox.paths import Home
from sandbox.tune.adapters import Adapters, describe

app = typer.Typer()
app.command("tune")(tune.tune)
app.add_typer(adapter.app, name="adapter")


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, list(arguments), obj=Context(home=Home(home)), catch_exceptions=False)


@pytest.fixture
def home(tmp_path: Path) -> Path:
    adapters = Adapters.of(tmp_path / "saves" / "friday")
    for parent in ("base", "sft-1"):
        name = adapters.new_id("sft")
        about = describe(
            name,
            parent=parent,
            model="m",
            method="sft",
            data="ab" * 32,
            settings={"rank": 16},
            examples={"win": 3},
        )
        adapters.publish(about, b"weights", {})
    return tmp_path


def test_adapters_are_listed_as_a_tree_shown_used_and_rolled_back(home: Path) -> None:
    assert "    sft-2" in run(home, "adapter", "list", "friday").output
    listed = json.loads(run(home, "adapter", "list", "friday", "--json").output)
    assert [(each["id"], each["parent"]) for each in listed] == [("sft-1", "base"), ("sft-2", "sft-1")]
    assert "3 win" in run(home, "adapter", "show", "friday", "sft-1").output
    run(home, "adapter", "use", "friday", "sft-2")
    assert Adapters.of(home / "saves" / "friday").active == "sft-2"
    assert "base is in use" in run(home, "adapter", "rollback", "friday").output
    run(home, "adapter", "delete", "friday", "sft-2")
    assert "sft-2" not in run(home, "adapter", "list", "friday").output
    with pytest.raises(UsageError, match="no adapter 'sft-9'"):
        run(home, "adapter", "use", "friday", "sft-9")


def test_a_round_without_anything_to_learn_from_is_refused(home: Path) -> None:
    with pytest.raises(UsageError, match="no save 'monday'"):
        run(home, "tune", "monday")
    with pytest.raises(UsageError, match="grpo plays to learn"):
        run(home, "tune", "monday", "--method", "grpo")
    with pytest.raises(UsageError, match="no round to resume"):
        run(home, "tune", "friday", "--resume")
    with pytest.raises(UsageError, match=r"--set turn=3 is no setting.*turns"):
        run(home, "tune", "friday", "--set", "turn=3")
    with pytest.raises(UsageError, match="rank: Input should be"):
        run(home, "tune", "friday", "--set", "rank=0")
    with pytest.raises(UsageError, match="no language model to train"):
        run(home, "tune", "new", "--worlds", "tw:coin?seed=1..2", "--agent", "q-table")


def test_a_gate_that_cannot_be_measured_is_refused(home: Path) -> None:
    for wrong in (("--tolerance", "0"), ("--tolerance", "2"), ("--confidence", "0.4"), ("--confidence", "1")):
        with pytest.raises(UsageError, match="cannot be measured"):
            run(home, "tune", "friday", *wrong)
