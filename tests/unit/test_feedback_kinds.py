"""Kinds of feedback: one class each, from this package or another; unknown ones are kept."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent
from typer.testing import CliRunner

from sandbox import plugins
from sandbox.cli import app
from sandbox.errors import PlayError
from sandbox.feedback import kinds, records
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.judgements import judgements
from sandbox.render import formatting
from sandbox.session.session import Session
from sandbox.store import Store, upkeep

CHEER = """
from sandbox.feedback.kind import Judgement, Kind


class Cheer(Kind):
    loudness: int

    def rewards(self, record):
        return {record.turn: self.loudness / 10}

    def judgements(self, record, timeline):
        node = timeline.node(record.turn)
        yield Judgement(kind="cheer", state=node.parent, turn=node.id, seat=node.seat, good=(node.command,))

    def text(self, record, decision):
        return "hooray" + "!" * self.loudness
"""


@pytest.fixture
def cheer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """A package that offers a kind of feedback; undone by the fixture's `undo`, as if it were uninstalled."""
    folder = tmp_path / "guest" / "guest-1.0.dist-info"
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: guest\nVersion: 1.0\n")
    (folder / "entry_points.txt").write_text("[sandbox.feedback]\ncheer = guest_cheer:Cheer\n")
    (tmp_path / "guest" / "guest_cheer.py").write_text(CHEER)
    with monkeypatch.context() as patch:
        patch.syspath_prepend(str(tmp_path / "guest"))
        _forget()
        yield patch
    _forget()


def _forget() -> None:
    plugins.rows.cache_clear()
    plugins.offered.cache_clear()


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """A save of four turns, and a fork."""
    saves = tmp_path / "saves"
    session = Session.create(Store.create(saves / "ann"), CaveWorld(), {"digger": TableAgent()}, seed=3)
    for _ in range(4):
        session.step()
    session.close()
    upkeep.fork(saves / "ann", saves / "bo")
    return tmp_path


def resumed(home: Path, name: str, annotator: str) -> Session:
    store = Store.open(home / "saves" / name)
    return Session.resume(store, CaveWorld(), {"digger": TableAgent()}, annotator=annotator)


def exported(home: Path, name: str, to: str) -> Path:
    arguments = ["--home", str(home), "feedback", "export", name, "--format", "raw", "--out", str(home / to)]
    result = CliRunner().invoke(app, arguments, catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return home / to / "train.jsonl"


def merged(home: Path, name: str, file: Path) -> dict[str, int]:
    with Store.open(home / "saves" / name) as store:
        return dict(records.merge(store, records.read(file)))


def test_a_kind_of_another_package_is_one_class(home: Path, cheer: pytest.MonkeyPatch) -> None:
    session = resumed(home, "ann", "ann")
    said = session.say("cheer", turn=3, data={"loudness": 5}, comment="go on")
    assert session.feedback_value(3) == 0.5
    assert session.updates, "the agent learned from it"
    assert formatting.said(said, None) == "hooray!!!!!: go on"
    (judgement,) = judgements(session.timeline, FeedbackBook(session.store.feedback()))
    assert (judgement.kind, judgement.good) == ("cheer", (session.timeline.node(3).command,))
    with pytest.raises(PlayError, match="loudness"):
        session.say("cheer", turn=3, data={"loudness": "deafening"})
    with pytest.raises(PlayError, match="no value"):
        session.say("cheer", turn=3, value=1.0, data={"loudness": 5})
    session.close()
    assert merged(home, "bo", exported(home, "ann", "raw")) == {"added": 1, "known": 0, "elsewhere": 0}


def test_a_kind_that_is_not_installed_is_kept_and_shown_as_unknown(home: Path, cheer: pytest.MonkeyPatch) -> None:
    session = resumed(home, "ann", "ann")
    session.say("cheer", turn=3, data={"loudness": 5})
    session.close()
    cheer.undo()
    _forget()
    session = resumed(home, "ann", "ann")
    (said,) = session.feedback(3)
    assert "cheer, a kind of feedback that is not installed" in formatting.said(said, None)
    assert session.feedback_value(3) == 0
    assert not list(judgements(session.timeline, FeedbackBook(session.store.feedback())))
    with pytest.raises(PlayError, match="no kind of feedback called 'cheer'"):
        session.say("cheer", turn=3, data={"loudness": 5})
    session.close()
    file = exported(home, "ann", "raw")
    assert merged(home, "bo", file)["added"] == 1
    with Store.open(home / "saves" / "bo", readonly=True) as store:
        (kept,) = store.feedback()
        upkeep.verify(store)
    assert (kept.kind, kept.data, kept.uid) == ("cheer", {"loudness": 5}, said.uid)


def test_every_bundled_kind_is_a_class_of_its_own() -> None:
    names = ("rating", "credit", "comment", "correction", "preference", "comparison", "retract")
    found = [kinds.find(name) for name in names]
    assert kinds.Unknown not in found
    assert len({kind.__module__ for kind in found}) == len(names)
    assert all(plugins.offered("feedback")[name].package == plugins.BUNDLED for name in names)


def test_a_retraction_takes_back_only_ones_own(home: Path) -> None:
    session = resumed(home, "ann", "ann")
    said = session.rate(2, turn=3)
    session.annotator = "bo"
    with pytest.raises(PlayError, match="only 'ann'"):
        session.retract(said.id)
    session.say("retract", turn=3, data={"feedback": said.id})  # as a file of somebody else's may have it
    assert session.feedback_value(3) == 2
    session.annotator = "ann"
    session.retract(said.id)
    assert session.feedback_value(3) == 0
    session.close()


def test_records_keep_the_names_that_others_gave_them(home: Path) -> None:
    session = resumed(home, "ann", "ann")
    session.rate(2, turn=3)
    session.close()
    line = json.loads(exported(home, "ann", "raw").read_text())
    foreign = home / "foreign.jsonl"
    foreign.write_text(
        "".join(
            json.dumps(line | {"id": letter * 32, "annotator": "cy", "created": number}) + "\n"
            for number, letter in enumerate("abc")
        )
    )
    assert merged(home, "bo", foreign) == {"added": 3, "known": 0, "elsewhere": 0}
    assert merged(home, "bo", foreign) == {"added": 0, "known": 3, "elsewhere": 0}
    ids = [json.loads(each)["id"] for each in exported(home, "bo", "again").read_text().splitlines()]
    assert ids == ["a" * 32, "b" * 32, "c" * 32]
    foreign.write_text(json.dumps(line | {"id": "d" * 32, "annotator": "cy", "created": 0}) + "\n")
    assert merged(home, "bo", foreign)["known"] == 1, "the same said under another name"
