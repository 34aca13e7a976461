"""Schedules, and the ways to choose."""

import numpy as np
import pytest

from sandbox.rl.exploration import Schedule, epsilon_greedy, greedy, sample_softmax, softmax


def test_a_constant_schedule_stays() -> None:
    schedule = Schedule.constant(0.3)
    assert schedule.at(steps=0, episodes=0) == schedule.at(steps=999, episodes=999) == 0.3


def test_linear_by_episodes() -> None:
    schedule = Schedule(1.0, 0.1, over=60)
    values = [schedule.at(steps=12345, episodes=n) for n in (0, 30, 60, 600)]
    assert values == pytest.approx([1.0, 0.55, 0.1, 0.1])


def test_exponential_by_steps() -> None:
    schedule = Schedule(1.0, 0.01, over=100, unit="steps", shape="exponential")
    values = [schedule.at(steps=n, episodes=12345) for n in (0, 50, 100, 1000)]
    assert values == pytest.approx([1.0, 0.1, 0.01, 0.01])


def test_epsilon_is_the_share_of_uniform_choices() -> None:
    rng = np.random.default_rng(0)
    drawn = [epsilon_greedy([0.0, 1.0, 0.5, 0.0], 0.4, rng) for _ in range(4000)]
    explored = sum(flag for _, flag in drawn) / len(drawn)
    assert explored == pytest.approx(0.4, abs=0.03)
    assert {index for index, flag in drawn if not flag} == {1}
    uniform = [index for index, flag in drawn if flag]
    assert np.bincount(uniform, minlength=4) / len(uniform) == pytest.approx([0.25] * 4, abs=0.05)


def test_equal_scores_have_equal_chances() -> None:
    rng = np.random.default_rng(1)
    counts = np.bincount([greedy([2.0, 1.0, 2.0], rng) for _ in range(2000)], minlength=3)
    assert counts[1] == 0
    assert counts[0] / 2000 == pytest.approx(0.5, abs=0.05)


def test_softmax_follows_the_scores() -> None:
    assert softmax([0.0, np.log(3.0)]) == pytest.approx([0.25, 0.75])
    assert softmax([1000.0, 999.0], temperature=0.01) == pytest.approx([1.0, 0.0])
    rng = np.random.default_rng(2)
    drawn = [sample_softmax([0.0, np.log(3.0)], 1.0, rng) for _ in range(2000)]
    assert np.mean(drawn) == pytest.approx(0.75, abs=0.04)
    assert {sample_softmax([0.0, 0.1], 0.0, rng) for _ in range(20)} == {1}


def test_the_same_generator_gives_the_same_choices() -> None:
    first, second = (
        [epsilon_greedy([0.0, 0.0, 1.0], 0.5, rng) for _ in range(50)]
        for rng in (np.random.default_rng(7), np.random.default_rng(7))
    )
    assert first == second
