"""LoRA adapters merged into a network's weights, and taken out again (Hu et al. 2021).

Merged, `W + scale * B A`, an adapter costs nothing per token. Read from safetensors without PEFT; the weights that
it touches are kept as they were, so that taking it out leaves no rounding behind.
"""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from sandbox.errors import ModelError

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

_PREFIX = "base_model.model."
_A, _B = ".lora_A.weight", ".lora_B.weight"
_PLAIN = {"bias": "none", "use_dora": False, "fan_in_fan_out": False}
_EMPTY = ("rank_pattern", "alpha_pattern", "modules_to_save")


def updates(folder: Path) -> dict[str, Tensor]:
    """What an adapter adds to each weight, by the weight's name in the network. Raises `ModelError`."""
    try:
        config = json.loads((folder / CONFIG).read_text(encoding="utf-8"))
        weights = _read(folder / WEIGHTS)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise ModelError(
            f"is no adapter that can be read: {error}",
            where=folder,
            hint=f"it should hold {CONFIG} and {WEIGHTS}",
        ) from error
    odd = [key for key, value in _PLAIN.items() if config.get(key, value) != value]
    odd += [key for key in _EMPTY if config.get(key)]
    if config.get("peft_type") != "LORA" or odd:
        raise ModelError(
            f"is not a plain LoRA adapter ({', '.join(odd) or config.get('peft_type')})",
            where=folder,
            hint="use one that a round made, or merge it into a model folder first",
        )
    rank, alpha = config["r"], config["lora_alpha"]
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    names = [name.removesuffix(_A) for name in weights if name.endswith(_A)]
    if not names or any(name + _B not in weights for name in names) or len(weights) != 2 * len(names):
        raise ModelError("its weights do not come in pairs of A and B", where=folder / WEIGHTS)
    return {
        f"{name.removeprefix(_PREFIX)}.weight": scale * (weights[name + _B].float() @ weights[name + _A].float())
        for name in names
    }


class Merged:
    """A network whose weights can take an adapter in.

    Args:
        network: what it is merged into, in place.
    """

    def __init__(self, network: Any) -> None:
        self._weights: dict[str, Tensor] = dict(network.named_parameters())
        self._originals: dict[str, Tensor] = {}

    def use(self, folder: Path | None) -> None:
        """Put another adapter in place of the present one; None leaves the network as it was loaded.

        Raises `ModelError`, and then changes nothing.
        """
        added = {} if folder is None else updates(folder)
        for name, update in added.items():
            if name not in self._weights or self._weights[name].shape != update.shape:
                raise ModelError(
                    f"does not fit the language model: it has no weight {name} of shape {list(update.shape)}",
                    where=folder,
                    hint="use the model that the adapter was made for",
                )
        with torch.no_grad():
            for name, original in self._originals.items():
                self._weights[name].copy_(original)
            for name, update in added.items():
                weight = self._weights[name]
                self._originals.setdefault(name, weight.detach().clone())
                weight.add_(update.to(weight.dtype))


def _read(file: Path) -> dict[str, Tensor]:
    with safetensors.safe_open(file, framework="pt") as weights:
        return {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118
