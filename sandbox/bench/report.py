"""What a benchmark found: figures, each beside its target, on a machine that is named."""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import metadata
from pathlib import Path
from typing import Any

from rich.table import Table


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number."""

    name: str
    value: float
    unit: str = ""
    target: str = ""
    """As a person reads it: `>= 30`, `< 0.4 s`; empty where the figure is only for information."""
    met: bool | None = None
    """Whether the target was met; None without a target."""

    @classmethod
    def at_least(cls, name: str, value: float, bound: float, unit: str = "") -> Figure:
        return cls(name, value, unit, f">= {bound:g}", value >= bound)

    @classmethod
    def at_most(cls, name: str, value: float, bound: float, unit: str = "") -> Figure:
        return cls(name, value, unit, f"<= {bound:g}", value <= bound)

    @classmethod
    def below(cls, name: str, value: float, bound: float, unit: str = "") -> Figure:
        return cls(name, value, unit, f"< {bound:g}", value < bound)


@dataclass(frozen=True, slots=True)
class Report:
    """The outcome of one benchmark."""

    machine: dict[str, Any]
    seconds: float
    """How long the whole benchmark took."""
    figures: Sequence[Figure] = field(default_factory=tuple)

    def as_json(self) -> dict[str, Any]:
        """`{machine, seconds, figures: [{name, value, unit, target, met}]}`, ready for `json.dumps`."""
        figures = [
            {"name": f.name, "value": f.value, "unit": f.unit, "target": f.target, "met": f.met}
            for f in self.figures
        ]
        return {"machine": self.machine, "seconds": round(self.seconds, 3), "figures": figures}

    def table(self) -> Table:
        """The same for a terminal."""
        about = self.machine
        place = f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB"
        table = Table(title=f"{self.seconds:.1f} s on {place}", title_justify="left", title_style="dim")
        table.add_column("figure")
        table.add_column("value", justify="right")
        table.add_column("unit")
        table.add_column("target", justify="right")
        table.add_column("met")
        for figure in self.figures:
            met = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[figure.met]
            table.add_row(figure.name, f"{figure.value:.4g}", figure.unit, figure.target, met)
        return table


def machine() -> dict[str, Any]:
    """The machine this runs on, as far as it bears on a measurement."""
    about: dict[str, Any] = {
        "cpu": _cpu(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
        "memory_gib": _memory_gib(),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if "torch" in sys.modules:
        about["torch"] = metadata.version("torch")
    return about


def _cpu() -> str:
    try:
        for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    except OSError:
        pass
    return platform.processor() or platform.machine()


def _memory_gib() -> float:
    try:
        return round(os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE") / 2**30, 1)
    except (OSError, ValueError):
        return 0.0
