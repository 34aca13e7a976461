"""Where a training stands, in one file that is whole or not there."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from sandbox.files import sync, write_bytes

_MOMENTS = ("exp_avg", "exp_avg_sq")


class Checkpoint:
    """The checkpoint of one training.

    Args:
        file: a safetensors file: weights, the optimiser's moments, and the step in its metadata.
        data: hash of what is trained on; a checkpoint of other data is not gone on from.
    """

    def __init__(self, file: Path, data: str) -> None:
        self.file = file
        self._data = data

    def save(self, step: int, weights: Mapping[str, Tensor], optimiser: torch.optim.AdamW) -> None:
        """Put the state after a step in place of the last one, at once. Raises `OSError`."""
        tensors = {f"weight/{name}": weight.detach().contiguous() for name, weight in weights.items()}
        for name, weight in weights.items():
            state = optimiser.state.get(weight, {})
            tensors |= {f"{moment}/{name}": state[moment] for moment in _MOMENTS if moment in state}
        write_bytes(self.file, safetensors.torch.save(tensors, metadata={"step": str(step), "data": self._data}))

    def step(self) -> int:
        """The step that was saved, if it is of these data; else 0."""
        try:
            with safetensors.safe_open(self.file, framework="pt") as stored:
                about = stored.metadata() or {}
                return int(about["step"]) if about.get("data") == self._data else 0
        except (OSError, safetensors.SafetensorError, KeyError, ValueError):
            return 0

    def restore(self, weights: Mapping[str, Tensor], optimiser: torch.optim.AdamW) -> int:
        """Take up the state that was saved, if there is one that fits. Returns its step, else 0."""
        try:
            with safetensors.safe_open(self.file, framework="pt") as stored:
                about = stored.metadata() or {}
                if about.get("data") != self._data:
                    return 0
                step = int(about["step"])
                with torch.no_grad():
                    for name, weight in weights.items():
                        weight.copy_(stored.get_tensor(f"weight/{name}"))
                        if step:
                            moments = {each: torch.empty_like(weight) for each in _MOMENTS}
                            for each, moment in moments.items():
                                moment.copy_(stored.get_tensor(f"{each}/{name}"))
                            # The optimiser counts its steps on the CPU, wherever the weights are.
                            count = torch.tensor(float(step), device="cpu")
                            optimiser.state[weight] = {"step": count, **moments}
        except (OSError, safetensors.SafetensorError, KeyError, ValueError):
            return 0
        return step

    def remove(self) -> None:
        """The training is over."""
        self.file.unlink(missing_ok=True)
        if self.file.parent.is_dir():
            sync(self.file.parent)
