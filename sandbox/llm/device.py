"""Where a language model computes, and in numbers of which kind."""

from __future__ import annotations

import gc

import torch

from sandbox.errors import ModelError
from sandbox.types import Device, Dtype


def available() -> list[str]:
    """The devices that this torch can compute on, the best first; `cpu` is always one."""
    found = [name for name in ("cuda", "xpu", "mps") if getattr(torch, name).is_available()]
    return [*found, "cpu"]


def chosen(wanted: Device) -> torch.device:
    """The device that is meant; `auto` takes the best there is. Raises `ModelError` where it is not there."""
    there = available()
    if wanted == "auto":
        return torch.device(there[0])
    if wanted not in there:
        raise ModelError(
            f"there is no {wanted} device for this torch ({torch.__version__}) to compute on",
            hint=f"take --device {there[0]}, or see `sandbox doctor`",
        )
    return torch.device(wanted)


def numbers(wanted: Dtype, device: torch.device) -> torch.dtype:
    """The kind of numbers that is meant; `auto` is float32, and on a GPU that has it, bfloat16.

    On a CPU scores are exact by default. On a GPU a model computes in what it was published in.
    """
    if wanted != "auto":
        found: torch.dtype = getattr(torch, wanted)
        return found
    return torch.bfloat16 if device.type in ("cuda", "xpu") and multiplies_bfloat16(device) else torch.float32


def multiplies_bfloat16(device: torch.device) -> bool:
    """Whether matrices are multiplied faster in bfloat16: without instructions for it, that would be slower."""
    if device.type == "cpu":
        return bool(torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported())
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "xpu"


def described(place: torch.device) -> str:
    """What a device calls itself, and how much memory it has of its own."""
    if place.type not in ("cuda", "xpu"):
        return place.type
    about = getattr(torch, place.type).get_device_properties(place)
    return f"{about.name}, {about.total_memory / 2**30:.0f} GiB"


def release(device: torch.device) -> None:
    """Give back what is kept of memory that is not in use."""
    gc.collect()
    if device.type != "cpu":
        getattr(torch, device.type).empty_cache()
