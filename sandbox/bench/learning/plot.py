"""Curves as a picture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import UsageError


@dataclass(frozen=True, slots=True)
class PlottedCurve:
    """One line of a panel, with the bounds of its 95 % confidence interval where there are any."""

    label: str
    x: Sequence[float]
    y: Sequence[float]
    low: Sequence[float] = ()
    high: Sequence[float] = ()


@dataclass(frozen=True, slots=True)
class Panel:
    """One pair of axes."""

    title: str
    x_label: str
    y_label: str
    curves: Sequence[PlottedCurve]
    level: float | None = None
    """A horizontal line: what is aimed at."""


def draw(panels: Sequence[Panel], file: Path) -> None:
    """Write all panels, two a row, into one PNG file. Raises `UsageError` where it cannot be written."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    rows = max((len(panels) + 1) // 2, 1)
    figure = Figure(figsize=(13, 4.5 * rows), layout="constrained")
    FigureCanvasAgg(figure)
    for number, panel in enumerate(panels, start=1):
        axes = figure.add_subplot(rows, min(len(panels), 2), number)
        axes.set(title=panel.title, xlabel=panel.x_label, ylabel=panel.y_label)
        for curve in panel.curves:
            (line,) = axes.plot(curve.x, curve.y, label=curve.label)
            if curve.low:
                axes.fill_between(curve.x, curve.low, curve.high, color=line.get_color(), alpha=0.15, linewidth=0)
        if panel.level is not None:
            axes.axhline(panel.level, color="grey", linestyle="--", linewidth=1)
        axes.grid(alpha=0.3)
        axes.legend(fontsize="small")
    try:
        figure.savefig(file, dpi=120, format="png")
    except OSError as error:
        raise UsageError(
            f"the plot cannot be written: {error.strerror or error}", where=file, hint="choose another --plot"
        ) from error
