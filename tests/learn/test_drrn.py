"""The neural learner comes to values known by hand, carries over to what it never saw, and survives a save."""

import numpy as np
import pytest
import torch
from test_tabular import GAMMA, LENGTH, corridor

from sandbox.errors import SaveError
from sandbox.rl.drrn import DRRN
from sandbox.types import Observation, Transition


def wander(learner: DRRN, episodes: int, seed: int) -> dict[str, Observation]:
    """Learn from a behaviour that is far from greedy; the rooms that were seen."""
    world, rng, seen = corridor(), np.random.default_rng(seed), {}
    for _ in range(episodes):
        state = world.initial(0)
        for _ in range(20):
            observation = world.observe(state, "player")
            if observation.done:
                break
            seen[observation.description] = observation
            command = str(rng.choice(observation.admissible or (), p=[0.25, 0.1, 0.65]))
            step = world.step(state, "player", command)
            after = world.observe(step.state, "player")
            learner.update(
                Transition(
                    observation=observation,
                    command=command,
                    reward=step.rewards.get("player", 0.0),
                    next_observation=after,
                    candidates=after.admissible or (),
                    terminated=step.terminated,
                )
            )
            state = step.state
    return seen


def test_it_comes_to_the_optimum_known_by_hand() -> None:
    learner = DRRN(gamma=GAMMA, hidden=32, learning_rate=3e-3)
    seen = wander(learner, episodes=60, seed=4)
    assert len(seen) == LENGTH
    for number, observation in enumerate(sorted(seen.values(), key=lambda each: each.description)):
        on, back, home = learner.values(observation, ["on", "back", "home"])
        assert on > back > home
        assert on == pytest.approx(10 * GAMMA ** (LENGTH - 1 - number), abs=0.6)
        assert home == pytest.approx(1.0, abs=0.6)


def room(thing: str) -> Observation:
    commands = (f"eat {thing}", f"take {thing}")
    return Observation(seat="player", turn=0, text=f"There is a {thing} here.", admissible=commands)


def test_it_knows_what_to_do_with_things_it_never_saw() -> None:
    learner = DRRN(hidden=32, learning_rate=3e-3, n_step=1)
    end = Observation(seat="player", turn=1, text="Done.", done=True)
    for _ in range(20):
        for colour in ("red", "green", "brass", "iron", "tiny"):
            for verb, reward in (("take", 1.0), ("eat", -1.0)):
                seen = room(f"{colour} key")
                learner.update(
                    Transition(
                        observation=seen,
                        command=f"{verb} {colour} key",
                        reward=reward,
                        next_observation=end,
                        terminated=True,
                    )
                )
    for thing in ("silver key", "blue key", "golden key"):
        eat, take = learner.values(room(thing), [f"eat {thing}", f"take {thing}"])
        assert take > eat + 0.3


def shelf(wanted: str, *things: str) -> Observation:
    return Observation(
        seat="player",
        turn=0,
        text="A shelf.",
        goal=f"Please, bring me the {wanted}.",
        admissible=tuple(f"bring {thing}" for thing in things),
    )


def test_it_does_what_is_asked_for_with_things_it_never_saw() -> None:
    learner = DRRN(hidden=16, learning_rate=3e-3, n_step=1)
    end = Observation(seat="player", turn=1, text="Done.", done=True)
    known = ("red key", "green bowl", "brass lamp", "iron bar")
    for _ in range(12):
        for wanted in known:
            for thing in known:
                reward = 1.0 if thing == wanted else 0.0
                seen, command = shelf(wanted, *known), f"bring {thing}"
                step = Transition(
                    observation=seen, command=command, reward=reward, next_observation=end, terminated=True
                )
                learner.update(step)
    new = ("silver spoon", "blue vase", "old map")
    for wanted in new:
        seen = shelf(wanted, *new)
        values = dict(zip(new, learner.values(seen, seen.admissible or ()), strict=True))
        assert max(values, key=values.__getitem__) == wanted
        assert values[wanted] > 0.5 > max(value for thing, value in values.items() if thing != wanted)


def test_the_update_adds_up_and_counts() -> None:
    learner = DRRN(hidden=8)
    transition = Transition(observation=room("key"), command="take key", reward=5.0, next_observation=room("lamp"))
    updates = [learner.update(transition) for _ in range(5)]
    for update in updates:
        assert update.after == pytest.approx(update.before + update.alpha * update.error)
    assert updates[-1].after > updates[0].before
    assert learner.visits(room("key"), ["take key", "eat key"]) == [5, 0]
    ended = learner.update(
        Transition(observation=room("a"), command="b", reward=0, next_observation=room("c"), terminated=True)
    )
    assert ended.next_value == 0.0
    assert learner.values(room("key"), []) == []


def test_the_same_seed_learns_the_same_and_nothing_global_is_touched() -> None:
    state = torch.random.get_rng_state()
    first, second, other = DRRN(hidden=8, seed=1), DRRN(hidden=8, seed=1), DRRN(hidden=8, seed=2)
    for learner in (first, second, other):
        wander(learner, episodes=3, seed=0)
    probe = (room("key"), ["take key", "eat key"])
    assert first.values(*probe) == second.values(*probe) != other.values(*probe)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_was_learned_comes_back_and_damage_is_refused() -> None:
    learner = DRRN(hidden=8)
    seen = wander(learner, episodes=5, seed=0)
    records = learner.dump()
    resumed = DRRN(hidden=8, seed=9)
    resumed.load(records)
    for observation in seen.values():
        assert resumed.values(observation, ["on", "back"]) == learner.values(observation, ["on", "back"])
        assert resumed.visits(observation, ["on"]) == learner.visits(observation, ["on"])
    assert resumed.dump() == records
    for damaged in (
        {**records, "weights": records["weights"][:-9]},
        {**records, "visits": b"[1]"},
        {"visits": records["visits"]},
        DRRN(hidden=4).dump(),
    ):
        with pytest.raises(SaveError, match="neural learner"):
            resumed.load(damaged)
        assert resumed.dump() == records


def test_a_save_gets_the_weights_now_and_then() -> None:
    learner = DRRN(hidden=4, batch=4)
    transition = Transition(observation=room("key"), command="take key", reward=1.0, next_observation=room("key"))
    written = []
    for _ in range(300):
        learner.update(transition)
        written.append(len(learner.changes()))
    assert written.count(0) == 299
    assert learner.changes() == {}
