"""Prioritised replay."""

import numpy as np
import pytest

from sandbox.rl.features import BUCKETS, ngrams
from sandbox.rl.replay import Replay


def shares(replay: Replay[str], draws: int = 4000) -> dict[str, float]:
    _, items, _ = replay.draw(draws, np.random.default_rng(0))
    return {item: items.count(item) / draws for item in set(items)}


def test_draws_follow_the_priorities() -> None:
    replay: Replay[str] = Replay(8, alpha=1.0)
    for item in "abc":
        replay.add(item)
    for index, error in enumerate([6.0, 3.0, -1.0]):
        replay.prioritise(index, error)
    assert shares(replay) == pytest.approx({"a": 0.6, "b": 0.3, "c": 0.1}, abs=0.03)
    uniform: Replay[str] = Replay(8, alpha=0.0)
    for index, item in enumerate("ab"):
        uniform.add(item)
        uniform.prioritise(index, 10.0**index)
    assert shares(uniform) == pytest.approx({"a": 0.5, "b": 0.5}, abs=0.03)


def test_the_corrections_undo_the_bias() -> None:
    replay: Replay[str] = Replay(8, alpha=1.0, beta=1.0)
    for index, (item, error) in enumerate({"often": 9.0, "rarely": 1.0}.items()):
        replay.add(item)
        replay.prioritise(index, error)
    _, items, corrections = replay.draw(4000, np.random.default_rng(0))
    total = {
        name: sum(c for item, c in zip(items, corrections, strict=True) if item == name) for name in set(items)
    }
    assert total["often"] == pytest.approx(total["rarely"], rel=0.15)
    assert corrections.max() == 1.0


def test_the_oldest_are_overwritten_and_the_new_are_drawn_soon() -> None:
    replay: Replay[str] = Replay(3)
    for item in "abcde":
        replay.add(item)
    assert len(replay) == 3
    assert set(shares(replay)) == {"c", "d", "e"}
    for index in range(3):
        replay.prioritise(index, 0.001)
    replay.add("new")
    assert shares(replay)["new"] > 0.8


def test_ngrams_of_any_language() -> None:
    assert set(ngrams("take lamp")) & set(ngrams("Take the LAMP"))
    assert set(ngrams("拿起灯")) & set(ngrams("灯"))
    assert ngrams("") and all(0 <= bucket < BUCKETS for bucket in ngrams("a b, c! \x1b"))
    assert ngrams("go east") != ngrams("east go")
