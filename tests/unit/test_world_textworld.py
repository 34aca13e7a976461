import os
import random
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest
import textworld
from game_parts import SIMPLE
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.errors import SaveError
from sandbox.types import World
from sandbox.world.textworld import TextWorldState, TextWorldWorld

SEAT = "player"


@pytest.fixture(scope="module")
def world(simple_game: Path) -> Iterator[TextWorldWorld]:
    world = TextWorldWorld(simple_game, name=SIMPLE)
    yield world
    world.close()


def play(world: TextWorldWorld, state: TextWorldState, commands: list[str]) -> TextWorldState:
    for command in commands:
        state = world.step(state, SEAT, command).state
    return state


def wander(world: TextWorldWorld, state: TextWorldState, steps: int, seed: int) -> TextWorldState:
    rng = random.Random(seed)
    for _ in range(steps):
        admissible = world.observe(state, SEAT).admissible
        if not admissible:
            break
        state = world.step(state, SEAT, rng.choice(admissible)).state
    return state


def test_the_opening_is_prose_and_nothing_else(world: TextWorldWorld) -> None:
    seen = world.observe(world.initial(0), SEAT)
    assert seen.text.startswith("Welcome to TextWorld!") or seen.text[0].isalpha()
    assert "$$" not in seen.text and "\n\n\n" not in seen.text and not seen.text.endswith(">")
    assert "-= Bedroom =-" in seen.text
    assert seen.description.startswith("-= Bedroom =-")
    assert seen.inventory == "You are carrying nothing."
    assert seen.goal and seen.goal in seen.text
    assert (seen.turn, seen.score, seen.max_score, seen.done, seen.won) == (0, 0, 10, False, False)
    assert seen.admissible == tuple(sorted(seen.admissible or ())) and "open chest drawer" in seen.admissible
    for text in (seen.text, seen.description, seen.inventory):
        assert "[" not in text and "<" not in text


@pytest.mark.parametrize("game", ["simple_game", "custom_game", "coin_game"])
def test_the_walkthrough_wins_with_all_points(game: str, request: pytest.FixtureRequest) -> None:
    world: TextWorldWorld = TextWorldWorld(request.getfixturevalue(game), name=game)
    protocol: World[TextWorldState] = world
    state, total = protocol.initial(0), 0.0
    commands = world.walkthrough()
    for command in commands:
        assert protocol.to_move(state) == SEAT
        assert command in (protocol.observe(state, SEAT).admissible or ())
        step = protocol.step(state, SEAT, command)
        state, total = step.state, total + step.rewards.get(SEAT, 0.0)
        assert step.terminated == (command is commands[-1])
    seen = protocol.observe(state, SEAT)
    assert (seen.done, seen.won, seen.admissible) == (True, True, ())
    assert seen.score == seen.max_score == total > 0
    assert "*** The End ***" in seen.text and "RESTART" not in seen.text
    assert protocol.to_move(state) is None
    after = protocol.step(state, SEAT, "look")
    assert after.state == state and after.terminated and not after.rewards
    world.close()


def test_a_lost_game_is_done_and_not_won(world: TextWorldWorld) -> None:
    commands = list(world.walkthrough()[:-1])
    food = world.walkthrough()[-1].removeprefix("put ").removesuffix(" on stove")
    step = world.step(play(world, world.initial(0), commands), SEAT, f"eat {food}")
    seen = world.observe(step.state, SEAT)
    assert step.terminated and seen.done and not seen.won
    assert "You lost!" in seen.text


