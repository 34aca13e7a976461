"""The timeline over a real game: its own interpreter, real snapshots."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from play_parts import TableAgent

from sandbox.session.session import Session
from sandbox.store import Store, upkeep
from sandbox.world.registry import open_world

_GAME = "tw:custom?rooms=3&objects=4&quest=3&seed=11"


@pytest.fixture(scope="module")
def world() -> Iterator[Any]:
    opened = open_world(_GAME)
    yield opened
    opened.close()


def test_undo_branches_and_saves_put_a_game_exactly_there(world: Any, tmp_path: Path) -> None:
    commands = world.walkthrough()
    session = Session.create(Store.create(tmp_path / "s"), world, {"player": TableAgent()}, seed=1)
    played = [session.current]
    for command in commands:
        for detour in (session.observation().admissible or ())[:2]:  # a branch at every turn, and back
            session.act(detour)
            session.undo()
        played.append(session.act(command))
    assert session.observation().won
    assert session.done
    straight = world.initial(1)
    for turn, command in zip(played[1:], commands, strict=True):
        straight = world.step(straight, "player", command).state
        assert turn.observations["player"] == world.observe(straight, "player")
    session.jump(played[1].id)
    session.close()

    again = Session.resume(Store.open(tmp_path / "s"), world, {"player": TableAgent()})
    assert again.current == played[1]
    for turn, command in zip(played[2:], commands[1:], strict=True):
        assert again.act(command).observations == turn.observations
    assert upkeep.verify(again.store) == len(again.timeline)
    again.close()


def test_an_agent_learns_the_way_to_the_prize(world: Any) -> None:
    agent = TableAgent(epsilon=0.5)
    session = Session.create(Store.memory(), world, {"player": agent}, seed=3, max_steps=20)
    for _ in range(30):
        while not session.done:
            session.step()
        session.new_episode()
    assert any(node.rewards for node in session.timeline.nodes())
    assert max(agent.q.values()) > 0
    session.close()
