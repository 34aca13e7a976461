"""A world that remembers what its commands led to plays as one that does not."""

import pickle
import random

import pytest
from native_play import make

from sandbox import paths
from sandbox.world.native import NativeWorld, State, read_source

TYPED = (
    "score",
    "take it",
    "drop it",
    "again",
    "look",
    "x me",
    "tkae lamp",
    "oops take",
    "wait 2",
    "drop all",
    "i",
)


def pair(name: str) -> tuple[NativeWorld, NativeWorld]:
    source = read_source(paths.bundled() / "worlds" / name / "world.yaml")
    return NativeWorld(source, name), NativeWorld(source, name, remembering=False)


@pytest.mark.parametrize("name", ["lighthouse", "honey", "tutorial", "teahouse"])
def test_it_plays_the_same_with_and_without_memory(name: str) -> None:
    quick, plain = pair(name)
    generator, seat = random.Random(3), quick.seats[0]
    for seed in (0, 1, 0, 1, 2, 0):
        one, other = quick.initial(seed), plain.initial(seed)
        for _ in range(60):
            seen = quick.observe(one, seat)
            assert seen == plain.observe(other, seat)
            if seen.done:
                break
            listed = generator.random() < 0.9 and seen.admissible
            command = generator.choice(seen.admissible[:4]) if listed else generator.choice(TYPED)
            step, expected = quick.step(one, seat, command), plain.step(other, seat, command)
            assert step == expected
            one, other = step.state, expected.state
    assert any(scene.edges for scene in quick._recall._scenes.values())
    assert quick.dump(one) == plain.dump(other)


def test_a_limit_cuts_episodes_off_in_its_round_all_the_same() -> None:
    world = make("""
        title: Short
        seats: {ann: {start: a, goal: Walk.}}
        limit: 3
        rooms: {a: {exits: {north: b}}, b: {exits: {south: a}}}
        """)
    for _ in range(3):
        state, ends = world.initial(0), []
        for command in ("go north", "go south", "go north"):
            world.observe(state, "ann")
            step = world.step(state, "ann", command)
            state = step.state
            ends.append(step.truncated)
        assert ends == [False, False, True]


def test_what_is_remembered_is_no_part_of_a_state() -> None:
    world, _ = pair("tutorial")
    state = world.initial(0)
    seen = world.observe(state, world.seats[0])
    assert seen.admissible
    after = world.step(state, world.seats[0], seen.admissible[0]).state
    copied: State = pickle.loads(pickle.dumps(after))
    assert copied == after
    assert hash(copied) == hash(after)
    assert copied.scene is None
