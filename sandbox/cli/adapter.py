"""`sandbox adapter`: what fine-tuning rounds made."""

from __future__ import annotations

import json
import time
from pathlib import Path
from typing import Annotated

import typer
from rich.markup import escape
from rich.table import Table
from rich.text import Text

from sandbox.cli import context, tune
from sandbox.errors import SaveError, UsageError
from sandbox.text import clean_line
from sandbox.tune import collect
from sandbox.tune.adapters import BASE, AdapterInfo, Adapters
from sandbox.tune.export import Format
from sandbox.tune.export import export as export_adapter
from sandbox.tune.planning import begins_with

app = typer.Typer(
    help="""The adapters of a save: small sets of weights that a fine-tuning round made.

    One of them may be in use, on top of the language model; `base` is the model without any.""",
    no_args_is_help=True,
)

Save = Annotated[str, typer.Argument(metavar="SAVE", help="The save whose adapters are meant.")]
Name = Annotated[str, typer.Argument(metavar="ADAPTER", help="A name from `sandbox adapter list`.")]


@app.command("list")
def list_adapters(
    ctx: typer.Context,
    save: Save,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """All adapters as a tree: each below the one that it was trained on from."""
    adapters = _of(ctx, save)
    lines = adapters.tree()
    broken = {name: error for name, error in adapters.entries().items() if isinstance(error, SaveError)}
    if as_json:
        rows = [about.model_dump() for _, about in lines]
        rows += [{"id": clean_line(name), "problem": error.message} for name, error in broken.items()]
        print(json.dumps(rows, ensure_ascii=False))
        return
    try:
        active, problem = adapters.active, ""
    except SaveError as unknown:
        active, problem = "", f"which one is in use cannot be told: {unknown}"
    table = Table("adapter", "made", "from", "won before", "after", "", box=None, pad_edge=False)
    table.add_row(BASE, "", "", "", "", "in use" if active == BASE else "")
    for depth, about in lines:
        outcome = about.outcome
        table.add_row(
            f"{'  ' * (depth + 1)}{escape(about.id)}",
            time.strftime("%Y-%m-%d %H:%M", time.localtime(about.created)),
            escape(", ".join(f"{count} {kind}" for kind, count in about.examples.items()) or about.method),
            f"{outcome.before.won} of {outcome.before.episodes}" if outcome else "",
            f"{outcome.after.won} of {outcome.after.episodes}" if outcome else "",
            "in use" if active == about.id else "",
        )
    for name, error in broken.items():
        table.add_row(Text(f"  {clean_line(name)}"), Text(error.message, style="red"))
    context.console.print(table)
    if problem:
        context.notes.print(problem, style="red", markup=False, highlight=False, soft_wrap=True)


@app.command()
def show(ctx: typer.Context, save: Save, adapter: Name) -> None:
    """All that is known of an adapter: where it comes from, how it was made, and what it was worth."""
    about = _of(ctx, save).get(adapter)
    table = Table(box=None, show_header=False, pad_edge=False)
    for name, value in _facts(about):
        table.add_row(name, Text(value))
    context.console.print(table)
    if about.outcome is not None:
        context.console.print(tune.table(about.outcome))
        context.console.print(about.outcome.reason, markup=False)


@app.command()
def use(ctx: typer.Context, save: Save, adapter: Name) -> None:
    """Put an adapter into use; `base` takes the model without any."""
    _of(ctx, save).use(adapter)
    context.console.print(f"{save}: {adapter} is in use")


@app.command()
def rollback(ctx: typer.Context, save: Save) -> None:
    """Go back to the adapter that was in use before."""
    context.console.print(f"{save}: {_of(ctx, save).rollback()} is in use")


@app.command()
def delete(ctx: typer.Context, save: Save, adapter: Name) -> None:
    """Delete an adapter that is neither in use nor the parent of another."""
    _of(ctx, save).delete(adapter)
    context.console.print(f"{save}: {adapter} is deleted")


@app.command()
def compare(
    ctx: typer.Context,
    save: Save,
    first: Name,
    second: Name,
    worlds: Annotated[
        list[str], typer.Option(metavar="WORLD", help="Worlds to play; `seed=1..20` stands for 20. Repeatable.")
    ],
    seeds: Annotated[int, typer.Option(min=1, max=1000, help="Episodes in each world.")] = 1,
    max_steps: Annotated[int, typer.Option(min=1, help="Commands that an episode may take.")] = 25,
    agent: Annotated[str, typer.Option(help="Card that the model plays with.")] = "lm",
) -> None:
    """Play two adapters on the same worlds with the same seeds, side by side. `base` may be one of them."""
    from sandbox import wiring
    from sandbox.tune import gate
    from sandbox.tune.starts import is_fixed, starts
    from sandbox.world import registry

    adapters, where = _of(ctx, save), context.of(ctx)
    file = wiring.CardFile.find(where.home, agent)
    if file.card.model is None:
        raise UsageError(f"agent {agent!r} has no language model")
    model = wiring.Models(where.settings, on_note=context.notes.print).get(file.card.model, file.folder)
    played_by = {name: None if name == BASE else adapters.path(name) for name in (first, second)}
    references = [each for given in worlds for each in collect.expand(given)]
    wiring.check_worlds(where.home, references)
    sides = []
    for name in (first, second):
        model.use_adapter(played_by[name])
        played = []
        for reference in references:
            world = registry.open_world(reference, home=where.home)
            with context.working(f"{name}: {reference}"):
                chosen = starts(world, range(seeds))
                played += gate.play(file.card, model, world, chosen, max_steps=max_steps)
            if name == first and is_fixed(world, range(seeds)):
                context.notes.print(
                    f"{reference} is one game: {len(chosen)} starts after random commands", markup=False
                )
            world.close()
        sides.append(played)
    outcome = gate.compare(sides[0], sides[1])
    context.console.print(tune.table(outcome, (first, second)))
    context.console.print(outcome.reason, markup=False)


@app.command()
def export(
    ctx: typer.Context,
    save: Save,
    adapter: Name,
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="A folder that does not exist yet.")],
    form: Annotated[
        Format,
        typer.Option(
            "--format",
            help="`peft`: the adapter alone, as PEFT and vLLM load it. `merged`: a whole model with it inside.",
        ),
    ] = "peft",
    model: Annotated[
        str | None,
        typer.Option(metavar="MODEL", help="The language model's folder, where it is none that has a name here."),
    ] = None,
) -> None:
    """Take an adapter elsewhere: as a PEFT folder, or merged into a whole model that transformers serves."""
    with context.working(f"writing {folder}"):
        export_adapter(_of(ctx, save), adapter, folder, form, model)
    context.console.print(f"Written: {folder}", markup=False, highlight=False, soft_wrap=True)


def _of(ctx: typer.Context, save: str) -> Adapters:
    home = context.of(ctx).home
    return Adapters.of(home.save_folder(save), begins_with(home, save))


def _facts(about: AdapterInfo) -> list[tuple[str, str]]:
    perplexity = f"{about.perplexity[0]:.1f} before, {about.perplexity[1]:.1f} after" if about.perplexity else ""
    return [
        ("adapter", about.id),
        ("trained on from", about.parent),
        ("model", about.model),
        ("method", about.method),
        ("made", time.strftime("%Y-%m-%d %H:%M", time.localtime(about.created))),
        ("took", f"{about.seconds / 60:.1f} minutes"),
        ("examples", ", ".join(f"{count} {kind}" for kind, count in about.examples.items())),
        ("worlds", str(len(about.worlds))),
        ("data", about.data[:16]),
        ("perplexity of a fixed text", perplexity),
        ("settings", ", ".join(f"{name} {value}" for name, value in about.settings.items())),
        ("libraries", ", ".join(f"{name} {version}" for name, version in about.libraries.items())),
    ]
