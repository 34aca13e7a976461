"""A round robin: cross-play with focal and background apart, ratings with intervals, and the command."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import parse_card
from sandbox.agent.scripted import ScriptedAgent
from sandbox.cli.context import Context
from sandbox.cli.league import league
from sandbox.errors import UsageError
from sandbox.multiagent.league import round_robin
from sandbox.multiagent.team import play
from sandbox.paths import Home
from sandbox.world.native import NativeWorld, parse_source

RACE = """\
title: A race
turns: simultaneous
rewards: zero-sum
limit: 6
seats:
  ann: {start: a, goal: Ring first.}
  bob: {start: a, goal: Ring first.}
rooms:
  a: {description: The start., exits: {north: b}}
  b: {description: The tower.}
things:
  bell: {at: b, scenery: true}
rules:
  - {instead: push, thing: bell, do: {end: rung}}
endings:
  rung: {won: actor, points: 2, say: It rings.}
"""
RUNNER = ("go north", "push bell")


def race() -> NativeWorld:
    return NativeWorld(parse_source(RACE, "test"), "race")


def couple(*commands: str) -> dict[str, ScriptedAgent]:
    return {seat: ScriptedAgent(commands) for seat in ("ann", "bob")}


def test_focal_and_background_returns_are_told_apart():
    found = round_robin(race(), {"runner": couple(*RUNNER), "sleeper": couple()}, episodes=4)
    assert not found.shared
    cell = found.cells["runner", "sleeper"]
    assert (cell.episodes, cell.won.value) == (4, 1.0)
    assert cell.focal.value == 2.0 and cell.background.value == -2.0
    other = found.cells["sleeper", "runner"]
    assert other.focal.value == -2.0 and other.background.value == 2.0
    assert found.cells["sleeper", "sleeper"].focal.value == 0.0


def test_who_wins_is_rated_higher_and_the_interval_narrows():
    agents = {"sleeper": couple(), "runner": couple(*RUNNER)}
    few, many = (round_robin(race(), agents, episodes=n).ratings for n in (1, 20))
    assert [rating.agent for rating in many] == ["runner", "sleeper"]
    assert many[0].matches == 40
    assert many[0].skill.low > many[1].skill.high
    assert many[0].skill.high - many[0].skill.low < few[0].skill.high - few[0].skill.low


def test_where_the_reward_is_shared_agents_are_rated_against_the_world():
    together = RACE.replace("zero-sum", "shared").replace("won: actor", "won: all")
    world = NativeWorld(parse_source(together, "test"), "together")
    agents = {"runner": couple(*RUNNER), "sleeper": couple(), "idler": couple("wait")}
    found = round_robin(world, agents, episodes=6)
    assert found.shared
    assert found.ratings[0].agent == "runner"
    assert found.cells["runner", "sleeper"].background.value == 2.0


def test_an_episode_is_the_same_for_the_same_seed():
    card = parse_card("", "random")
    agents = {seat: CardAgent(card) for seat in ("ann", "bob")}
    first, again, other = (play(race(), agents, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert [t.command for t in first.transitions["ann"]] != [t.command for t in other.transitions["ann"]] or (
        first.steps != other.steps
    )


@pytest.fixture
def home(tmp_path: Path) -> Home:
    (tmp_path / "worlds" / "race").mkdir(parents=True)
    (tmp_path / "worlds" / "race" / "world.yaml").write_text(RACE)
    return Home(tmp_path)


def app() -> typer.Typer:
    made = typer.Typer()
    made.command()(league)
    return made


def test_the_command_prints_one_json_object(home: Home):
    arguments = ["race", "--agents", "q-table,random", "--train", "60", "--episodes", "10", "--json", "-"]
    result = CliRunner().invoke(app(), arguments, obj=Context(home=home))
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert found["agents"] == ["q-table", "random"] and not found["shared_reward"]
    assert found["ratings"][0]["agent"] == "q-table"
    assert {(cell["focal"], cell["partner"]) for cell in found["cross_play"]} == {
        (a, b) for a in found["agents"] for b in found["agents"]
    }


def test_the_command_prints_tables(home: Home):
    result = CliRunner().invoke(app(), ["race", "--agents", "q-table,random"], obj=Context(home=home))
    assert result.exit_code == 0, result.output
    assert "Ratings" in result.stdout and "with random" in result.stdout


THREE = RACE.replace(
    "  bob: {start: a, goal: Ring first.}\n",
    "  bob: {start: a, goal: Ring first.}\n  cyd: {start: a, goal: Ring first.}\n",
).replace("limit: 6", "limit: 6\nmin_seats: 2")


def test_three_seats_go_round_and_the_zero_sum_stays_zero():
    world = NativeWorld(parse_source(THREE, "test"), "three")
    agents = {
        name: {seat: ScriptedAgent(commands) for seat in world.seats}
        for name, commands in (("runner", RUNNER), ("sleeper", ()))
    }
    found = round_robin(world, agents, episodes=3)
    cell = found.cells["runner", "sleeper"]
    assert (cell.episodes, cell.won.value) == (3, 1.0)
    assert (cell.focal.value, cell.background.value) == (2.0, -1.0)
    # Two of three ring: the focal agent is one of those who pay.
    other = found.cells["sleeper", "runner"]
    assert (other.focal.value, other.background.value) == (-1.0, 0.5)
    assert [rating.agent for rating in found.ratings] == ["runner", "sleeper"]


def test_the_command_plays_for_fewer_seats_with_notes_and_trains_a_team(home: Home):
    file = home.folder("worlds") / "race" / "world.yaml"
    file.write_text(THREE.replace("zero-sum", "shared").replace("won: actor", "won: all"))
    arguments = ["race", "--agents", "q-table,random", "--episodes", "2", "--json", "-", "--max-steps", "12"]
    learned = [*arguments, "--train", "30", "--team", "--notes", "bell"]
    for more in ([], ["--seats", "2"]):
        result = CliRunner().invoke(app(), [*learned, *more], obj=Context(home=home))
        assert result.exit_code == 0, result.output
        assert json.loads(result.stdout)["shared_reward"]
    for more, says in ((["--seats", "4"], "2 to 3 seats"), (["--team"], "add --train")):
        result = CliRunner().invoke(app(), [*arguments, *more], obj=Context(home=home))
        assert says in str(result.exception)


@pytest.mark.parametrize(
    ("world", "agents", "says"),
    [("race", "random", "two agents"), ("lighthouse", "random,q-table", "one seat")],
)
def test_what_cannot_be_a_league_is_said_in_one_line(home: Home, world: str, agents: str, says: str):
    result = CliRunner().invoke(app(), [world, "--agents", agents], obj=Context(home=home))
    assert isinstance(result.exception, UsageError)
    assert says in str(result.exception)
