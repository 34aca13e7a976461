"""Value iteration against values worked out by hand and against policy evaluation as a linear system."""

import numpy as np
import pytest

from sandbox.rl.value_iteration import FiniteMDP, value_iteration


def corridor(length: int) -> FiniteMDP:
    """States 0..length-1 in a row; walking off the right end pays 1 and ends the episode."""
    return FiniteMDP(
        tuple(
            {
                "left": [(1.0, max(s - 1, 0), 0.0, False)],
                "right": [(1.0, min(s + 1, length - 1), float(s == length - 1), s == length - 1)],
            }
            for s in range(length)
        )
    )


def test_a_corridor_is_worth_its_discounted_end():
    optimum = value_iteration(corridor(5), gamma=0.9)
    assert optimum.values == pytest.approx([0.9**4, 0.9**3, 0.9**2, 0.9, 1.0])
    assert optimum.q_values[2] == pytest.approx({"left": 0.9**4, "right": 0.9**2})
    assert [optimum.greedy(s) for s in range(5)] == ["right"] * 5
    assert optimum.converged
    assert optimum.residual <= 1e-10


def test_chance_is_an_expectation():
    # A lottery ticket: one in four pays 10 and ends, otherwise one stays and may try again.
    gamble = {"play": [(0.25, 1, 10.0, True), (0.75, 0, -1.0, False)], "leave": [(1.0, 1, 1.0, True)]}
    optimum = value_iteration(FiniteMDP((gamble, {})), gamma=0.9)
    play = (0.25 * 10 - 0.75) / (1 - 0.75 * 0.9)
    assert optimum.values == pytest.approx([play, 0.0])
    assert optimum.q_values[0]["leave"] == pytest.approx(1.0)
    assert optimum.greedy(1) is None


def test_the_optimum_solves_the_linear_system_of_its_own_policy_and_no_policy_beats_it():
    generator = np.random.default_rng(7)
    states, gamma = 30, 0.95
    transitions = []
    for _ in range(states):
        actions = {}
        for name in "abc":
            successors = generator.choice(states, size=3, replace=False)
            odds = generator.dirichlet(np.ones(3))
            actions[name] = [
                (float(p), int(s), float(generator.normal()), False) for p, s in zip(odds, successors, strict=True)
            ]
        transitions.append(actions)
    optimum = value_iteration(FiniteMDP(tuple(transitions)), gamma=gamma)

    def evaluate(policy: list[str]) -> np.ndarray:
        matrix, rewards = np.eye(states), np.zeros(states)
        for s, action in enumerate(policy):
            for p, successor, reward, _ in transitions[s][action]:
                matrix[s, successor] -= gamma * p
                rewards[s] += p * reward
        return np.linalg.solve(matrix, rewards)

    greedy = [optimum.greedy(s) for s in range(states)]
    assert evaluate(greedy) == pytest.approx(np.array(optimum.values), abs=10 * optimum.error_bound)
    for _ in range(20):
        random_policy = [str(generator.choice(list("abc"))) for _ in range(states)]
        assert np.all(evaluate(random_policy) <= np.array(optimum.values) + 1e-6)


def test_a_loop_that_pays_for_ever_is_reported_as_not_converged():
    optimum = value_iteration(FiniteMDP(({"on": [(1.0, 0, 1.0, False)]},)), gamma=1.0, max_sweeps=50)
    assert not optimum.converged
    assert optimum.sweeps == 50
    assert optimum.error_bound == float("inf")


@pytest.mark.parametrize(
    "transitions",
    [({"a": [(0.5, 0, 0.0, False)]},), ({"a": [(1.0, 1, 0.0, False)]},)],
    ids=["probabilities", "successor"],
)
def test_what_is_no_decision_process_is_refused(transitions):
    with pytest.raises(ValueError, match="'a' in state 0"):
        FiniteMDP(transitions)
