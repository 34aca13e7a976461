"""The gate, held against adapters whose worth is known, by simulation."""

from __future__ import annotations

import random
from collections.abc import Callable
from statistics import NormalDist

import numpy as np
import pytest

from sandbox.bench.gate import simulate
from sandbox.session.runner import Episode
from sandbox.tune import gate
from sandbox.tune.noninferiority import LOOKS, boundaries, fewest, limits, needed

ROUNDS = 400
DEFAULT = fewest(gate.TOLERANCE, gate.CONFIDENCE)


def episodes(
    won: list[bool], *, per_world: int = 1, score: Callable[[int], float] | None = None, lines: str = "abcab"
) -> list[Episode]:
    return [
        Episode(
            world=f"w{number // per_world}",
            seed=number % per_world,
            won=each,
            score=float(each) if score is None else score(number),
            max_score=1.0,
            steps=5 if each else 25,
            commands=tuple(lines),
        )
        for number, each in enumerate(won)
    ]


def rate(before: float, after: float, n: int, *, verdict: str = "", rounds: int = ROUNDS) -> float:
    """Share of simulated rounds that pass, or end in a verdict. Outcomes of the two sides are independent."""
    rng, hits = random.Random(7), 0
    for _ in range(rounds):
        one, other = ([rng.random() < p for _ in range(n)] for p in (before, after))
        found, _, _ = gate.decide(episodes(one), episodes(other))
        hits += found == verdict if verdict else gate.passes(found)
    return hits / rounds


def test_the_default_size_follows_from_tolerance_and_confidence() -> None:
    assert DEFAULT == 45 and fewest(0.1, 0.9) == 22 and fewest(0.05, 0.95) == 59


def test_at_the_default_size_what_is_ten_points_worse_fails_and_what_is_equal_passes() -> None:
    assert rate(1.0, 0.9, DEFAULT) <= 0.1
    assert rate(1.0, 1.0, DEFAULT) >= 0.8
    assert rate(1.0, 1 - gate.TOLERANCE, DEFAULT) <= 0.13, "the boundary itself passes as seldom as was asked for"


@pytest.mark.parametrize("n", [8, 10, 20, 44])
def test_below_it_the_gate_is_undecided_and_says_how_many_it_takes(n: int) -> None:
    found = gate.compare(episodes([True] * n), episodes([True] * n))
    assert (found.verdict, found.passed, found.needed) == ("undecided", False, DEFAULT)
    assert f"about 45 worlds would tell, {45 - n} more" in found.reason


def test_where_half_is_won_ten_points_take_more_than_most_would_wait_for() -> None:
    found = gate.compare(episodes([True, False] * 30), episodes([True, True, False, False] * 15))
    assert found.verdict == "undecided" and found.needed is not None and 500 < found.needed < 1500
    assert f"about {found.needed} worlds" in found.reason
    assert rate(0.5, 0.5, DEFAULT, verdict="undecided") >= 0.6
    assert rate(0.5, 0.4, DEFAULT) <= 0.1
    assert rate(0.5, 0.4, 1000, rounds=50) <= 0.1 and rate(0.5, 0.5, 1000, rounds=50) >= 0.7


def test_where_nobody_wins_or_scores_nothing_is_said_of_any_adapter() -> None:
    for n in (8, 100):
        found = gate.compare(episodes([False] * n), episodes([False] * n))
        assert (found.verdict, found.passed) == ("undecided", False) and "easier worlds" in found.reason


def test_where_nobody_wins_scores_and_length_decide() -> None:
    def of(score: float) -> list[Episode]:
        return episodes([False] * 60, score=lambda number: score + 0.01 * (number % 3))

    assert gate.compare(of(0.5), of(0.5)).verdict == "not worse"
    assert gate.compare(of(0.5), of(0.3)).verdict == "worse"
    assert gate.compare(of(0.3), of(0.5)).verdict == "better"
    sooner = [each.__class__(**{**_fields(each), "steps": 8}) for each in of(0.5)]
    assert gate.compare(of(0.5), sooner).verdict == "worse", "it dies early"


def test_several_starts_of_one_world_count_as_one() -> None:
    won = [True] * 90
    assert gate.compare(episodes(won), episodes(won)).verdict == "not worse"
    clustered = gate.compare(episodes(won, per_world=10), episodes(won, per_world=10))
    assert clustered.verdict == "undecided" and "about 45 worlds would tell, 36 more" in clustered.reason
    assert "the episodes of one world count as one" in clustered.reason
    alone = gate.compare(episodes(won, per_world=90), episodes(won, per_world=90))
    assert alone.verdict == "not worse", "of one world alone the episodes speak, of that world"


