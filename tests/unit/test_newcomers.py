"""Three hundred lines as newcomers type them, and what should come of them."""

import functools
from pathlib import Path

import pytest
from native_play import Game

from sandbox.world.native import NativeWorld, load_world

FOLDER = Path(__file__).with_name("newcomers")


def lines() -> list[tuple[str, str]]:
    """Each line of the file, with the world that it is typed in."""
    found, world = [], ""
    for line in FOLDER.joinpath("lines.txt").read_text(encoding="utf-8").splitlines():
        if line.startswith("["):
            world = line.strip("[]")
        elif line and not line.startswith("#"):
            found.append((world, line))
    return found


@functools.cache
def opened(name: str) -> NativeWorld:
    world = load_world(FOLDER / f"{name}.yaml", name)
    assert isinstance(world, NativeWorld)
    return world


@pytest.mark.parametrize(("world", "line"), lines())
def test_a_line(world: str, line: str) -> None:
    before, _, rest = line.rpartition(" :: ")
    mark = next(mark for mark in (" ~ ", " ? ", " & ", " = ") if mark in rest)
    typed, _, wanted = rest.partition(mark)
    game, other = Game(opened(world)), Game(opened(world))
    for each in (game, other):
        if before:
            each.do(before)
    start, began = game.state.core, game.state.round
    answer = game.do(typed)
    if mark == " = ":
        for command in filter(None, wanted.split("|")):
            other.do(command)
        assert (game.state.core, game.state.round) == (other.state.core, other.state.round), answer
    elif mark == " & ":
        for command in wanted.split("|"):
            other.do(command)
        assert game.state.core.things == other.state.core.things, answer
        assert game.state.round == began + 1
    else:
        assert wanted.lower() in answer.lower()
        assert mark == " ? " or game.state.core == start, "nothing was to be done"


def test_there_are_three_hundred_lines_over_three_worlds() -> None:
    assert len(lines()) >= 300
    assert len({world for world, _ in lines()}) == 3
