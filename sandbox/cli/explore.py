"""`sandbox explore`: find out how far one can get in a world, by going back to where it is promising."""

from __future__ import annotations

import time
from typing import Annotated

import typer
from rich.table import Table

from sandbox import files
from sandbox.cli import context, results
from sandbox.cli.patience import stopping
from sandbox.errors import UsageError
from sandbox.text import counted
from sandbox.tune.explorer import EXPLORED_SEED, Explorer, Milestone, kept_in
from sandbox.world import registry

_KEEP_EVERY = 60.0
"""Seconds after which what was found is written down."""


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

    An archive holds a snapshot for each place, inventory and score. From one that promises much and was seldom
    gone back to, listed commands are tried. Going back by snapshot is a help that no player has: what comes of it
    are demonstrations, for `sandbox tune --from explore`. Stopped by Ctrl+C it keeps what it has; the next call
    goes on.

        sandbox explore zork.z3 --minutes 60
        sandbox tune practice --from explore --worlds zork.z3
    """
    results.check_file(json_file)
    opened = registry.open_world(world, home=context.of(ctx).home)
    try:
        if len(opened.seats) != 1:
            raise UsageError(f"{world} has {len(opened.seats)} seats", hint="name a world for one")
        file = kept_in(opened, seed)
        if fresh:
            file.unlink(missing_ok=True)
        explorer = Explorer.load(opened, file.read_bytes()) if file.is_file() else Explorer(opened, seed)
        until = time.monotonic() + 60 * minutes
        kept = time.monotonic()

        with stopping() as stopped, context.working("exploring") as say:

            def told(now: Milestone) -> None:
                nonlocal kept
                say(f"exploring, {_progress(now)}")
                if time.monotonic() > kept + _KEEP_EVERY:
                    files.write_bytes(file, explorer.dump())
                    kept = time.monotonic()

            explorer.run(steps, stop=lambda: time.monotonic() > until, told=told)
        files.write_bytes(file, explorer.dump())
        way = explorer.best if stopped else explorer.shortened()
        found = {
            "world": opened.name,
            "seed": seed,
            "steps": explorer.steps,
            "cells": explorer.cells,
            "places": explorer.places,
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
            str(explorer.places),
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
