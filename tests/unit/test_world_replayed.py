"""Worlds over simulators that can neither be copied nor saved: going back is going all the way again."""

from __future__ import annotations

import copy
import pickle
import time
from dataclasses import dataclass, field, replace
from functools import partial

import pytest

from sandbox.errors import SaveError, WorldError
from sandbox.testing import check_world
from sandbox.testing.contract import ContractError
from sandbox.world.envelope import encode, seal, unseal
from sandbox.world.replayed import Prospect, ReplayedWorld, _StoredWay

SEAT = "player"
STARTED: list[Stairs] = []


@dataclass
class Stairs:
    """Steps to climb, up to a roof. It counts what it is given, and dies of some commands."""

    height: int = 4
    drift: bool = False
    """Whether it says other things each time."""
    given: list[str] = field(default_factory=list)
    begun: int = 0
    at: int = 0
    dead: bool = False

    def __post_init__(self) -> None:
        STARTED.append(self)

    def begin(self) -> str:
        self._live()
        self.begun, self.at = self.begun + 1, 0
        return "You stand at the foot of the stairs.\x07" + "!" * (self.begun if self.drift else 0)

    def give(self, command: str) -> str:
        self._live()
        self.given.append(command)
        if command == "crash":
            self.dead = True
        while command == "freeze" and not self.dead:
            time.sleep(0.01)
        self._live()
        if command not in ("up", "down"):
            return f"You cannot {command or 'do nothing'} here, {self.at} steps up."
        self.at = max(0, self.at + (1 if command == "up" else -1))
        return f"\x1b[1mYou are {self.at} steps up."

    def prospect(self) -> Prospect:
        self._live()
        top = self.at == self.height
        return Prospect(
            description=f"Stairs, {self.at} steps up.\x00",
            goal="Climb to the roof.",
            score=float(self.at),
            max_score=float(self.height),
            admissible=("up", "down", "up"),
            done=top,
            won=top,
        )

    def walkthrough(self) -> tuple[str, ...]:
        self.at = 2
        return ("up",) * self.height

    def kill(self) -> None:
        self.dead = True

    def _live(self) -> None:
        if self.dead:
            raise BrokenPipeError


def stairs(*, drift: bool = False, **options: float) -> ReplayedWorld:
    STARTED.clear()
    return ReplayedWorld(
        partial(Stairs, drift=drift),
        name="stairs:4",
        title="Stairs",
        fingerprint="stairs 1",
        **options,  # type: ignore[arg-type]
    )


def test_it_keeps_all_that_a_world_promises() -> None:
    world = stairs()
    check_world(world, seeds=(0, 1), steps=12)
    state = world.initial(0)
    for command in world.walkthrough():
        state = world.step(state, SEAT, command).state
    seen = world.observe(state, SEAT)
    assert (seen.won, seen.done, seen.score, seen.admissible) == (True, True, 4.0, ())
    assert (seen.text, seen.description) == ("You are 4 steps up.", "Stairs, 4 steps up.")


def test_going_on_replays_nothing_and_going_back_replays_the_way() -> None:
    world = stairs()
    start = state = world.initial(0)
    for command in ("up", "up", "up"):
        state = world.step(state, SEAT, command).state
    (simulator,) = STARTED
    assert simulator.begun == 1 and simulator.given == ["up"] * 3
    assert world.step(start, SEAT, "up").state.way == ("up",)
    assert simulator.begun == 1, "what was seen before is remembered"
    world.step(world.load(world.dump(state)), SEAT, "down")
    assert simulator.begun == 1, "it stands there already"
    other = world.step(start, SEAT, "down").state
    assert simulator.begun == 2 and world.observe(other, SEAT).text == "You are 0 steps up."
    world.step(state, SEAT, "wait")
    assert simulator.given[-4:] == ["up", "up", "up", "wait"]


def test_a_command_that_it_dies_of_changes_nothing_and_is_not_tried_a_third_time() -> None:
    world = stairs(seconds=0.2)
    state = world.step(world.initial(0), SEAT, "up").state
    for command, answer in (("crash", "stopped"), ("freeze", "froze")):
        step = world.step(state, SEAT, command)
        seen = world.observe(step.state, SEAT)
        assert seen.text == f"The simulator {answer} over that. Nothing has changed."
        assert (seen.score, seen.turn, dict(step.rewards)) == (1.0, 2, {})
        assert world.observe(world.step(step.state, SEAT, "up").state, SEAT).score == 2.0
        started = len(STARTED)
        assert world.step(state, SEAT, command).state == step.state and len(STARTED) == started
    STARTED[-1].kill()  # from outside
    assert world.observe(world.step(state, SEAT, "down").state, SEAT).score == 0.0


def test_one_that_does_not_come_back_to_the_same_place_is_an_error() -> None:
    world = stairs(drift=True)
    start = world.initial(0)
    world.step(start, SEAT, "up")
    with pytest.raises(WorldError, match="said something else"):
        world.step(start, SEAT, "down")
    with pytest.raises(ContractError, match="said something else"):
        check_world(world, seeds=(0,), steps=6)


def test_a_way_has_a_longest_length_and_is_cut_off_there() -> None:
    world = stairs(longest=3)
    state = world.initial(0)
    for command in ("down", "up"):
        state = world.step(state, SEAT, command).state
    step = world.step(state, SEAT, "up")
    assert (step.truncated, step.terminated) == (True, False) and world.to_move(step.state) is None
    seen = world.observe(step.state, SEAT)
    assert seen.done and not seen.won and seen.admissible == ()


def test_copies_and_pickles_have_a_simulator_of_their_own_and_a_closed_world_says_so() -> None:
    world = stairs()
    state = world.step(world.initial(0), SEAT, "up").state
    for twin in (copy.deepcopy(world), pickle.loads(pickle.dumps(world))):
        after = twin.step(twin.load(world.dump(state)), SEAT, "up").state
        assert twin.observe(after, SEAT).score == 2.0 and twin.fingerprint == world.fingerprint
    assert len(STARTED) == 3
    world.close()
    assert STARTED[0].dead
    assert "has been closed" in world.step(state, SEAT, "down").state.text
    with pytest.raises(WorldError, match="has been closed"):
        stairs_closed = stairs()
        stairs_closed.close()
        stairs_closed.initial(0)


def test_a_stored_way_that_is_too_long_or_is_none_is_refused() -> None:
    world = stairs(longest=3)
    data = world.dump(world.initial(0))
    stored = unseal(data, _StoredWay, world.fingerprint, world.name)
    for way in (b'["up", "up", "up", "up"]', b'{"up": 1}', b'["up\\n"]', b"[1]", b"nothing"):
        with pytest.raises(SaveError, match="holds no commands"):
            world.load(seal(stored.model_copy(update={"machine": encode(way)})))
    other = ReplayedWorld(Stairs, name="stairs:4", title="Stairs", fingerprint="stairs 2")
    with pytest.raises(SaveError, match="another version"):
        other.load(data)
    assert replace(world.load(data), turn=0) == world.initial(0)
