"""What helps learning: `sandbox bench learning`.

Each part answers one question on fixed seeds, in one function `part(context) -> Findings`; `run` only strings them
together. Whatever takes long is cut into units of work (see `units`), which are kept as they finish.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.bench.learning import combining, notebook, seats, single, truth
from sandbox.bench.learning.plot import Panel, draw
from sandbox.bench.learning.units import Context, Findings
from sandbox.bench.report import Report, machine

PARTS: Sequence[Callable[[Context], Findings]] = (
    truth.part,
    single.part,
    seats.two_seats,
    seats.race,
    combining.part,
    notebook.one_game,
    notebook.unseen_games,
)


def run(context: Context, plot: Path | None = None) -> Report:
    """Measure all parts, or what is left of them.

    Args:
        context: where, how much, and where finished units are kept.
        plot: the PNG file for the curves.
    """
    started = time.perf_counter()
    findings = [part(context) for part in PARTS]
    panels: list[Panel] = [panel for found in findings for panel in found.panels]
    if plot is not None:
        draw(panels, plot)
    figures = [figure for found in findings for figure in found.figures]
    return Report(machine(), time.perf_counter() - started, figures)
