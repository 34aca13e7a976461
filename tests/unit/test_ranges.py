"""What makes no sense is refused where it is given, in Python as in cards and on the command line."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Any

import gymnasium
import numpy as np
import pytest

from sandbox.api import get_action, train
from sandbox.envs import aec, parallel
from sandbox.envs.vector import WorldVectorEnv
from sandbox.ranges import in_range
from sandbox.rl.drrn import DRRN
from sandbox.rl.exploration import epsilon_greedy, sample_softmax, softmax
from sandbox.rl.tabular import TabularQ
from sandbox.text import did_you_mean, near_miss
from sandbox.types import Observation

NAN = float("nan")
SEEN = Observation(seat="s", turn=0, text="A hall.", admissible=("go", "wait"))
RNG = np.random.default_rng(0)


def env(**options: Any) -> Any:
    return gymnasium.make("sandbox/World-v0", world="honey", **options)


@pytest.mark.parametrize(
    ("name", "call"),
    [
        *(("alpha", partial(TabularQ, alpha=value)) for value in (-3, 0, 1.5, NAN, "x", None)),
        *(("gamma", partial(TabularQ, gamma=value)) for value in (-0.1, 1.1, NAN)),
        ("trace", partial(TabularQ, trace=2)),
        ("initial", partial(TabularQ, initial=NAN)),
        ("gamma", partial(DRRN, gamma=2)),
        ("learning_rate", partial(DRRN, learning_rate=0)),
        *(
            (name, partial(DRRN, **{name: 0}))
            for name in ("n_step", "hidden", "target_every", "batch", "capacity")
        ),
        *(("epsilon", partial(epsilon_greedy, [1.0, 2.0], value, RNG)) for value in (7, -1, NAN)),
        *(("temperature", partial(softmax, [1.0], value)) for value in (0, -1, NAN)),
        *(("temperature", partial(sample_softmax, [1.0], value, RNG)) for value in (-1, NAN)),
        ("epsilon", partial(get_action, SEEN, None, epsilon=7)),
        ("epsilon", lambda: train(env(), None, TabularQ(), epsilon=-1)),
        ("episodes", lambda: train(env(), None, TabularQ(), episodes=-1)),
        *(("max_turns", partial(env, max_turns=value)) for value in (-1, 0)),
        ("max_turns", partial(WorldVectorEnv, "honey", num_envs=2, max_turns=-1)),
        ("max_turns", partial(parallel.WorldParallelEnv, "weathercock", max_turns=-1)),
        ("max_turns", partial(aec.WorldAECEnv, "weathercock", max_turns=-1)),
    ],
)
def test_a_number_out_of_its_range_is_refused_by_name(name: str, call: Callable[[], object]) -> None:
    with pytest.raises(ValueError, match=f"^{name} should be") as caught:
        call()
    assert "--" not in str(caught.value)


def test_the_ends_of_a_range() -> None:
    in_range("x", 0, 0, 1)
    in_range("x", 1, 0, 1)
    in_range("x", 0.1, 0, above=True)
    with pytest.raises(ValueError, match="x should be more than 0 and at most 1, not 0"):
        in_range("x", 0, 0, 1, above=True)


def test_the_near_miss_is_never_what_was_typed() -> None:
    assert near_miss("honey", ["honey", "money"]) == "money"
    assert near_miss(" honey ", ["honey"]) == ""
    assert near_miss("honye", ["honey"]) == "honey"
    assert did_you_mean("honey", ["honey"], "there are: honey") == "there are: honey"
