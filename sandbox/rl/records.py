"""What neural learners read back of what they wrote into a save, which may come from anyone."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping

from safetensors import SafetensorError
from torch import Tensor

UNREADABLE = (SafetensorError, ValueError, TypeError, KeyError, AttributeError, RuntimeError, RecursionError)
"""What reading the records of a learner raises, where they are not its own."""


def counted_visits(record: bytes) -> dict[str, Counter[str]]:
    """How often each command was learned from in each state. Raises one of `UNREADABLE`."""
    return {
        str(state): Counter({str(command): int(count) for command, count in counts.items()})
        for state, counts in json.loads(record).items()
    }


def optimizer_state(tensors: Mapping[str, Tensor], name: str, tensor: Tensor) -> dict[str, Tensor]:
    """What Adam knows of a weight, empty where it was never updated. Raises one of `UNREADABLE`."""
    if f"step.{name}" not in tensors:
        return {}
    state = {each: tensors[f"{each}.{name}"] for each in ("exp_avg", "exp_avg_sq")}
    for moment in state.values():
        if moment.shape != tensor.shape or moment.dtype != tensor.dtype or not bool(moment.isfinite().all()):
            raise ValueError(f"the moments of {name} have another shape, or are no numbers")
    return {"step": tensors[f"step.{name}"].reshape(()), **state}
