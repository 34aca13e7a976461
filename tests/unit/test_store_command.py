"""`sandbox save`, as a person calls it."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.errors import SaveError
from sandbox.session.session import Session
from sandbox.store import Store

Call = Callable[..., str]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    session = Session.create(
        Store.create(tmp_path / "saves" / "friday"), CaveWorld(), {"digger": TableAgent()}, seed=3
    )
    session.step()
    session.act("east")
    session.act("west")
    session.rate(-1, comment="back again")
    session.jump(2)
    session.act("dig", decision=session.decide())
    session.bookmark("crossroads")
    session.new_episode()
    session.close()
    return tmp_path


@pytest.fixture
def call(home: Path) -> Call:
    def run(*arguments: str) -> str:
        result = CliRunner().invoke(app, ["--home", str(home), "save", *arguments], env={"COLUMNS": "120"})
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return result.stdout

    return run


def test_the_list_says_what_there_is_and_what_is_broken(call: Call, home: Path) -> None:
    (home / "saves" / "old").mkdir()
    (home / "saves" / "old" / "save.db").write_text("not a database")
    told = call("list")
    assert "cave-1" in told
    assert "digger: table" in told
    assert "this is not a save" in told
    rows = {row["name"]: row for row in json.loads(call("list", "--json"))}
    assert (rows["friday"]["turns"], rows["friday"]["episodes"], rows["friday"]["feedback"]) == (4, 2, 1)


def test_a_tree_is_drawn_with_its_branches_and_marks(call: Call) -> None:
    lines = call("show", "friday").splitlines()
    assert "A cave" in lines[0]
    drawn = {line.strip("│├└─ ").split(" ")[0]: line for line in lines if ">" in line or "episode" in line}
    assert "digger> west" in drawn["4"]
    assert "* rating -1" in drawn["4"]
    assert "the agent was not asked" in drawn["3"]
    assert "[crossroads]" in drawn["5"]
    assert "<- here" in drawn["6"]
    depth = {number: line.index("digger") for number, line in drawn.items() if "digger" in line}
    assert depth["3"] == depth["5"] > depth["2"], (
        "the alternatives stand side by side below the turn they start from"
    )
    assert depth["4"] > depth["3"]


def test_a_turn_is_shown_in_full(call: Call) -> None:
    told = call("show", "friday", "--turn", "4")
    assert "digger> west" in told
    assert "rating -1 by anonymous back again" in told
    told = call("show", "friday", "--turn", "2")
    assert "What the agent considered" in told
    assert "I dig" in told


def test_a_fork_is_made_at_a_bookmark_and_verified(call: Call, home: Path) -> None:
    assert "sandbox play --save what-if" in call("fork", "friday", "what-if", "--at", "crossroads")
    assert "whole: all of its 6 turns" in call("verify", "what-if")
    with Store.open(home / "saves" / "what-if", readonly=True) as store:
        assert store.runs()[-1].cursor == 5
    assert "before" in call("compact", "what-if")


def test_an_export_is_lines_of_json(call: Call, tmp_path: Path) -> None:
    lines = call("export", "friday").splitlines()
    assert [json.loads(line)["type"] for line in lines] == ["run"] + ["turn"] * 6 + ["feedback", "mark"]
    call("export", "friday", "--output", str(tmp_path / "out.jsonl"))
    assert (tmp_path / "out.jsonl").read_text().splitlines() == lines


@pytest.mark.parametrize(
    "arguments",
    [("show", "none"), ("verify", "none"), ("fork", "none", "new"), ("fork", "friday", "x", "--at", "?")],
)
def test_what_does_not_exist_is_said(call: Call, home: Path, arguments: tuple[str, ...]) -> None:
    with pytest.raises(SaveError, match=r"no such save|no bookmark"):
        call(*arguments)
    assert [folder.name for folder in (home / "saves").iterdir()] == ["friday"]
