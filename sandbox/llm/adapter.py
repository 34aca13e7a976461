"""LoRA adapters merged into a network's weights, and taken out again (Hu et al. 2021).

Merged, `W + scale * B A`, an adapter costs nothing per token. Read from safetensors without PEFT; the weights that
it touches are kept as they were, so that taking it out leaves no rounding behind.
"""

from __future__ import annotations

import json
import math
import stat
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import torch
from torch import Tensor

from sandbox.errors import ModelError
from sandbox.files import read_bytes
from sandbox.text import clean_line

CONFIG = "adapter_config.json"
WEIGHTS = "adapter_model.safetensors"

_PREFIX = "base_model.model."
_A, _B = ".lora_A.weight", ".lora_B.weight"
_PLAIN = {"bias": "none", "use_dora": False}
_EMPTY = ("rank_pattern", "alpha_pattern", "modules_to_save")
_KEYS = (
    *("peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "target_modules", "use_rslora", "bias"),
    "fan_in_fan_out",
)
_MAX_CONFIG = 1 << 20
_MAX_RANK = 65_536


def plain_config(folder: Path) -> dict[str, Any]:
    """What `adapter_config.json` says of a plain LoRA adapter, and nothing else that stands in it.

    Raises `ModelError` where it is another kind of adapter, or has no weights as safetensors.
    """
    try:
        config = json.loads(read_bytes(folder / CONFIG, _MAX_CONFIG))
        if not stat.S_ISREG((folder / WEIGHTS).stat().st_mode):
            raise ValueError(f"{WEIGHTS} is no file")
        if not isinstance(config, dict):
            raise ValueError(f"{CONFIG} is no mapping")
    except (OSError, ValueError, RecursionError) as error:
        raise _unreadable(folder, error) from error
    odd = [key for key, value in _PLAIN.items() if config.get(key, value) != value]
    odd += [key for key in _EMPTY if config.get(key)]
    if config.get("peft_type") != "LORA" or odd:
        raise ModelError(
            f"is not a plain LoRA adapter ({', '.join(odd) or config.get('peft_type')})",
            where=folder,
            hint="use one that a round made, or merge it into a model folder first",
        )
    rank, alpha, modules = config.get("r"), config.get("lora_alpha"), config.get("target_modules", "all-linear")
    if not (isinstance(rank, int) and 0 < rank <= _MAX_RANK):
        raise _unreadable(folder, "r is no rank")
    if not (isinstance(alpha, int | float) and abs(alpha) <= _MAX_RANK):
        raise _unreadable(folder, "lora_alpha is no scale")
    if modules != "all-linear" and not (isinstance(modules, list) and all(isinstance(m, str) for m in modules)):
        raise _unreadable(folder, "target_modules is no list of names")
    return {key: config[key] for key in _KEYS if key in config}


def mark(folder: Path | None) -> tuple[Path, int, int] | None:
    """What tells the adapter of a folder from another that is put there later."""
    if folder is None:
        return None
    try:
        about = (folder / WEIGHTS).stat()
    except OSError:
        return folder, 0, 0
    return folder, about.st_mtime_ns, about.st_ino


def updates(folder: Path, shapes: Mapping[str, tuple[int, ...]]) -> dict[str, Tensor]:
    """What an adapter adds to each weight, by the weight's name in the network. Raises `ModelError`.

    Args:
        folder: of the adapter.
        shapes: of the network's weights, by name.
    """
    config = plain_config(folder)
    try:
        weights = _read(folder / WEIGHTS)
    except (OSError, ValueError, safetensors.SafetensorError) as error:
        raise _unreadable(folder, error) from error
    rank, alpha = config["r"], config["lora_alpha"]
    turned = config.get("fan_in_fan_out") is True  # as in GPT-2, whose weights are [in, out]
    scale = alpha / (math.sqrt(rank) if config.get("use_rslora") else rank)
    names = [name.removesuffix(_A) for name in weights if name.endswith(_A)]
    if not names or any(name + _B not in weights for name in names) or len(weights) != 2 * len(names):
        raise ModelError("its weights do not come in pairs of A and B", where=folder / WEIGHTS)
    added = {}
    for name in names:
        a, b, weight = weights[name + _A], weights[name + _B], f"{name.removeprefix(_PREFIX)}.weight"
        fits = a.ndim == b.ndim == 2 and a.shape[0] == b.shape[1]
        if fits and turned:
            a, b = b.T, a.T
        if not fits or shapes.get(weight) != (b.shape[0], a.shape[1]):
            raise ModelError(
                f"does not fit the language model: it has no weight {clean_line(weight, 200)} of the shape "
                f"{[*b.shape[:1], *a.shape[1:]]}",
                where=folder,
                hint="use the model that the adapter was made for",
            )
        added[weight] = scale * (b.float() @ a.float())
    return added


def _unreadable(folder: Path, reason: object) -> ModelError:
    return ModelError(
        f"is no adapter that can be read: {clean_line(str(reason))}",
        where=folder,
        hint=f"it should hold {CONFIG} and {WEIGHTS}",
    )


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
        shapes = {name: tuple(weight.shape) for name, weight in self._weights.items()}
        added = {} if folder is None else updates(folder, shapes)
        with torch.no_grad():
            for name, original in self._originals.items():
                self._weights[name].copy_(original)
            for name, update in added.items():
                weight = self._weights[name]
                self._originals.setdefault(name, weight.detach().clone())
                weight.add_(update.to(weight))


def _read(file: Path) -> dict[str, Tensor]:
    with safetensors.safe_open(file, framework="pt") as weights:
        return {name: weights.get_tensor(name) for name in weights.keys()}  # noqa: SIM118