def test_the_game_is_the_one_that_textworld_plays(world: TextWorldWorld, simple_game: Path) -> None:
    infos = textworld.EnvInfos(admissible_commands=True, description=True, inventory=True, score=True)
    reference = textworld.start(str(simple_game), infos)
    theirs, ours, rng = reference.reset(), world.initial(0), random.Random(5)
    for _ in range(60):
        seen = world.observe(ours, SEAT)
        assert list(seen.admissible or ()) == theirs.admissible_commands
        assert seen.score == theirs.score
        assert seen.description.split() == theirs.description.split()
        assert seen.inventory.split() == theirs.inventory.split()
        # Mostly sensible commands, a few that fail.
        command = rng.choice([*theirs.admissible_commands, "go up", "take all", "eat the moon"])
        if command.startswith("eat"):
            command = "eat the moon"
        theirs, _, _ = reference.step(command)
        ours = world.step(ours, SEAT, command).state
    reference.close()


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(stem=st.integers(0, 2**16), branch=st.integers(0, 2**16), length=st.integers(0, 8))
def test_undo_another_branch_and_back_is_exact(
    stem: int, branch: int, length: int, world: TextWorldWorld, simple_game: Path
) -> None:
    here = wander(world, world.initial(0), length, stem)
    seen = world.observe(here, SEAT)
    first = wander(world, here, 4, branch)
    wander(world, world.initial(0), 3, branch + 1)  # elsewhere, in the same process
    assert world.observe(here, SEAT) == seen
    assert wander(world, here, 4, branch) == first
    assert world.load(world.dump(here)) == here


def test_a_stored_state_goes_on_the_same_in_another_process(world: TextWorldWorld, simple_game: Path) -> None:
    here = wander(world, world.initial(0), 25, seed=3)
    other = TextWorldWorld(simple_game, name=SIMPLE)
    there = other.load(world.dump(here))
    assert there == here and hash(there) == hash(here)
    assert wander(other, there, 25, seed=4) == wander(world, here, 25, seed=4)
    assert other.fingerprint == world.fingerprint
    other.close()


def test_steps_change_no_state(world: TextWorldWorld) -> None:
    start = world.initial(0)
    before = world.dump(start)
    play(world, start, list(world.walkthrough()))
    assert world.dump(start) == before
    assert world.dump(world.initial(0)) == before


@pytest.mark.parametrize(
    ("said", "answer"),
    [
        ("", "short sentence"),
        (" \n\t ", "short sentence"),
        ("...", "short sentence"),
        ("\x1b[2J\x07", "short sentence"),
        ("quit", "'quit'"),
        ("Restart", "'restart'"),
        ("save", "'save'"),
        ("undo. look", "'undo'"),
        ("tw-trace-actions", "'tw-trace-actions'"),
        ("dance the tango", ""),
        ("x" * 5000, ""),
        ("ouvre la boîte à café", ""),
        ("look\x00\x00", "-= Bedroom =-"),
        ("> look", "-= Bedroom =-"),
        ("`look`. Then open the door.", "-= Bedroom =-"),
        ("look then open antique trunk", "-= Bedroom =-"),
        ("look\nopen antique trunk", "-= Bedroom =-"),
    ],
)
def test_whatever_is_said_is_answered_in_text(world: TextWorldWorld, said: str, answer: str) -> None:
    start = world.initial(0)
    step = world.step(start, SEAT, said)
    seen = world.observe(step.state, SEAT)
    assert answer in seen.text and seen.text
    assert not step.rewards and not step.terminated
    assert seen.turn == 1
    assert (seen.description, seen.admissible) == (
        world.observe(start, SEAT).description,
        world.observe(start, SEAT).admissible,
    )


def test_bytes_that_are_no_state_of_this_world_are_refused(world: TextWorldWorld, coin_game: Path) -> None:
    good = world.dump(world.initial(0))
    coin = TextWorldWorld(coin_game, name="coin")
    for bad in (b"", b"nonsense", good[:-1], good[:40] + b"\x00" + good[41:], coin.dump(coin.initial(0))):
        with pytest.raises(SaveError):
            world.load(bad)
    coin.close()


def test_a_killed_interpreter_is_replaced_unnoticed(world: TextWorldWorld) -> None:
    here = play(world, world.initial(0), ["open antique trunk"])
    expected = world.step(here, SEAT, "look").state
    pid = world._interpreter.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert world.step(here, SEAT, "look").state == expected
    assert world._interpreter.pid != pid


def test_nothing_is_printed(simple_game: Path, capfd: pytest.CaptureFixture[str]) -> None:
    world = TextWorldWorld(simple_game, name=SIMPLE)
    play(world, world.initial(0), ["look", "x" * 300, "open antique trunk"])
    world.close()
    assert capfd.readouterr() == ("", "")
