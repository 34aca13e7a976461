"""The machine this runs on: cores, memory, instructions. Imports nothing heavy."""

from __future__ import annotations

import os
import platform
from pathlib import Path

_INSTRUCTIONS = (
    "avx2",
    "avx512f",
    "avx512_bf16",
    "amx_tile",
    "amx_bf16",
    "amx_int8",
    "neon",
    "asimd",
    "sve",
    "bf16",
)
"""Those that multiply matrices, by their names in /proc/cpuinfo."""


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return max(1, os.cpu_count() or 1)


def physical_cores() -> int:
    """The physical cores that this process may use: two threads of one core get in each other's way."""
    if not hasattr(os, "sched_getaffinity"):
        return cores()
    found = set()
    for cpu in os.sched_getaffinity(0):
        siblings = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list")
        try:
            found.add(siblings.read_text())
        except OSError:
            found.add(str(cpu))
    return max(1, len(found))


def processor() -> str:
    """What the processor calls itself."""
    return _cpuinfo("model name") or platform.processor() or platform.machine()


def instructions() -> list[str]:
    """Which instructions for matrices it has; empty where the system does not tell."""
    flags = set((_cpuinfo("flags") or _cpuinfo("Features")).split())
    return [name for name in _INSTRUCTIONS if name in flags]


def memory() -> int:
    """Bytes of memory there are; 0 where the system does not tell."""
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (OSError, ValueError, AttributeError):
        return 0


def free_memory() -> int:
    """Bytes of memory that a program could still have; all there is where the system does not tell."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError, IndexError):
        pass
    return memory()


def _cpuinfo(name: str) -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines():
            key, _, value = line.partition(":")
            if key.strip() == name:
                return value.strip()
    except OSError:
        pass
    return ""
