"""Reinforcement on a text task: what is behind `sandbox.tune.fine_tune`."""

from __future__ import annotations

import json
import math
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from sandbox.files import new_folder
from sandbox.llm.adapter import CONFIG, WEIGHTS
from sandbox.llm.local import LocalModel
from sandbox.tune import lora
from sandbox.tune.errors import RoundError
from sandbox.tune.settings import Method, TrainingSettings
from sandbox.tune.sft import TrainingProgress
from sandbox.tune.trl_methods import reinforce


class _Rewards:
    """A reward function whose values are looked at."""

    def __init__(self, function: Callable[[str, str], float], samples: int) -> None:
        self._function, self._samples = function, samples
        self._group: list[float] = []
        self.alike = True
        """Whether all completions of a prompt got the same, each time so far."""

    def __call__(self, prompt: str, completion: str) -> float:
        given = self._function(prompt, completion)
        if not isinstance(given, int | float | np.number) or not math.isfinite(given):
            raise ValueError(
                f"reward_function should give a finite number, not {given!r} (for {completion[:80]!r})"
            )
        self._group.append(float(given))
        if len(self._group) == self._samples:
            self.alike = self.alike and len(set(self._group)) == 1
            self._group.clear()
        return float(given)


def fine_tune(
    llm: LocalModel,
    dataset: Sequence[str],
    reward_function: Callable[[str, str], float],
    *,
    method: Method,
    folder: Path | None,
    on_step: Callable[[TrainingProgress], None],
    **given: Any,
) -> LocalModel:
    """See `sandbox.tune.fine_tune`."""
    if isinstance(dataset, str) or not all(isinstance(each, str) and each for each in dataset):
        raise ValueError("dataset should be a sequence of prompts, each a string that is not empty")
    if not len(dataset):
        raise ValueError("dataset is empty: there are no prompts to learn from")
    settings = TrainingSettings.for_method(method, **{"beta": 0.0, **given})
    rewards = _Rewards(reward_function, settings.samples)
    llm.use_adapter(None)
    tuned = lora.with_lora(llm.network, rank=settings.rank, alpha=settings.alpha, seed=settings.seed)
    try:
        reinforce(tuned, llm, dataset, rewards, settings, on_step)
        weights, config = lora.exported(tuned, llm.name.rpartition("@")[0])
    except RoundError as error:
        if rewards.alike:
            raise ValueError(
                "reward_function gave all completions of a prompt the same reward each time, so that nothing "
                "could be learned: let it tell them apart, or give more `samples` or `max_tokens`"
            ) from error
        raise ValueError(f"{error.message}: give a smaller `learning_rate`") from error
    finally:
        tuned.unload()
        llm.network.eval()
    with tempfile.TemporaryDirectory() as scratch:
        target = folder or Path(scratch) / method
        with new_folder(target) as work:
            (work / WEIGHTS).write_bytes(weights)
            (work / CONFIG).write_text(json.dumps(config, indent=2) + "\n", encoding="utf-8")
        llm.use_adapter(target)
    return llm
