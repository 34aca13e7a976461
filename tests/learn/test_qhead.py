"""The Q-head: to values known by hand, over the real model's hidden states, and through a save."""

from __future__ import annotations

import zlib
from collections.abc import Callable, Sequence

import numpy as np
import pytest
import torch
from test_tabular import GAMMA, LENGTH, corridor

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import parse_card
from sandbox.agent.learners import build_learner
from sandbox.errors import SaveError
from sandbox.llm.cached import CachedModel
from sandbox.llm.local import LocalModel
from sandbox.llm.questions import Features
from sandbox.rl.qhead import QHead
from sandbox.testing.agent_contract import check_agent
from sandbox.types import Exchange, Observation, Transition


class Words:
    """Features that say nothing but which pair it is, on scales far apart, as hidden states have them."""

    def __init__(self, source: str = "m@base", width: int = 32) -> None:
        self.source = source
        self.width = width

    def __call__(self, observation: Observation, commands: Sequence[str]) -> Features:
        seeds = [zlib.crc32(f"{observation.state_key} {command}".encode()) for command in commands]
        scales = np.logspace(-1, 2, self.width)
        return np.stack(
            [5 + scales * np.random.default_rng(seed).standard_normal(self.width) for seed in seeds]
        ).astype(np.float32)


def wander(learner: QHead, episodes: int, seed: int) -> list[Observation]:
    """Learn from a behaviour that is far from greedy; the rooms that were seen, in order."""
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
    return [seen[description] for description in sorted(seen)]


@pytest.mark.parametrize(("hidden", "learning_rate"), [(0, 0.02), (32, 0.005)])
def test_it_comes_to_the_optimum_known_by_hand(hidden: int, learning_rate: float) -> None:
    learner = QHead(Words(width=64), gamma=GAMMA, hidden=hidden, learning_rate=learning_rate, tau=0.05)
    seen = wander(learner, episodes=30, seed=4)
    assert len(seen) == LENGTH
    for number, observation in enumerate(seen):
        on, back, home = learner.values(observation, ["on", "back", "home"])
        assert on > back > home
        assert on == pytest.approx(10 * GAMMA ** (LENGTH - 1 - number), abs=0.5)
        assert home == pytest.approx(1.0, abs=0.5)


def room(text: str) -> Observation:
    return Observation(seat="player", turn=0, text=text, description=text, admissible=("a", "b"))


def step(text: str, command: str, reward: float, **more: object) -> Transition:
    end = Observation(seat="player", turn=1, text="Done.", done=True)
    given = {"terminated": True, "next_observation": end, **more}
    return Transition(observation=room(text), command=command, reward=reward, **given)  # type: ignore[arg-type]


def test_what_was_never_rewarded_is_worth_nothing_exactly() -> None:
    learner = QHead(Words())
    assert learner.values(room("hall"), ["a", "b"]) == [0.0, 0.0]
    for _ in range(5):
        learner.update(step("hall", "a", 0.0, terminated=False, next_observation=room("shed")))
    assert learner.values(room("hall"), ["a", "b"]) == [0.0, 0.0]
    assert learner.values(room("hall"), []) == []


def test_the_update_adds_up_and_counts() -> None:
    learner = QHead(Words(), hidden=8)
    updates = [
        learner.update(step("hall", "a", 5.0, terminated=False, next_observation=room("hall"))) for _ in range(5)
    ]
    for update in updates:
        assert update.after == pytest.approx(update.before + update.alpha * update.error)
    assert updates[-1].after > updates[0].before
    assert learner.visits(room("hall"), ["a", "b"]) == [5, 0]
    ended = learner.update(step("hall", "b", 1.0))
    assert ended.next_value == 0.0
    assert ended.after > ended.before


def test_the_same_seed_learns_the_same_and_nothing_global_is_touched() -> None:
    state = torch.random.get_rng_state()
    first, second, other = QHead(Words(), seed=1), QHead(Words(), seed=1), QHead(Words(), seed=2)
    for learner in (first, second, other):
        wander(learner, episodes=2, seed=0)
    probe = (room("hall"), ["a", "b"])
    assert first.values(*probe) == second.values(*probe) != other.values(*probe)
    assert torch.equal(torch.random.get_rng_state(), state)


