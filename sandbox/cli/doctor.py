"""`sandbox doctor`: what this machine has for language models, and what is wrong with it."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Column, Table

from sandbox.cli import context


def doctor(
    ctx: typer.Context,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time a decision of each model that was not timed here yet.")
    ] = False,
    device: context.Device = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Look at processor, devices, memory, libraries and models: what is wrong, and how to mend it.

    A decision is 20 commands after 400 tokens, of which 37 are new; `~` stands before what was not measured but
    follows from another model. Ends with status 1 where something is wrong.

        sandbox doctor
        sandbox doctor --measure
    """
    from sandbox.llm import checkup

    settings = context.of(ctx).settings
    if measure:
        from sandbox.bench import speeds

        with context.working("measuring") as say:
            speeds.measure_all(settings, say)
    with context.working("looking"):
        found = checkup.check(settings)
    if as_json:
        print(json.dumps(asdict(found), ensure_ascii=False))
    else:
        facts = Table(Column(style="bold"), Column(overflow="fold"), box=None, show_header=False, pad_edge=False)
        for name, value in found.facts.items():
            facts.add_row(name, escape(value))
        context.console.print(facts, highlight=False)
        models = Table("model", "state", "parameters", "memory", "decision", box=None, pad_edge=False)
        for row in found.models:
            models.add_row(*(escape(value) for value in row.values()))
        context.console.print()
        context.console.print(models, highlight=False)
        context.console.print()
        for trouble in found.troubles:
            context.console.print(f"[red]✗[/] {escape(trouble.what)}: {escape(trouble.mend)}", highlight=False)
        if not found.troubles:
            context.console.print("Nothing is wrong.", highlight=False)
    if found.troubles:
        raise typer.Exit(1)
