"""`sandbox explore`: find out how far one can get in a world, by going back to where it is promising."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.table import Table

from sandbox.cli import context, results
from sandbox.cli.patience import stopping
from sandbox.text import counted
from sandbox.tune.exploration import EXPLORED_SEED, Exploration
from sandbox.tune.explorer import Milestone
from sandbox.world import registry


def explore(
    ctx: typer.Context,
    world: Annotated[str, typer.Argument(metavar="WORLD", help="For one seat, such as a story file.")],
    minutes: Annotated[float, typer.Option(min=0.0, help="How long to explore.")] = 10.0,
    steps: Annotated[int, typer.Option(min=1, help="Commands to try at most.", show_default=False)] = 10_000_000,
    seed: Annotated[
        int, typer.Option(help="Of the world and the exploration; `tune --from explore` reads that of seed 0.")
    ] = EXPLORED_SEED,
    fresh: Annotated[bool, typer.Option("--fresh", help="Forget what was found before.")] = False,
    json_file: Annotated[
        str | None,
        typer.Option("--json", metavar="FILE", help="Write what was found as JSON; `-` is standard output."),
    ] = None,
) -> None:
    """Explore a world by going back to where it is promising, and keep the best way (Go-Explore).

    An archive holds a state for each place, inventory and score, and for what else the world's hash tells apart.
    At one that promises much, all listed commands are tried, and what is new enters the archive. Going back is a
    help that no player has: what comes of it are demonstrations, for `sandbox tune --from explore`. Stopped by
    Ctrl+C it keeps what it has; the next call goes on.

        sandbox explore zork.z3 --minutes 60
        sandbox tune practice --from explore --worlds zork.z3
    """
    results.check_file(json_file)
    opened = registry.open_world(world, home=context.of(ctx).home)
    try:
        exploration = Exploration(opened, seed, fresh=fresh)
        explorer = exploration.explorer
        until = time.monotonic() + 60 * minutes
        try:
            with stopping() as stopped, context.working("exploring") as say:
                exploration.run(
                    steps,
                    stop=lambda: time.monotonic() > until,
                    told=lambda now: say(f"exploring, {_progress(now)}"),
                )
        finally:
            exploration.close()
        way = explorer.best if stopped else explorer.shortened()
        found = {
            "world": opened.name,
            "seed": seed,
            "steps": explorer.steps,
            "cells": explorer.cells,
            "places": len(explorer.places),
            "best": explorer.best_score,
            "won": explorer.won,
            "commands": way,
            "curve": [[each.steps, each.best] for each in explorer.curve],
        }
    finally:
        opened.close()
    if json_file is None or not results.write_json(json_file, found):
        table = Table(title=f"{opened.title}: {counted(explorer.steps, 'step')}", title_justify="left")
        for column in ("cells", "places", "best score", "won", "commands"):
            table.add_column(column, justify="right")
        table.add_row(
            str(explorer.cells),
            str(len(explorer.places)),
            f"{explorer.best_score:g}",
            "yes" if explorer.won else "no",
            str(len(way)),
        )
        context.console.print(table)
        context.console.print("\n".join(f"> {command}" for command in way), highlight=False, markup=False)
    if stopped:
        raise typer.Exit(130)


def _progress(now: Milestone) -> str:
    places, cells = counted(now.places, "place"), counted(now.cells, "cell")
    return f"{counted(now.steps, 'step')}, {places}, {cells}, best score {now.best:g}"