def test_what_was_learned_comes_back_and_damage_is_refused() -> None:
    learner = QHead(Words(), hidden=8)
    seen = wander(learner, episodes=3, seed=0)
    records = learner.dump()
    resumed = QHead(Words(), hidden=8, seed=9)
    resumed.load(records)
    for observation in seen:
        assert resumed.values(observation, ["on", "back"]) == learner.values(observation, ["on", "back"])
        assert resumed.visits(observation, ["on"]) == learner.visits(observation, ["on"])
    assert resumed.dump() == records
    for damaged in (
        {**records, "weights": records["weights"][:-9]},
        {**records, "visits": b"[1]"},
        {"visits": records["visits"]},
        QHead(Words(), hidden=4).dump(),
        QHead(Words(width=16), hidden=8).dump(),
    ):
        with pytest.raises(SaveError, match="Q-head"):
            resumed.load(damaged)
        assert resumed.dump() == records


def test_a_save_gets_the_weights_now_and_then() -> None:
    learner = QHead(Words(), hidden=0, batch=2, steps=1)
    written = []
    for _ in range(260):
        learner.update(step("hall", "a", 1.0))
        written.append(len(learner.changes()))
    assert written.count(0) == 259
    assert learner.changes() == {}


def test_another_adapter_starts_replay_anew_and_keeps_what_was_learned() -> None:
    words = Words()
    learner = QHead(words, hidden=0, learning_rate=0.05)
    for _ in range(10):
        learner.update(step("hall", "a", 10.0, terminated=False, next_observation=room("shed")))
    words.source = "m@sft-1"
    (before,) = learner.values(room("hall"), ["a"])
    assert before > 3.0
    drawn = len(learner._replay)
    learner.update(step("shed", "b", 0.0))
    assert (drawn, len(learner._replay)) == (10, 1), "old features are replayed no more"
    assert learner.values(room("hall"), ["a"])[0] > 1.0


# Over the real model.

CARD = """\
model: smollm2-135m-instruct
prompt: {shows: situation}
learner: {kind: q-head, learning_rate: 0.01}
combine: {method: q}
explore: {epsilon: 0}
"""


@pytest.fixture
def head(local_model: LocalModel) -> Callable[[], CardAgent]:
    model, card = CachedModel(local_model), parse_card(CARD, "head")
    return lambda: CardAgent(card, model, build_learner(card, model))


def kitchen(thing: str) -> Observation:
    text = f"Kitchen. There is a {thing} here."
    commands = (f"eat {thing}", f"take {thing}", "wait")
    return Observation(seat="player", turn=0, text=text, description=text, admissible=commands)


def test_it_prefers_what_was_rewarded_also_with_things_it_never_saw(
    head: Callable[[], CardAgent], local_model: LocalModel
) -> None:
    agent = head()
    end = Observation(seat="player", turn=1, text="Done.", done=True)
    for _ in range(12):
        for thing in ("red key", "brass key", "iron key", "wooden spoon"):
            for command in kitchen(thing).admissible or ():
                agent.learn(
                    Transition(
                        observation=kitchen(thing),
                        command=command,
                        reward=1.0 if command.startswith("take") else -1.0 if command.startswith("eat") else 0.0,
                        next_observation=end,
                        terminated=True,
                    )
                )
    encoded = local_model.encoded
    for thing in ("red key", "wooden spoon"):
        seen = kitchen(thing)
        decision = agent.decide(seen, (Exchange(command="", reply=seen.text),), seed=0)
        assert decision.command == f"take {thing}"
        assert decision.q_values[0] > 0.5 > -0.5 > min(decision.q_values)
    assert local_model.encoded == encoded, "prior and features come from passes that were made while learning"
    unseen = kitchen("silver key")
    q = dict(zip(unseen.admissible or (), agent.learner.values(unseen, unseen.admissible or ()), strict=True))  # type: ignore[union-attr]
    assert q["take silver key"] > q["eat silver key"] + 0.5


def test_a_new_state_takes_one_pass_for_the_prior_and_the_features(
    head: Callable[[], CardAgent], local_model: LocalModel
) -> None:
    agent, seen = head(), kitchen("copper kettle")
    local_model.forget()
    before = local_model.encoded
    decision = agent.decide(seen, (Exchange(command="", reply=seen.text),), seed=0)
    prompt = len(local_model.encode(decision.prompt))
    options = sum(len(local_model.encode(f" {command}\n")) for command in seen.admissible or ())
    assert local_model.encoded - before < prompt + options


def test_it_keeps_the_contract_of_agents(head: Callable[[], CardAgent]) -> None:
    check_agent(head, corridor(), steps=6)
