"""What helps learning: `sandbox bench learning`.

Each part answers one question on fixed seeds: a function says what units of work it takes (see `units`), and what
their results mean. `run` has the units of all parts worked off together, and kept as they finish.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

from sandbox.bench.learning import combining, notebook, seats, single, truth
from sandbox.bench.learning.plot import Panel, draw
from sandbox.bench.learning.units import BenchQuestion, UnitContext
from sandbox.bench.report import Report, machine

PARTS: Sequence[Callable[[UnitContext], BenchQuestion]] = (
    truth.part,
    single.games,
    single.puzzle,
    seats.two_seats,
    seats.race,
    combining.part,
    notebook.one_game,
    notebook.unseen_games,
)


def run(context: UnitContext, plot: Path | None = None) -> Report:
    """Measure all parts, or what is left of them.

    Args:
        context: where, how much, and where finished units are kept.
        plot: the PNG file for the curves.
    """
    started = time.perf_counter()
    parts = [part(context) for part in PARTS]
    # The last parts have the longest units. They begin first, so that no process sits alone over one at the end.
    work = [unit for part in reversed(parts) for unit in part.units]
    results = dict(zip(work, context.finish(work), strict=True))
    findings = [part.show([results[unit] for unit in part.units]) for part in parts]
    panels: list[Panel] = [panel for found in findings for panel in found.panels]
    if plot is not None:
        draw(panels, plot)
    figures = [figure for found in findings for figure in found.figures]
    return Report(machine(), time.perf_counter() - started, figures)
