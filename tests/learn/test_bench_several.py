"""The parts of `bench learning` about several agents and about TextWorld's tutorial, each in its smallest size."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from sandbox.bench.learning import notebook, seats
from sandbox.paths import Home


@pytest.fixture(scope="module", autouse=True)
def cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Games are compiled for these tests, not into the user's cache."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.mark.parametrize("mind", ["vdn", "independent", "joint"])
def test_a_pair_is_trained_whatever_its_mind(mind: seats.Mind) -> None:
    result = seats.PairTraining(mind, seed=0, budget=2, check=2, unseen=2).run(Home.find())
    assert result["episodes"] == 2 and 0 <= result["won"] <= 2


def test_generations_are_raced_and_rated() -> None:
    result = seats.SelfPlay(seed=1, generations=2, episodes=4).run(Home.find())
    assert 0 <= result["won"] <= seats.EPISODES
    assert len(result["skills"]) == 2


def test_the_tutorials_game_is_learned_in_a_small_part_of_the_published_steps() -> None:
    result = notebook.OneGame(notebook.TABLE, seed=0, budget=1_500).run(Home.find())
    means = [mean for _, mean in notebook.windows(result["ends"], result["scores"])]
    assert means[0] < notebook.AIM - 2 and max(means) > means[0] + 1.5


def test_a_window_is_ten_episodes() -> None:
    ends, scores = list(range(5, 65, 5)), [0.0] * 2 + [10.0] * 10
    assert notebook.windows(ends, scores) == [(50, 8.0), (55, 9.0), (60, 10.0)]


def test_games_that_were_never_seen_are_played_after_training() -> None:
    result = notebook.UnseenGames(notebook.READER, seed=0, games=1, tests=1).run(Home.find())
    assert 0 < result["steps"] <= notebook.STEPS
    (share,), (chance,) = result["shares"], result["chance"]
    assert 0 <= share <= 1 and 0 < chance <= 1
