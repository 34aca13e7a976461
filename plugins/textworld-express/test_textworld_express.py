"""Run by hand, by `make plugins`: Java and textworld-express are needed."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from sandbox_textworld_express import GAMES

from sandbox.errors import WorldError
from sandbox.testing import check_world
from sandbox.types import World
from sandbox.world.registry import open_world, resolve

SEAT = "player"


@pytest.fixture
def opened() -> Iterator[Any]:
    worlds: list[World[Any]] = []

    def door(reference: str) -> World[Any]:
        worlds.append(open_world(reference))
        return worlds[-1]

    yield door
    for world in worlds:
        world.close()


@pytest.mark.parametrize("game", GAMES)
def test_every_game_is_won_by_its_walkthrough(opened: Any, game: str) -> None:
    world: Any = opened(f"twx:{game}?fold=test&seed=1")
    state = world.initial(0)
    goal = world.observe(state, SEAT).goal
    for command in world.walkthrough():
        if not world.observe(state, SEAT).done:
            state = world.step(state, SEAT, command).state
    seen = world.observe(state, SEAT)
    assert goal and (seen.won, seen.score, seen.max_score) == (True, 1.0, 1.0)


@pytest.mark.parametrize("game", ["coin?locations=5", "cookingworld?locations=2&ingredients=2", "simonsays"])
def test_it_is_a_world(opened: Any, game: str) -> None:
    check_world(opened(f"twx:{game}"), seeds=(0,), steps=15)


def test_a_state_goes_on_in_another_process_and_survives_the_end_of_java(opened: Any) -> None:
    here, there = opened("twx:coin?locations=5"), opened("twx:coin?locations=5")
    state = here.initial(0)
    for command in here.walkthrough()[:4]:
        state = here.step(state, SEAT, command).state
    twin = there.load(here.dump(state))
    listed = here.observe(state, SEAT).admissible
    here._runner._place.simulator.kill()
    for command in listed:
        assert here.step(state, SEAT, command) == there.step(twin, SEAT, command)


def test_references_have_one_spelling_and_mistakes_a_way_out() -> None:
    assert resolve("twx:coin?seed=1&doors=0").canonical == "twx:coin?locations=11&doors=false&seed=1"
    with pytest.raises(WorldError, match="did you mean 'coin'"):
        resolve("twx:coins")
    with pytest.raises(WorldError, match="less than or equal to 11"):
        resolve("twx:coin?locations=12")
