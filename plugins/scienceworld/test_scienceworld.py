"""Run by hand, by `make plugins`: Java and scienceworld are needed. Minutes on a slow machine."""

from __future__ import annotations

from typing import Any

import pytest
from sandbox_scienceworld import TASKS

from sandbox.abilities import Guided
from sandbox.errors import WorldError
from sandbox.testing import check_world
from sandbox.types import World
from sandbox.world.registry import open_world, resolve

SEAT = "player"


def played(world: World[Any]) -> list[Any]:
    """The states along its walkthrough."""
    assert isinstance(world, Guided)
    states = [world.initial(0)]
    for command in world.walkthrough():
        if not states[-1].done:
            states.append(world.step(states[-1], SEAT, command).state)
    return states


@pytest.mark.parametrize("task", ["find-living-thing", "lifespan-longest-lived", "power-component"])
def test_a_task_is_won_by_its_walkthrough_and_the_same_way_again(task: str) -> None:
    world, again = (open_world(f"scienceworld:{task}?fold=test&seed=3") for _ in range(2))
    states = played(world)
    seen = world.observe(states[-1], SEAT)
    assert (seen.won, seen.score, seen.max_score) == (True, 100.0, 100.0) and "Your task" in seen.goal
    assert [state.text for state in played(again)] == [state.text for state in states]
    middle = states[len(states) // 2]
    twin = again.load(again.dump(middle))
    command = (world.observe(middle, SEAT).admissible or ())[0]
    assert world.step(middle, SEAT, command) == again.step(twin, SEAT, command)
    world.close()
    again.close()


def test_it_is_a_world() -> None:
    world = open_world("scienceworld:find-plant?easy=true")
    check_world(world, seeds=(0,), steps=6)
    listed = world.observe(world.initial(0), SEAT).admissible or ()
    assert 10 < len(listed) < 500 and not any(each.startswith(("connect", "reset")) for each in listed)
    world.close()
    mute = open_world("scienceworld:find-plant?easy=true&commands=false")
    assert mute.observe(mute.initial(0), SEAT).admissible is None
    mute.close()


def test_every_task_is_there_and_mistakes_have_a_way_out() -> None:
    from scienceworld.constants import ID2TASK

    assert set(TASKS) == set(ID2TASK.values())
    assert resolve("scienceworld:boil").canonical == "scienceworld:boil?fold=train&seed=0"
    with pytest.raises(WorldError, match="did you mean 'melt'"):
        resolve("scienceworld:mellt")
