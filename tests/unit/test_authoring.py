"""Building a world while it is played, from the command line, and how hard agents find what was built."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sandbox import config, paths, wiring
from sandbox.agent import cards
from sandbox.cli import app
from sandbox.errors import PlayError, WorldError, WorldFileError
from sandbox.paths import Home
from sandbox.session import authoring
from sandbox.session.session import Session
from sandbox.tune import collect
from sandbox.wiring import difficulty

WORLD = """\
title: The hut  # a comment
seats: {player: {start: hut, goal: Get out.}}
rooms:
  hut: {description: A small hut., exits: {north: yard}}
  yard: {description: A yard., exits: {south: hut}}
things: {lamp: {at: hut}}
rules: [{after: enter, room: yard, once: true, do: {score: 2}}]
endings: {out: {when: [{room: yard}, {has: lamp}], won: all, points: 10, say: You are out.}}
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "worlds" / "hut" / "world.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(WORLD, encoding="utf-8")
    return file


def opened(home: Path, agent: str = "human") -> Session:
    return wiring.open_session(
        Home(home), "hut", wiring.Players(agent), wiring.Models(config.Settings()), save="s"
    )


def test_the_player_stands_in_a_new_room_at_once(file: Path, tmp_path: Path) -> None:
    file.chmod(0o640)
    session = opened(tmp_path)
    session.act("take lamp")
    built = authoring.build(session, 'dig down "Cellar"')
    assert built.line == "Cellar lies below now."
    assert session.observation().description.startswith("Cellar")
    assert "lamp" in session.observation().inventory
    assert [(turn.command, turn.chooser) for turn in session.timeline.path(session.current.id)][1:] == [
        ("take lamp", "person"),
        ("go down", "author"),
    ]
    authoring.build(session, "create old coin")
    assert "take old coin" in (session.observation().admissible or ())
    authoring.build(session, "goto yard")
    assert session.current.command == "goto yard"
    authoring.build(session, "goto cellar")
    assert session.observation().description.startswith("Cellar")
    assert file.stat().st_mode & 0o777 == 0o640
    assert file.read_text(encoding="utf-8").startswith("title: The hut  # a comment\n")
    assert session.to_move == "player"
    session.close()


def test_what_would_break_the_world_is_not_written(file: Path, tmp_path: Path) -> None:
    session = opened(tmp_path)
    with pytest.raises(WorldFileError) as caught:
        authoring.build(session, "destroy hut")
    assert caught.value.where == str(file)
    assert file.read_text(encoding="utf-8") == WORLD
    assert session.episode == 1
    session.close()


def test_only_an_author_can_go_anywhere(file: Path, tmp_path: Path) -> None:
    session = opened(tmp_path)
    session.act("goto yard")
    assert session.observation().description.startswith("Hut")
    session.close()


def test_nobody_learns_from_what_an_author_did(file: Path, tmp_path: Path) -> None:
    """The agent's estimates stay as they are, and a game won with such a step is no example to learn from."""
    session = opened(tmp_path, "q-table")
    session.act("take lamp")
    learned = session.seats["player"].dump()  # type: ignore[union-attr]
    authoring.build(session, "goto yard")
    assert session.seats["player"].dump() == learned  # type: ignore[union-attr]
    assert session.learn
    session.act("wait")
    assert session.observation().won
    with pytest.raises(PlayError, match="the episode is over"):
        authoring.build(session, "goto hut")
    card = cards.load_card(paths.bundled() / "agents" / "lm.yaml")
    save = tmp_path / "saves" / "s"
    assert collect.from_save(Home(tmp_path), save, card, "demonstrations") == []
    session.new_episode()
    for command in ("take lamp", "go north"):
        session.act(command)
    assert len(collect.from_save(Home(tmp_path), save, card, "demonstrations")) == 1
    session.close()


def test_a_world_of_the_program_is_copied_first(tmp_path: Path) -> None:
    package = Path(paths.__file__).parent / "world" / "starter" / "world.yaml"
    models = wiring.Models(config.Settings())
    session = wiring.open_session(Home(tmp_path), str(package), wiring.Players("human"), models, save="s")
    before = package.read_bytes()
    assert authoring.site(session).foreign
    with pytest.raises(WorldError, match="came with the program"):
        authoring.build(session, "dig north Cave")
    site = authoring.copied(session, tmp_path / "worlds")
    assert site.file == tmp_path / "worlds" / "starter" / "world.yaml"
    assert not site.foreign
    authoring.build(session, "dig north Cave")
    assert site.room == "kitchen"
    assert session.observation().description.startswith("Cave")
    assert package.read_bytes() == before
    assert (site.file.parent / "walkthrough.txt").is_file()
    with pytest.raises(WorldError, match="of that name already"):
        authoring.copied(session, tmp_path / "worlds")
    session.close()


def test_building_from_the_command_line(file: Path, tmp_path: Path) -> None:
    run, edit = CliRunner().invoke, ["--home", str(tmp_path), "world", "edit", "hut"]
    done = run(app, [*edit, 'dig down "Cellar"', "create coin in cellar"])
    assert (done.exit_code, done.stdout) == (0, "Cellar lies below now.\nCoin is there now.\n")
    assert "coin: {at: cellar}" in file.read_text(encoding="utf-8")
    text = file.read_text(encoding="utf-8")
    refused = run(app, [*edit, "create ring", "destroy cellar"])
    assert isinstance(refused.exception, WorldFileError)
    assert file.read_text(encoding="utf-8") == text


def test_difficulty_tells_an_easy_world_from_a_hard_one(file: Path, tmp_path: Path) -> None:
    def measured(**more: int) -> dict[str, difficulty.Tally]:
        tallies = difficulty.measure(Home(tmp_path), config.Settings(), "hut", ["random", "q-table"], **more)
        return {tally.agent: tally for tally in tallies}

    easy = measured(practice=40, episodes=6, turns=8)
    assert easy["q-table"].alike
    assert easy["q-table"].won(8).value == 1.0
    assert easy["q-table"].won(1).value == 0.0
    assert easy["q-table"].practice == 40
    assert len(easy["random"].episodes) == 6
    assert easy["random"].practice == 0
    assert easy["random"].budgets == (2, 4, 8)
    assert easy["random"].won(2).value <= easy["random"].won(8).value
    file.write_text(WORLD.replace("{has: lamp}", "{room: hut}"), encoding="utf-8")
    hard = measured(practice=2, episodes=3, turns=8)
    assert [hard["random"].won(8).value, hard["q-table"].won(8).value] == [0.0, 0.0]


def test_difficulty_plays_fewer_episodes_where_its_seconds_are_short(file: Path, tmp_path: Path) -> None:
    tallies = difficulty.measure(
        Home(tmp_path), config.Settings(), "hut", ["random", "q-table"], practice=500, episodes=500, seconds=0.0
    )
    last = {tally.agent: tally for tally in tallies}
    assert {name: (tally.practice, len(tally.episodes)) for name, tally in last.items()} == {
        "random": (0, 1),
        "q-table": (0, 1),
    }
    assert all(tally.done for tally in last.values())


def test_difficulty_as_lines_of_json(file: Path, tmp_path: Path) -> None:
    arguments = ["world", "difficulty", "hut", "--agent", "random", "--episodes", "2", "--turns", "4", "--json"]
    done = CliRunner().invoke(app, ["--home", str(tmp_path), *arguments])
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(line["episodes"], line["done"]) for line in lines] == [(0, False), (1, False), (2, True)]
    assert lines[-1]["progress"] == "random plays: 2 of 2"
    assert set(lines[-1]["won"]) == {"1", "2", "4"}
