"""What a benchmark found: figures, each beside its target, on a machine that is named."""

from __future__ import annotations

import platform
import sys
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from importlib import metadata
from typing import Any

from rich.table import Table

from sandbox.machine import cores, memory, processor
from sandbox.statistics import Interval


@dataclass(frozen=True, slots=True)
class Figure:
    """One measured number."""

    name: str
    """One of the form `table/row/column` is shown in a table of that title."""
    value: float
    unit: str = ""
    target: str = ""
    """As a person reads it: `>= 30`, `< 0.4 s`; empty where the figure is only for information."""
    met: bool | None = None
    """Whether the target was met; None without a target."""
    low: float | None = None
    """Lower bound of the 95 % confidence interval, where there is one."""
    high: float | None = None

    @classmethod
    def at_least(cls, name: str, value: float, bound: float, unit: str = "") -> Figure:
        return cls(name, value, unit, f">= {bound:g}", value >= bound)

    @classmethod
    def at_most(cls, name: str, value: float, bound: float, unit: str = "") -> Figure:
        return cls(name, value, unit, f"<= {bound:g}", value <= bound)

    def within(self, interval: Interval) -> Figure:
        """The same with the bounds of an interval."""
        return replace(self, low=interval.low, high=interval.high)

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
        """`{machine, seconds, figures: [{name, value, unit, target, met}]}`, ready for `json.dumps`.

        A figure with an interval also has `low` and `high`.
        """
        figures = [
            {"name": f.name, "value": f.value, "unit": f.unit, "target": f.target, "met": f.met}
            | ({} if f.low is None else {"low": f.low, "high": f.high})
            for f in self.figures
        ]
        return {"machine": self.machine, "seconds": round(self.seconds, 3), "figures": figures}

    def tables(self) -> list[Table]:
        """The same for a terminal: first the crosses, last the list of all other figures."""
        crosses: dict[str, list[Figure]] = {}
        for figure in self.figures:
            if figure.name.count("/") == 2:
                crosses.setdefault(figure.name.partition("/")[0], []).append(figure)
        return [*(_cross(title, figures) for title, figures in crosses.items()), self.table()]

    def table(self) -> Table:
        """The figures that are in no cross."""
        about = self.machine
        place = f"{about['cpu']}, {about['cores']} cores, {about['memory_gib']} GiB"
        place += f", {about['device']} in {about['dtype']}" if "device" in about else ""
        table = Table(title=f"{self.seconds:.1f} s on {place}", title_justify="left", title_style="dim")
        table.add_column("figure")
        table.add_column("value", justify="right")
        table.add_column("unit")
        table.add_column("target", justify="right")
        table.add_column("met")
        for figure in self.figures:
            if figure.name.count("/") != 2:
                met = {True: "[green]yes[/]", False: "[red]no[/]", None: ""}[figure.met]
                table.add_row(figure.name, _shown(figure), figure.unit, figure.target, met)
        return table


def _cross(title: str, figures: Sequence[Figure]) -> Table:
    """A row for each subject and a column for each thing that was measured of it."""
    cells = {tuple(figure.name.split("/")[1:]): figure for figure in figures}
    columns = {figure.name.split("/")[2]: figure.unit for figure in figures}
    table = Table(title=title, title_justify="left")
    table.add_column("")
    for column, unit in columns.items():
        table.add_column(f"{column}, {unit}" if unit else column, justify="right")
    for row in dict.fromkeys(row for row, _ in cells):
        shown = [_shown(cells[row, column]) if (row, column) in cells else "" for column in columns]
        table.add_row(row, *shown)
    return table


def _shown(figure: Figure) -> str:
    """The value, and the interval where there is one."""
    if figure.low is None or figure.high is None:
        return f"{figure.value:.4g}"
    return f"{figure.value:.3g} [dim]({figure.low:.3g} to {figure.high:.3g})[/]"


def machine() -> dict[str, Any]:
    """The machine this runs on, as far as it bears on a measurement."""
    about: dict[str, Any] = {
        "cpu": processor(),
        "cores": cores(),
        "memory_gib": round(memory() / 2**30, 1),
        "system": f"{platform.system()} {platform.machine()}",
        "python": platform.python_version(),
    }
    if "torch" in sys.modules:
        about["torch"] = metadata.version("torch")
    return about


def percentile(values: Sequence[float], percent: int) -> float:
    """The value that so many percent of the values do not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, len(ordered) * percent // 100)]