def test_it_stops_where_it_cannot_be_passed_any_more_and_not_before() -> None:
    before = episodes([True] * 45)
    assert not gate.hopeless(before, episodes([True] * 20))
    assert gate.hopeless(before, episodes([False] * 8))
    early = gate.compare(before[:4] * 3, episodes([False] * 4) * 3, planned=45)
    assert not early.passed and "stopped after 12 of 45" in early.reason
    rng = random.Random(3)
    for _ in range(200):
        outcomes = [rng.random() < 0.97 for _ in range(45)]
        stopped = any(gate.hopeless(before, episodes(outcomes[:k])) for k in range(1, 46))
        if stopped:
            assert not gate.passes(gate.decide(before, episodes(outcomes))[0])
    assert not gate.hopeless(episodes([True] * 4), episodes([False] * 4)), "so few are played to their end"


def test_what_wins_do_not_tell_can_fail_a_round() -> None:
    won = [True] * 45
    forgot = gate.compare(episodes(won), episodes(won), perplexity=(20.0, 45.0))
    assert (forgot.verdict, forgot.passed) == ("worse", False) and "perplexity 20.0 to 45.0" in forgot.reason
    assert gate.compare(episodes(won), episodes(won), perplexity=(20.0, 22.0)).passed
    stammers = gate.compare(episodes(won), episodes(won, lines="aaaaa"))
    assert not stammers.passed and "0% to 80% of its lines" in stammers.reason
    assert gate.compare(episodes([False] * 45), episodes(won, lines="aaaaa")).passed, "it is better all the same"


def test_the_bounds_hold_as_often_as_they_say() -> None:
    """Coverage of the one-sided bounds where differences are common, and where they are rare."""
    rng = random.Random(5)
    for loss, gain in ((0.3, 0.2), (0.1, 0.0), (0.05, 0.05)):
        missed = 0
        for _ in range(1000):
            draws = [rng.random() for _ in range(60)]
            found = limits([-1.0 if u < loss else 1.0 if u < loss + gain else 0.0 for u in draws], 0.9)
            missed += found.low > gain - loss
        assert missed / 1000 <= 0.13
    assert needed([0.0] * 10, 0.05, 0.9) == 45


@pytest.mark.parametrize("confidence", [0.9, 0.975])
def test_looks_on_the_way_err_together_as_seldom_as_one_would(confidence: float) -> None:
    asked = boundaries(confidence)
    assert list(asked) == sorted(asked, reverse=True) and asked[0] > 0.999 and asked[-1] < confidence + 0.02
    steps = np.random.default_rng(1).standard_normal((40_000, len(LOOKS))) * np.sqrt(np.diff((0.0, *LOOKS)))
    scores = steps.cumsum(axis=1) / np.sqrt(LOOKS)
    crossed = (scores > [NormalDist().inv_cdf(each) for each in asked]).any(axis=1).mean()
    assert crossed == pytest.approx(1 - confidence, abs=0.005)


def test_it_accepts_early_what_is_plainly_better_and_no_more_often_what_is_worse() -> None:
    at_the_edge = simulate(0.8, 0.8 - gate.TOLERANCE, 200, 150, seed=1)
    assert at_the_edge["passed"] / 150 <= 0.15, "as seldom as was asked for, but for the noise of 150 rounds"
    better = simulate(0.1, 0.9, DEFAULT, 40)
    assert better["passed"] == 40 and better["episodes"] / 40 < DEFAULT / 2
    equal = simulate(1.0, 1.0, DEFAULT, 20)
    assert equal["passed"] == 20 and equal["episodes"] == 20 * DEFAULT, "where nothing differs it takes them all"


def test_it_is_looked_at_whole_worlds_and_said_when_it_was_settled() -> None:
    lost, won = [False] * 80, [True] * 80
    before, after = episodes(lost, per_world=2), episodes(won, per_world=2)
    assert [k for k in range(1, 81) if gate.settled(before, after[:k])] == [20, 40, 60]
    found = gate.compare(before, after[:20], looks=True)
    assert found.passed and found.after.episodes == 20 and "stopped after 20 of 80 episodes" in found.reason
    assert "could not pass" not in found.reason
    assert not gate.compare(before, after[:20]).passed, "where it was not looked, what is left out is not accepted"
    assert not any(gate.settled(before, episodes(lost, per_world=2)[:k]) for k in range(1, 81))


def _fields(episode: Episode) -> dict[str, object]:
    return {name: getattr(episode, name) for name in episode.__dataclass_fields__}
