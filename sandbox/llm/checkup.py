"""What this machine has for language models, what is wrong with that, and how to mend it."""

from __future__ import annotations

import os
import platform
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path

from sandbox import machine, paths
from sandbox.config import Settings
from sandbox.errors import ModelError
from sandbox.llm import catalogue, speeds
from sandbox.text import clean_line

LIBRARIES = ("torch", "transformers", "tokenizers", "safetensors", "peft", "textual", "textworld", "jericho")
_GIB = 1 << 30
_DISK = 2 * _GIB


@dataclass(frozen=True, slots=True)
class Trouble:
    """Something that is wrong."""

    what: str
    mend: str


@dataclass(frozen=True, slots=True)
class Checkup:
    """What was found."""

    facts: dict[str, str]
    models: list[dict[str, str]]
    troubles: list[Trouble]

    @property
    def device(self) -> str:
        return self.facts["computes on"].split()[0]


def check(settings: Settings) -> Checkup:
    """Look at everything. Imports torch; loads no model."""
    import torch

    from sandbox.llm import device as devices
    from sandbox.llm.local import use_threads

    troubles: list[Trouble] = []
    try:
        place = devices.chosen(settings.device)
    except ModelError as error:
        troubles.append(Trouble(error.message, "set `device` to one of those listed here, or to auto"))
        place = devices.chosen("auto")
    dtype = str(devices.numbers(settings.dtype, place)).partition(".")[2]
    use_threads(settings.threads)
    threads = torch.get_num_threads()
    free, disk = machine.free_memory(), _free_disk()
    versions = {name: _version(name) for name in LIBRARIES}
    facts = {
        "system": f"{platform.system()} {platform.release()} {platform.machine()}",
        "python": platform.python_version(),
        "processor": clean_line(machine.processor(), 100),
        "instructions": ", ".join(machine.instructions()) or "not told",
        "cores": f"{machine.physical_cores()} physical of {os.cpu_count() or 1}; torch takes {threads} threads",
        "memory": f"{free / _GIB:.1f} of {machine.memory() / _GIB:.1f} GiB free",
        "disk": f"{disk / _GIB:.1f} GiB free for {paths.cache_dir()}",
        "devices": ", ".join(devices.described(torch.device(name)) for name in devices.available()),
        "computes on": f"{place.type} in {dtype}",
        "libraries": ", ".join(f"{name} {version}" for name, version in versions.items() if version),
    }
    models = list(_models(place.type, dtype))
    troubles += [
        Trouble(f"the package {name} is not installed", f"pip install {name}")
        for name, version in versions.items()
        if not version
    ]
    if _has_nvidia() and "cuda" not in devices.available():
        troubles.append(
            Trouble(
                f"there is a GPU of NVIDIA, and torch {versions['torch']} cannot compute on it",
                "install a torch that is built for CUDA: https://pytorch.org/get-started/locally/",
            )
        )
    if threads < machine.physical_cores() and place.type == "cpu":
        troubles.append(
            Trouble(
                f"models compute with {threads} of {machine.physical_cores()} cores",
                "unset OMP_NUM_THREADS, and the setting `threads`",
            )
        )
    if free and free < speeds.needed(catalogue.KNOWN[catalogue.DEFAULT].parameters):
        troubles.append(
            Trouble(
                f"{free / _GIB:.1f} GiB of free memory are too few for the default model",
                "close other programs, or play with the agent q-table",
            )
        )
    if disk < _DISK:
        troubles.append(
            Trouble(f"{disk / _GIB:.1f} GiB of disk are few", "make room, or set SANDBOX_CACHE to another folder")
        )
    for entry in catalogue.entries():
        if entry.name == catalogue.DEFAULT and entry.state != "ready":
            troubles.append(Trouble(f"the default model is {entry.state}", "sandbox model pull"))
        elif entry.state == "damaged":
            troubles.append(Trouble(f"the model {entry.name} is damaged", f"sandbox model pull {entry.name}"))
    return Checkup(facts, models, troubles)


def _models(device: str, dtype: str) -> Iterator[dict[str, str]]:
    for each in catalogue.entries():
        weights = speeds.weights_of(each)
        speed = speeds.speed(each.where, weights, device, dtype)
        yield {
            "name": each.name,
            "state": each.state,
            "parameters": f"{weights / 1e6:.0f} M" if weights else "",
            "memory": speeds.memory_of(weights, dtype),
            "decision": "" if speed is None else str(speed),
        }


def _version(name: str) -> str:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return ""


def _free_disk() -> int:
    folder = paths.cache_dir()
    while not folder.exists() and folder != folder.parent:
        folder = folder.parent
    return shutil.disk_usage(folder).free


def _has_nvidia() -> bool:
    return Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi") is not None
