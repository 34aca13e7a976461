"""How large language models are, what memory they need, and how fast they decide here: measured once, and kept."""

from __future__ import annotations

import json
import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sandbox import paths
from sandbox.files import read_bytes, write_bytes
from sandbox.llm.catalogue import KNOWN, Entry
from sandbox.machine import memory, processor

_MAX_HEADER = 100 << 20
_MAX_KEPT = 1 << 20
_BESIDE = 600 << 20
"""Bytes that torch, transformers and what is computed on the way take beside the weights."""
_BYTES = {"float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True, slots=True)
class DecisionSpeed:
    """Seconds of a decision: 20 commands after 400 tokens, of which 37 are new."""

    seconds: float
    measured: bool
    """Whether they were measured; else they follow from another model's, by the number of weights."""

    def __str__(self) -> str:
        return f"{'' if self.measured else '~'}{self.seconds:.2g} s"


def parameters(folder: Path) -> int:
    """How many weights a model's folder holds; 0 where its files cannot be read."""
    try:
        return sum(map(_weights_in, folder.glob("*.safetensors")))
    except (OSError, ValueError, struct.error, TypeError, KeyError):
        return 0


def _weights_in(file: Path) -> int:
    with file.open("rb") as opened:
        (length,) = struct.unpack("<Q", opened.read(8))
        if length > _MAX_HEADER:
            raise ValueError("no header of safetensors is that long")
        header: dict[str, Any] = json.loads(opened.read(length))
    total = 0
    for name, tensor in header.items():
        count = 1
        for size in () if name == "__metadata__" else tensor["shape"]:
            count *= size
        total += count if name != "__metadata__" else 0
    return total


def weights_of(entry: Entry) -> int:
    """How many weights a model has, here or not; 0 where nobody knows."""
    known = KNOWN.get(entry.name)
    return parameters(entry.where) or (known.parameters if known else 0)


def memory_of(weights: int, dtype: str = "float32") -> str:
    """The memory that a model needs, in words; empty where its weights are not known."""
    if not weights:
        return ""
    need = f"{needed(weights, dtype) / (1 << 30):.1f} GiB"
    return need if fits(weights, dtype) else f"{need}, too much"


def needed(weights: int, dtype: str = "float32") -> int:
    """Bytes of memory that a model takes while it plays."""
    return weights * _BYTES.get(dtype, 4) + _BESIDE


def fits(weights: int, dtype: str = "float32") -> bool:
    """Whether it can play in the memory of this machine; where that is not known, it is said to."""
    return not memory() or needed(weights, dtype) < 0.9 * memory()


def keep(folder: Path, device: str, dtype: str, seconds: float) -> None:
    """Write down how long a decision of a model takes. Raises `OSError`."""
    about = {"model": _stamp(folder), "weights": parameters(folder), "seconds": seconds}
    about |= {"processor": processor(), "device": device, "dtype": dtype}
    others = [each for each in _kept() if not _same(each, about)]
    _file().parent.mkdir(parents=True, exist_ok=True)
    write_bytes(_file(), json.dumps([*others, about], indent=1).encode())


def speed(folder: Path, weights: int, device: str = "", dtype: str = "") -> DecisionSpeed | None:
    """How long a decision takes, or would; None where nothing was measured on this machine.

    Args:
        folder: of the model, whether or not it is there.
        weights: how many it has; 0 where that is not known.
        device: that it computes on; empty for the fastest that was measured.
        dtype: that it computes with; empty likewise.
    """
    kept = [
        each
        for each in _kept()
        if each["processor"] == processor() and device in ("", each["device"]) and dtype in ("", each["dtype"])
    ]
    own = [each["seconds"] for each in kept if each["model"] == _stamp(folder)]
    if own:
        return DecisionSpeed(min(own), measured=True)
    alike = [each for each in kept if each["weights"]]
    if not alike or not weights:
        return None
    nearest = min(alike, key=lambda each: (abs(each["weights"] - weights), each["seconds"]))
    return DecisionSpeed(nearest["seconds"] * weights / nearest["weights"], measured=False)


def _same(one: dict[str, Any], other: dict[str, Any]) -> bool:
    return all(one[key] == other[key] for key in ("model", "processor", "device", "dtype"))


def _kept() -> list[dict[str, Any]]:
    """What was written down, as far as it makes sense."""
    try:
        found = json.loads(read_bytes(_file(), _MAX_KEPT))
    except (OSError, ValueError, RecursionError):
        return []
    return [each for each in found if _sensible(each)] if isinstance(found, list) else []


def _sensible(each: object) -> bool:
    if not isinstance(each, dict):
        return False
    numbers = [each.get(name) for name in ("seconds", "weights")]
    words = [each.get(name) for name in ("model", "processor", "device", "dtype")]
    return all(isinstance(number, int | float) and 0 <= number < 1e15 for number in numbers) and all(
        isinstance(word, str) for word in words
    )


def _stamp(folder: Path) -> str:
    """The model in a folder, as it is now."""
    try:
        return f"{folder} {int((folder / 'config.json').stat().st_mtime)}"
    except OSError:
        return str(folder)


def _file() -> Path:
    return paths.cache_dir() / "speeds.json"
