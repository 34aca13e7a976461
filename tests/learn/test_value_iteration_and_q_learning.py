"""Q-learning, which knows no probabilities, comes to the values that value iteration computes from them."""

import random

import pytest

from sandbox.rl.tabular import TabularQ
from sandbox.rl.value_iteration import FiniteMDP, value_iteration
from sandbox.testing.table import TableWorld, to
from sandbox.types import Transition
from sandbox.world.solver import explore

GAMMA = 0.9


def slippery_bridge() -> TableWorld:
    """Running over the bridge is quick and may end in the river; the ford is sure and slow."""
    return TableWorld(
        table={
            "bank": {"run": ((0.6, "far bank", 4.0), (0.4, "river", -2.0)), "wade": to("ford", -0.5)},
            "ford": {"on": to("far bank", 1.0), "back": to("bank")},
            "river": {"swim": ((0.5, "bank", 0.0), (0.5, "river", -0.5)), "give up": to("drowned", -3.0)},
            "far bank": {"take hat": to("hat", 2.0), "go on": to("home", 3.0)},
            "hat": {"go on": to("home", 3.5), "back": to("bank")},
            "home": {},
            "drowned": {},
        },
        start="bank",
        wins={"home": ["player"]},
    )


def test_q_learning_converges_to_the_bellman_optimum():
    world = slippery_bridge()
    graph = explore(world)
    assert graph.complete
    optimum = value_iteration(FiniteMDP(graph.transitions("player")), gamma=GAMMA)
    assert optimum.residual < 1e-9

    generator = random.Random(5)
    learner = TabularQ(alpha=1.0, gamma=GAMMA, alpha_decay=0.7)
    observations = {}
    for episode in range(12_000):
        state = world.initial(episode)
        for _ in range(30):
            seen = world.observe(state, "player")
            observations[seen.description] = seen
            if seen.done or not seen.admissible:
                break
            command = generator.choice(seen.admissible)
            step = world.step(state, "player", command)
            after = world.observe(step.state, "player")
            learner.update(
                Transition(
                    observation=seen,
                    command=command,
                    reward=step.rewards.get("player", 0.0),
                    next_observation=after,
                    candidates=after.admissible or (),
                    terminated=step.terminated,
                )
            )
            state = step.state

    learned = {
        place: dict(zip(seen.admissible, learner.values(seen, seen.admissible), strict=True))
        for place, seen in observations.items()
        if seen.admissible
    }
    exact = dict(zip(places(world), optimum.q_values, strict=True))
    for place, values in learned.items():
        assert values == pytest.approx(exact[place], rel=0.03), place
        assert max(values, key=values.get) == max(exact[place], key=exact[place].get)


def places(world: TableWorld) -> list[str]:
    """The place of each node, in the order in which the solver numbers them."""
    found = []
    explore(world, visit=lambda state, _: found.append(state.place))
    return found
