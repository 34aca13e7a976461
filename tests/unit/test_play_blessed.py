"""Blessed branches played again, through the command: a real world file and a real card."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent
from typer.testing import CliRunner

from sandbox import wiring
from sandbox.cli import app
from sandbox.config import Settings
from sandbox.errors import SaveError
from sandbox.paths import Home
from sandbox.session.blessed import replay
from sandbox.session.session import Session
from sandbox.store import Store


def played(seats: tuple[str, ...] = ("digger",)) -> Session:
    agents = {seat: TableAgent(seat, epsilon=0) for seat in seats}
    session = Session.create(Store.memory(), CaveWorld(*seats), agents, seed=5, learn=False)
    for _ in range(6):
        session.step()
    return session


@pytest.mark.parametrize("seats", [("digger",), ("a", "b")])
def test_nothing_differs_where_nothing_changed(seats: tuple[str, ...]) -> None:
    session = played(seats)
    assert not list(replay(session.world, session.timeline, session.current.id, session.seats, seed=5))


def test_another_choice_and_what_a_person_overruled_are_told_apart() -> None:
    session = played()
    decision = session.decide()
    session.act("west" if decision.command != "west" else "east", decision=decision)
    agent = TableAgent(epsilon=0)
    agent.q = {f"{session.timeline.get(3).observations['digger'].state_key}|west": 9.0}
    changes = list(replay(session.world, session.timeline, session.current.id, {"digger": agent}, seed=5))
    new = [change for change in changes if not change.known]
    assert 4 in [change.turn for change in new]
    assert all((change.kind, change.after) == ("choice", "west") for change in new)
    (known,) = [change for change in changes if change.known and change.turn == session.current.id]
    assert known.after == decision.command


def test_where_the_agent_explored_it_is_judged_by_what_it_held_best() -> None:
    session = Session.create(Store.memory(), CaveWorld(), {"digger": TableAgent(epsilon=1.0)}, seed=4, learn=True)
    for _ in range(8):
        session.step()
    explored = [turn for turn in session.timeline.nodes() if turn.command not in ("", "dig")]
    assert explored, "with nothing learned, digging is held best"
    fresh = {"digger": TableAgent()}
    changes = list(replay(session.world, session.timeline, session.current.id, fresh, seed=session.seed))
    assert {change.turn for change in changes} == {turn.id for turn in explored}
    learned_nothing = [change for change in changes if change.turn == explored[0].id]
    assert all(change.known and change.after == "dig" for change in learned_nothing)


class Louder(CaveWorld):
    def observe(self, state, seat):  # type: ignore[no-untyped-def]
        from dataclasses import replace

        seen = super().observe(state, seat)
        return replace(seen, text=seen.text.replace("Nothing happens.", "Nothing at all happens."))


def test_another_text_is_a_diff() -> None:
    session = Session.create(Store.memory(), CaveWorld(), {}, seed=1)
    for _ in range(4):
        session.act("dance")
    changes = list(replay(Louder(), session.timeline, session.current.id, {}, seed=1))
    assert [change.turn for change in changes] == [2, 3, 4, 5]
    assert all(change.kind == "text" for change in changes)
    diff = changes[0].diff()
    assert diff[:2] == ["- Nothing happens.", "+ Nothing at all happens."]
    assert diff[2].startswith("  (score")


def test_a_world_that_ends_earlier_stops_the_replay() -> None:
    session = played()

    class Short(CaveWorld):
        def to_move(self, state):  # type: ignore[no-untyped-def]
            return None if state.counts[0] >= 3 else super().to_move(state)

    changes = list(replay(Short(), session.timeline, session.current.id, {}, seed=5))
    assert [(change.turn, change.kind, change.after) for change in changes] == [
        (5, "order", "the episode is over")
    ]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    source = next(Home(tmp_path).search("worlds")) / "lighthouse" / "world.yaml"
    (tmp_path / "worlds" / "copy").mkdir(parents=True)
    (tmp_path / "worlds" / "copy" / "world.yaml").write_bytes(source.read_bytes())
    session = wiring.open_session(
        Home(tmp_path), "copy", wiring.Players("q-table"), wiring.Models(Settings()), save="friday", learn=False
    )
    for _ in range(3):
        session.step()
    session.bless()
    session.close()
    session.world.close()
    return tmp_path


def run(home: Path, *arguments: str) -> tuple[int, str]:
    result = CliRunner().invoke(
        app, ["--home", str(home), "save", "replay", "friday", *arguments], env={"COLUMNS": "200"}
    )
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result.exit_code, result.stdout


def test_a_changed_world_file_is_seen_and_an_unchanged_one_is_not(home: Path) -> None:
    code, told = run(home)
    assert (code, told.strip()) == (0, "branch to turn 4: as blessed")
    with Store.open(home / "saves" / "friday", readonly=True) as store:
        text = next(iter(store.timeline().get(1).observations.values())).text
    word = max(text.split(), key=len)
    file = home / "worlds" / "copy" / "world.yaml"
    file.write_text(file.read_text().replace(word, "XYZZY"))
    code, told = run(home)
    assert code == 1
    assert "turn 1: " in told
    assert "XYZZY" in told
    found = json.loads(run(home, "--json")[1])
    assert {change["kind"] for change in found} == {"text"}
    assert (home / "saves" / "friday" / "save.db").exists()


def test_what_was_never_blessed_is_said(home: Path) -> None:
    with Store.open(home / "saves" / "friday") as store, store.transaction():
        (mark,) = store.marks()
        store.remove_mark(mark)
    with pytest.raises(SaveError, match="no branch of this save is blessed"):
        run(home)
