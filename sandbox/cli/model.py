"""`sandbox model`: the language models on this machine."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from sandbox import config
from sandbox.cli import context
from sandbox.llm import catalogue
from sandbox.llm.catalogue import DEFAULT

app = typer.Typer(
    help="""The language models that agents take their proposals from.

    A card names one under `model`: a name listed here, a folder in the Hugging Face layout, or a GGUF file.
    These run on this machine; no hub is asked. A card may name a server under `remote` instead, which
    `sandbox model allow` allows.""",
    no_args_is_help=True,
)


@app.command()
def pull(
    name: Annotated[str, typer.Argument(help="A name from `sandbox model list`.")] = DEFAULT,
) -> None:
    """Fetch a model once: download about 93 MB, check it, convert it (about half a minute, 540 MB on disk).

    A second pull does nothing. One that was interrupted leaves nothing behind that could be mistaken for a model:
    pull again.
    """
    from sandbox.llm import fetch

    with _progress_bar() as progress:
        source, fetched = fetch.pull(name, progress)
    context.console.print(
        f"{name} is {'ready' if fetched else 'already here'}: {escape(str(source.folder))}",
        highlight=False,
        soft_wrap=True,
    )


@app.command("list")
def list_models(
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """The models there are: whether each is on this machine, how large, and where."""
    entries = catalogue.entries()
    if as_json:
        rows = [
            {"name": e.name, "title": e.title, "state": e.state, "size": e.size, "where": str(e.where)}
            for e in entries
        ]
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("name", "state", "size", Column("where", overflow="fold"), box=None, pad_edge=False)
    for entry in entries:
        size = decimal(entry.size) if entry.size else ""
        name = f"{entry.name} (default)" if entry.name == DEFAULT else entry.name
        table.add_row(escape(name), entry.state, size, escape(str(entry.where)))
    context.console.print(table, highlight=False)
    if any(entry.state != "ready" for entry in entries):
        context.notes.print("Fetch one with: sandbox model pull NAME", highlight=False)


@app.command()
def allow(
    host: Annotated[
        str,
        typer.Argument(help="As in `api.example.org` or `10.0.0.7:8000`; `http://...` where only http is spoken."),
    ],
    key_env: Annotated[
        str | None,
        typer.Option("--key-env", metavar="NAME", help="NAME of the environment variable with the key for it."),
    ] = None,
) -> None:
    """Let your cards ask a server under `remote`, and say which key it gets.

    Writes it into your settings file. The key itself stays in the environment. Cards from elsewhere, as those in
    somebody's save, ask you each time all the same.

        sandbox model allow api.example.org --key-env EXAMPLE_KEY
    """
    file = config.allow(host, key_env)
    context.console.print(
        f"{escape(host)} may be asked, {f'with the key in {key_env}' if key_env else 'without a key'}: "
        f"{escape(str(file))}",
        highlight=False,
        soft_wrap=True,
    )


@contextmanager
def _progress_bar() -> Iterator[catalogue.Progress]:
    """A bar on standard error, moving where the size is known; plain lines where there is no terminal."""
    if not context.notes.is_terminal:
        told: set[str] = set()

        def tell(stage: str, done: int, total: int) -> None:
            if stage not in told:
                told.add(stage)
                context.notes.print(stage, highlight=False)

        yield tell
        return
    columns = (
        SpinnerColumn(),
        TextColumn("{task.description}"),
        BarColumn(),
        DownloadColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=context.notes, transient=True) as bars:
        task = bars.add_task("starting", total=None)

        def show(stage: str, done: int, total: int) -> None:
            bars.update(task, description=stage, completed=done, total=total or None)

        yield show
