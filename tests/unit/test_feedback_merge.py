"""Raw records of several people, merged: nothing twice, nothing lost, nothing where it does not belong."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.errors import SaveError
from sandbox.feedback.book import FeedbackBook
from sandbox.session.session import Session
from sandbox.store import Store, upkeep


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A save of four turns and a sibling, and two forks of it."""
    session = Session.create(
        Store.create(tmp_path / "saves" / "origin"), CaveWorld(), {"digger": TableAgent()}, seed=3, annotator="ann"
    )
    for _ in range(4):
        session.step()
    session.rate(1)
    session.undo()
    session.act("east" if session.timeline.node(5).command != "east" else "west")
    session.close()
    for name in ("bo", "cy"):
        upkeep.fork(tmp_path / "saves" / "origin", tmp_path / "saves" / name)
    return tmp_path


def call(home: Path, *arguments: str) -> str:
    result = CliRunner().invoke(app, ["--home", str(home), "feedback", *arguments], env={"COLUMNS": "300"})
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout


def say(home: Path, name: str) -> None:
    """One record of every kind."""
    store = Store.open(home / "saves" / name)
    session = Session.resume(store, CaveWorld(), {"digger": TableAgent()}, annotator=name)
    session.new_episode(seed=77)  # so that ids differ from save to save
    session.act("dig")
    session.rate(2, turn=2, reasons=["clever"])
    session.credit(-1, turn=4)
    session.prefer(5, 6)
    session.prefer_proposal(2, 0, turn=3, comment="of course")
    session.correct("west", turn=2)
    session.comment("well", turn=4)
    session.retract(session.rate(-2, turn=3).id)
    session.close()


def book(home: Path, name: str) -> FeedbackBook:
    with Store.open(home / "saves" / name, readonly=True) as store:
        return FeedbackBook(store.feedback())


def exported(home: Path, name: str) -> str:
    call(home, "export", name, "--format", "raw", "--out", str(home / f"raw-{name}"))
    return str(home / f"raw-{name}" / "train.jsonl")


def test_records_of_a_fork_are_merged_once(home: Path) -> None:
    say(home, "bo")
    file = exported(home, "bo")
    assert "8 records added, 1 were there already, 0 " in call(home, "import", file, "--into", "cy")
    assert "0 records added, 18 were there already, 0 " in call(home, "import", file, file, "--into", "cy")
    theirs, ours = book(home, "bo"), book(home, "cy")
    assert [(each.kind, each.turn, each.value, each.data, each.annotator) for each in ours.standing()] == [
        (each.kind, each.turn, each.value, each.data, each.annotator) for each in theirs.standing()
    ]
    assert [ours.value(turn) for turn in range(2, 7)] == [theirs.value(turn) for turn in range(2, 7)]


def test_merging_both_ways_gives_both_the_same(home: Path) -> None:
    say(home, "bo")
    say(home, "cy")
    files = {name: exported(home, name) for name in ("bo", "cy")}
    call(home, "import", files["bo"], "--into", "cy")
    call(home, "import", files["cy"], "--into", "bo")
    ids = []
    for name in ("bo", "cy"):
        call(home, "export", name, "--format", "raw", "--out", str(home / f"again-{name}"))
        lines = (home / f"again-{name}" / "train.jsonl").read_text().splitlines()
        ids.append(sorted(json.loads(line)["id"] for line in lines))
    assert ids[0] == ids[1]
    assert len(ids[0]) == len(set(ids[0])) == 1 + 2 * 8


def test_what_the_save_does_not_have_is_left_out(home: Path) -> None:
    session = Session.create(Store.create(home / "saves" / "far"), CaveWorld(), {}, seed=99)
    session.act("dig")
    session.rate(1)
    session.close()
    assert "0 records added, 0 were there already, 1 are about turns" in call(
        home, "import", exported(home, "far"), "--into", "cy"
    )


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"value": 1e9}, "value"),
        ({"id": "no"}, "id"),
        ({"kind": "no kind"}, "kind"),
        ({"annotator": ""}, "annotator"),
        ({"kind": "credit", "data": {"shares": 7}}, "damaged"),
        ({"kind": "correction", "value": None, "data": {"command": ["x"]}}, "command"),
    ],
)
def test_a_record_out_of_bounds_adds_nothing(home: Path, change: dict[str, object], said: str) -> None:
    say(home, "bo")
    lines = Path(exported(home, "bo")).read_text().splitlines()
    bad = json.loads(lines[1]) | {"id": "0" * 32} | change
    file = home / "bad.jsonl"
    file.write_text("\n".join([*lines, json.dumps(bad)]))
    with pytest.raises(SaveError, match=said):
        call(home, "import", str(file), "--into", "cy")
    assert len(book(home, "cy").standing()) == 1


def test_a_file_of_something_else_is_named_with_its_line(home: Path) -> None:
    file = home / "notes.txt"
    file.write_text("\nhello\n")
    with pytest.raises(SaveError, match=r"notes\.txt:2: no raw record"):
        call(home, "import", str(file), "--into", "cy")
