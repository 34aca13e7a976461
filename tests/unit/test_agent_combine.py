"""Prior and Q become a score."""

import numpy as np
import pytest

from sandbox.agent.cards import Combine
from sandbox.agent.combine import EXCLUDED, combine, fading_weight, puct, sample_k, standardised, top_k

PRIORS = [-1.0, -2.0, -4.0]
Q = [0.0, 3.0, 6.0]


def scores(
    weight: float = 1.0, visits: tuple[int, ...] = (0, 0, 0), seed: int = 0, **settings: object
) -> list[float]:
    return combine(Combine(**settings), weight, PRIORS, Q, visits, np.random.default_rng(seed))


def test_additive() -> None:
    assert scores(method="additive", q_weight=0.5) == pytest.approx([-1.0, -0.5, -1.0])
    assert scores(weight=2.0, method="additive") == pytest.approx([-2.0, -1.0, -2.0])


def test_standardised_does_not_depend_on_the_scale_of_rewards() -> None:
    assert np.mean(standardised(Q)) == pytest.approx(0)
    assert np.std(standardised(Q)) == pytest.approx(1)
    assert standardised([100 * q + 7 for q in Q]) == pytest.approx(standardised(Q))
    assert standardised([5.0, 5.0]) == [0.0, 0.0]
    expected = [prior + z for prior, z in zip(PRIORS, standardised(Q), strict=True)]
    assert scores(method="standardised") == pytest.approx(expected)


def test_puct_gives_each_command_its_turn_the_likelier_the_sooner() -> None:
    likely = [np.log(0.6), np.log(0.3), np.log(0.1)]
    assert puct(likely, [0, 0, 0]) == pytest.approx([0.6, 0.3, 0.1])
    assert puct(likely, [3, 0, 0]) == pytest.approx([0.6 * 2 / 4, 0.3 * 2, 0.1 * 2])
    visits = [0, 0, 0]
    for _ in range(100):
        visits[int(np.argmax(puct(likely, visits)))] += 1
    assert visits == pytest.approx([60, 30, 10], abs=2)
    assert scores(method="puct", q_weight=0.0, visits=(0, 9, 9))[0] > scores(method="puct", q_weight=0.0)[0]


def test_a_share_of_the_prior_may_be_spread_evenly() -> None:
    likely = np.log([0.9, 0.08, 0.02])
    assert puct(likely, [0, 0, 0], 0.6) == pytest.approx([0.56, 0.232, 0.208])
    assert puct(likely, [0, 0, 0], 1.0) == pytest.approx([1 / 3] * 3)

    def tried_before_the_last(even_share: float) -> int:
        visits = [0, 0, 0]
        while not visits[2]:
            visits[int(np.argmax(puct(likely, visits, even_share)))] += 1
        return sum(visits) - 1

    assert tried_before_the_last(0.5) < 8 < 40 < tried_before_the_last(0.0)


def test_one_alone() -> None:
    assert scores(method="prior") == PRIORS
    assert scores(method="q") == Q


def test_the_prior_fades_with_visits() -> None:
    assert fading_weight(2.0, 10, 0.1) == pytest.approx(1.0)
    assert fading_weight(2.0, 10, 0.0) == 2.0
    assert scores(visits=(10, 20, 0), method="additive", visit_decay=0.1) == pytest.approx([-0.25, 2.5, 5.0])


def test_top_k_lets_q_choose_among_the_likeliest() -> None:
    assert top_k(PRIORS, 2) == [0, 1]
    assert top_k(PRIORS, 9) == [0, 1, 2]
    assert scores(method="top-k", top_k=2, q_weight=2.0) == [0.0, 6.0, EXCLUDED]


def test_sample_k_draws_from_the_prior() -> None:
    rng = np.random.default_rng(3)
    drawn = [sample_k([np.log(0.7), np.log(0.2), np.log(0.1)], 1, rng)[0] for _ in range(3000)]
    assert np.bincount(drawn) / 3000 == pytest.approx([0.7, 0.2, 0.1], abs=0.03)
    assert sorted(sample_k(PRIORS, 5, rng)) == [0, 1, 2]
    assert sorted(sample_k([0.0, -2000.0], 2, rng)) == [0]
    assert scores(seed=1, method="sample-k", top_k=1).count(EXCLUDED) == 2
