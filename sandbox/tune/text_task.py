"""Reinforcement on a text task: what is behind `sandbox.tune.fine_tune`."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sandbox.files import new_folder
from sandbox.llm.adapter import CONFIG, WEIGHTS
from sandbox.llm.local import LocalModel
from sandbox.tune import lora
from sandbox.tune.errors import RoundError
from sandbox.tune.settings import Method, TrainingSettings
from sandbox.tune.sft import TrainingProgress
from sandbox.tune.trl_methods import reinforce


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
    if not dataset:
        raise RoundError("there are no prompts to learn from")
    settings = TrainingSettings.for_method(method, **{"beta": 0.0, **given})
    llm.use_adapter(None)
    tuned = lora.with_lora(llm.network, rank=settings.rank, alpha=settings.alpha, seed=settings.seed)
    try:
        reinforce(tuned, llm, dataset, reward_function, settings, on_step)
        weights, config = lora.exported(tuned, llm.name.rpartition("@")[0])
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
