"""A world that is edited while it is played."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from sandbox import config, wiring
from sandbox.errors import PlayError, WorldFileError
from sandbox.paths import Home
from sandbox.session.session import Session

WORLD = """
title: The hut
seats: {player: {start: hut, goal: Get out.}}
rooms:
  hut: {description: A small hut., exits: {north: yard}}
  yard: {description: A yard., exits: {south: hut}}
things: {lamp: {at: hut}}
endings: {out: {when: [{room: yard}, {has: lamp}], won: all, points: 1, say: You are out.}}
"""


def _write(file: Path, text: str, stamp: int) -> None:
    file.write_text(text, encoding="utf-8")
    os.utime(file, ns=(stamp, stamp))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "worlds" / "hut" / "world.yaml"
    file.parent.mkdir(parents=True)
    _write(file, WORLD, 1)
    return file


@pytest.fixture
def session(file: Path, tmp_path: Path) -> Session:
    models = wiring.Models(config.Settings())
    session = wiring.open_session(Home(tmp_path), "hut", wiring.Players("q-table"), models, save="s")
    session.act("go north")
    session.act("go south")
    session.act("take lamp")
    return session


def test_the_commands_so_far_are_given_again(session: Session, file: Path) -> None:
    assert session.renewal is not None
    assert not session.renewal.due
    _write(file, WORLD.replace("A yard.", "A yard with a pump."), 2)
    assert session.renewal.due
    outcome = session.renew()
    assert not session.renewal.due
    assert (outcome.given, outcome.carried) == (3, 3)
    assert outcome.difference is not None
    assert outcome.difference.index == 1
    assert "pump" in outcome.difference.after
    assert session.episode == 2
    assert [turn.command for turn in session.timeline.path(session.current.id)][1:] == [
        "go north",
        "go south",
        "take lamp",
    ]
    assert "lamp" in session.observation().inventory
    session.act("go north")
    assert session.observation().won
    assert "pump" in session.observation().description


def test_nobody_learns_from_it(session: Session, file: Path) -> None:
    agent = session.seats["player"]
    assert agent is not None
    before = agent.dump()
    _write(file, WORLD.replace("small", "large"), 2)
    session.renew()
    assert agent.dump() == before
    assert session.learn


def test_it_stops_where_the_commands_can_go_no_further(session: Session, file: Path) -> None:
    ended = WORLD.replace("[{room: yard}, {has: lamp}]", "{room: yard}")
    _write(file, ended, 2)
    outcome = session.renew()
    assert outcome.carried == 1
    assert session.done


def test_a_file_that_cannot_be_used_changes_nothing(session: Session, file: Path) -> None:
    here, world = session.current.id, session.world
    _write(file, WORLD.replace("north: yard", "north: yrad"), 2)
    assert session.renewal is not None
    with pytest.raises(WorldFileError, match="yrad"):
        session.renew()
    assert not session.renewal.due, "it is not read over and over"
    assert (session.current.id, session.world) == (here, world)
    _write(file, WORLD.replace("player:", "somebody:"), 3)
    with pytest.raises(PlayError, match="somebody"):
        session.renew()
    assert (session.current.id, session.world) == (here, world)


def test_the_edited_world_is_what_the_save_goes_on_with(session: Session, file: Path, tmp_path: Path) -> None:
    _write(file, WORLD.replace("A yard.", "A yard with a pump."), 2)
    session.renew()
    session.close()
    models = wiring.Models(config.Settings())
    again = wiring.open_session(Home(tmp_path), None, None, models, save="s")
    assert not again.world_changed
    again.act("go north")
    assert "pump" in again.observation().description
