"""Numbers over feedback: agreement, coverage, interventions."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.errors import SaveError
from sandbox.feedback.agreement import alpha, statistics
from sandbox.feedback.dataset import Material
from sandbox.session.session import Session
from sandbox.store import Store, upkeep


def test_alpha_is_that_of_the_literature() -> None:
    """The four-observer example of Krippendorff's "Computing Krippendorff's Alpha-Reliability" (2011)."""
    rows = (
        (1, 2, 3, 3, 2, 1, 4, 1, 2, None, None, None),
        (1, 2, 3, 3, 2, 2, 4, 1, 2, 5, None, 3),
        (None, 3, 3, 3, 2, 3, 4, 2, 2, 5, 1, None),
        (1, 2, 3, 3, 2, 4, 4, 1, 2, 5, 1, None),
    )
    units = [{str(who): row[k] for who, row in enumerate(rows) if row[k] is not None} for k in range(len(rows[0]))]
    assert alpha(units, "nominal") == pytest.approx(0.743, abs=0.001)
    assert alpha(units, "interval") == pytest.approx(0.849, abs=0.001)


def test_alpha_needs_two_people() -> None:
    assert math.isnan(alpha([{"a": 1.0}, {"b": 1.0}], "interval"))
    assert alpha([{"a": 1.0, "b": 1.0}], "interval") == 1.0
    assert alpha([{"a": 1.0, "b": -1.0}, {"a": -1.0, "b": 1.0}], "interval") < 0


@pytest.fixture
def home(tmp_path: Path) -> Path:
    session = Session.create(
        Store.create(tmp_path / "saves" / "ann"), CaveWorld(), {"digger": TableAgent()}, seed=3, annotator="ann"
    )
    for turn in range(8):
        decision = session.decide()
        wrong = turn < 2 and decision.command != "dig"
        session.act(
            "dig" if wrong else decision.command, decision=decision, chooser="person" if wrong else "agent"
        )
    session.close()
    upkeep.fork(tmp_path / "saves" / "ann", tmp_path / "saves" / "bo")
    for name, values in (("ann", (2, 1, -1, 0)), ("bo", (2, 1, -2, 1))):
        session = Session.resume(Store.open(tmp_path / "saves" / name), CaveWorld(), {}, annotator=name)
        for turn, value in enumerate(values, start=2):
            session.rate(value, turn=turn)
        session.prefer_proposal(0, 1, turn=7, verdict="better" if name == "ann" else "tie")
        session.retract(session.comment("hm").id)
        session.close()
    return tmp_path


def test_the_feedback_of_two_forks_comes_together(home: Path) -> None:
    with (
        Store.open(home / "saves" / "ann", readonly=True) as a,
        Store.open(home / "saves" / "bo", readonly=True) as b,
    ):
        found = statistics([Material.of(a), Material.of(b)])
        once, twice = statistics([Material.of(a)]), statistics([Material.of(a), Material.of(a)])
        intervened = sum(node.intervened for node in a.timeline().nodes())
    assert (found.saves, found.worlds, found.turns) == (2, 1, 8)
    assert found.by_kind == {"rating": 8, "preference": 2}
    assert found.by_annotator == {"ann": 5, "bo": 5}
    assert found.retracted == 2
    assert found.covered == 5
    assert (found.shared_turns, found.shared_pairs) == (4, 1)
    assert 0.7 < found.alpha_ratings < 1
    assert found.alpha_preferences == pytest.approx(0, abs=1e-9) or found.alpha_preferences < 0
    assert (found.agents_turns, found.interventions) == (8, intervened)
    assert sum(period.turns for period in found.periods) == 8
    assert sum(period.interventions for period in found.periods) == intervened
    assert math.isnan(once.alpha_ratings)
    assert (twice.by_kind, twice.turns) == (once.by_kind, once.turns)


def test_the_numbers_are_printed_and_are_json(home: Path) -> None:
    arguments = ["--home", str(home), "feedback", "stats", "ann", "bo"]
    told = CliRunner().invoke(app, arguments, env={"COLUMNS": "120"})
    assert told.exit_code == 0, told.output
    assert "alpha 0." in told.stdout
    assert "4 rated by two or more" in told.stdout
    found = json.loads(CliRunner().invoke(app, [*arguments, "--json"]).stdout)
    assert found["coverage"] == 5 / 8
    assert {"rate", "low", "high", "since"} <= set(found["periods"][0])
    alone = json.loads(CliRunner().invoke(app, [*arguments[:-1], "--json"]).stdout)
    assert alone["alpha_ratings"] is None


def test_where_no_save_can_be_read_there_are_no_numbers(home: Path) -> None:
    for as_json in ((), ("--json",)):
        told = CliRunner().invoke(app, ["--home", str(home), "feedback", "stats", "cy", "dee", *as_json])
        assert isinstance(told.exception, SaveError)
        assert "cy: no such save; dee: no such save" in str(told.exception)
        assert not told.stdout
