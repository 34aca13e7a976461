"""Tabular Q on small worlds whose optimum is known by hand, and as the learner of a whole agent."""

import numpy as np
import pytest

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import parse_card
from sandbox.agent.learners import build_learner
from sandbox.rl.tabular import TabularQ
from sandbox.testing.table import TableWorld, to
from sandbox.types import Exchange, Transition

GAMMA = 0.9
LENGTH = 6


def corridor(length: int = LENGTH) -> TableWorld:
    """Rooms in a row. Going on to the end earns 10; the way back home, at any point, earns 1 and ends it."""
    table = {}
    for room in range(length):
        on = to("treasure", 10.0) if room == length - 1 else to(f"room {room + 1}")
        table[f"room {room}"] = {"on": on, "back": to(f"room {max(room - 1, 0)}"), "home": to("home", 1.0)}
    return TableWorld(table={**table, "treasure": {}, "home": {}}, start="room 0", wins={"treasure": ["player"]})


@pytest.mark.parametrize("trace", [0.0, 0.8])
@pytest.mark.parametrize("initial", [0.0, 20.0])
def test_q_comes_to_the_optimum_known_by_hand(trace: float, initial: float) -> None:
    world, rng = corridor(), np.random.default_rng(4)
    learner = TabularQ(alpha=0.5, gamma=GAMMA, initial=initial, trace=trace)
    seen = {}
    for _ in range(800):
        state = world.initial(0)
        for _ in range(20):
            observation = world.observe(state, "player")
            if observation.done:
                break
            seen[observation.description] = observation
            assert observation.admissible == ("back", "home", "on")
            command = str(rng.choice(observation.admissible, p=[0.25, 0.1, 0.65]))
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
    assert len(seen) == LENGTH
    for number, observation in enumerate(sorted(seen.values(), key=lambda each: each.description)):
        to_go = LENGTH - 1 - number
        best_behind = 10 * GAMMA ** (LENGTH - 1 - max(number - 1, 0))
        exact = [10 * GAMMA**to_go, GAMMA * best_behind, 1.0]
        assert learner.values(observation, ["on", "back", "home"]) == pytest.approx(exact, abs=0.02)


def wins(card: str, episodes: int, seed: int, max_steps: int = 30) -> list[bool]:
    """Whether each episode was won by an agent that learns from one to the next."""
    world, parsed = corridor(), parse_card(card, "learner")
    agent = CardAgent(parsed, None, build_learner(parsed), verbs=world.verbs)
    won = []
    for episode in range(episodes):
        state, history, command = world.initial(0), [], ""
        for turn in range(max_steps):
            observation = world.observe(state, "player")
            history.append(Exchange(command=command, reply=observation.text))
            if observation.done:
                break
            decision = agent.decide(observation, history, seed=seed * 100_000 + episode * 100 + turn)
            command = decision.command
            step = world.step(state, "player", command)
            after = world.observe(step.state, "player")
            agent.learn(
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
        agent.end_episode()
        won.append(world.observe(state, "player").won)
    return won


Q_TABLE = "learner: {alpha: 0.5, gamma: 0.9, initial: %s}\nexplore: {epsilon: {start: %s, end: 0.05, over: 60}}"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_q_table_agent_learns_to_win_and_a_random_one_does_not(seed: int) -> None:
    random = wins("", 100, seed)
    assert sum(random[-30:]) <= 3
    optimistic = wins(Q_TABLE % (10.0, 0.05), 100, seed)
    assert sum(optimistic[-30:]) >= 25
    assert sum(optimistic) > sum(random) + 50


def test_optimism_finds_what_a_zero_start_does_not_dare_to_look_for() -> None:
    timid = wins(Q_TABLE % (0.0, 0.05), 60, seed=1)
    optimistic = wins(Q_TABLE % (10.0, 0.05), 60, seed=1)
    assert sum(optimistic) > sum(timid) + 30
