"""`sandbox model`: the language models on this machine."""

from __future__ import annotations

import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.progress import BarColumn, DownloadColumn, Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from sandbox import config
from sandbox.cli import context
from sandbox.errors import ModelError
from sandbox.llm import catalogue
from sandbox.llm.catalogue import DEFAULT
from sandbox.text import clean_line

app = typer.Typer(
    help="""The language models that agents take their proposals from.

    A card names one under `model`: a name listed here, a model of a hub that was pulled (`ORG/NAME`), a folder in
    the Hugging Face layout, or a GGUF file. These run on this machine; no hub is asked but by `sandbox model
    pull`. A card may name a server under `remote` instead, which `sandbox model allow` allows.""",
    no_args_is_help=True,
)


@app.command()
def pull(
    name: Annotated[
        str, typer.Argument(help="A name from `sandbox model list`, or ORG/NAME[@REVISION] of a hub.")
    ] = DEFAULT,
) -> None:
    """Fetch a model once. The default: download about 93 MB, check it, convert it (half a minute, 540 MB on disk).

    `gemma-3-270m` is a second one by name, of another architecture: 238 MB, 1.1 GB on disk.

    A model of a hub goes into the cache that all programs of the hub share; size and licence are said first, and
    only safetensors and JSON are taken, never code. HF_ENDPOINT, HF_HOME and HF_TOKEN are heeded. A second pull
    does nothing. One that was interrupted leaves nothing behind that could be mistaken for a model: pull again,
    and from a hub it goes on where it was.

        sandbox model pull
        sandbox model pull HuggingFaceTB/SmolLM2-360M-Instruct
    """
    from sandbox.llm import fetch, hub

    if name not in catalogue.KNOWN and hub.parsed(name) is not None:
        folder = hub.folder_of(name)
        _say(f"{name} is already here: {folder}" if folder else f"{name} is ready: {_pull_from_hub(name)}")
        return
    model = catalogue.KNOWN.get(name)
    if model is not None and not catalogue.is_whole(catalogue.folder_of(name)):
        _note(f"{model.title}: {decimal(model.download)}, licence {model.licence}")
    with _progress_bar() as progress:
        source, fetched = fetch.pull(name, progress)
    _say(f"{name} is {'ready' if fetched else 'already here'}: {source.folder}")


def _pull_from_hub(name: str) -> Path:
    from sandbox.llm import hub

    with context.working("asking the hub"):
        found = hub.plan(name)
    gated = ", its owner asks you to agree to terms" if found.gated else ""
    _note(f"{found.repository} at {found.revision[:12]}: {decimal(found.size)}, licence {found.licence}{gated}")
    with _progress_bar() as progress:
        return hub.pull(name, progress)


@app.command()
def show(
    name: Annotated[str, typer.Argument(help="As a card names it.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """What a model on this machine is: architecture, parameters, context, licence, size, and where."""
    from sandbox.llm import hub, registry

    source = registry.resolve(name)
    known = catalogue.marker(source.folder)
    facts = {"name": source.name, **_described(source.folder)}
    facts |= {"licence": known["licence"]} if "licence" in known else {}
    facts |= {"bytes": hub.size_of(source.folder), "where": str(source.folder)}
    if as_json:
        print(json.dumps(facts, ensure_ascii=False))
        return
    table = Table(Column(style="bold"), Column(overflow="fold"), box=None, show_header=False, pad_edge=False)
    for key, value in facts.items():
        table.add_row(key, escape(decimal(int(value)) if key == "bytes" else str(value)))
    context.console.print(table, highlight=False)


def _described(folder: Path) -> dict[str, str | int]:
    """What a model's configuration says of it; what is not there, or not as it should be, is left out."""
    try:
        read = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ModelError("its config.json cannot be read", where=folder) from error
    read = read if isinstance(read, dict) else {}
    inner = read.get("text_config")
    read |= inner if isinstance(inner, dict) else {}
    wanted = {
        "architecture": "model_type",
        "layers": "num_hidden_layers",
        "width": "hidden_size",
        "context": "max_position_embeddings",
        "vocabulary": "vocab_size",
    }
    found = {name: read[key] for name, key in wanted.items() if isinstance(read.get(key), str | int)}
    return {name: clean_line(each, 60) if isinstance(each, str) else each for name, each in found.items()}


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="A name from `sandbox model list`.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Delete a model from this machine. A model of a hub goes with all its revisions, for other programs too."""
    from sandbox.llm import hub

    folder = None if "/" in name else catalogue.folder_of(name)
    if folder is None or not folder.is_dir():
        if hub.folder_of(name) is None:
            raise ModelError(f"there is no model {name!r} here", hint="`sandbox model list` names them")
        folder = None
    if not yes:
        typer.confirm(f"Delete {name}?", abort=True)
    if folder is None:
        freed = hub.remove(name)
    else:
        freed = hub.size_of(folder)
        shutil.rmtree(folder)
    _say(f"{name} is gone: {decimal(freed)} freed")


def _note(text: str) -> None:
    context.notes.print(escape(text), highlight=False, soft_wrap=True)


def _say(text: str) -> None:
    context.console.print(escape(text), highlight=False, soft_wrap=True)


@app.command("list")
def list_models(
    ctx: typer.Context,
    measure: Annotated[
        bool, typer.Option("--measure", help="Time a decision of each model that was not timed here yet.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """The models there are: whether each is here, how large, what memory it needs, how fast it decides, and where.

    The time of a decision is measured once, with --measure or by `sandbox doctor --measure`, and kept; `~` stands
    before one that follows from another model, by the number of weights. It is of 20 commands after 400 tokens.
    """
    from sandbox.llm import speeds

    if measure:
        from sandbox.bench import speeds as timing

        with context.working("measuring") as say:
            timing.measure_all(context.of(ctx).settings, say)
    entries = catalogue.entries()
    weights = {entry.name: speeds.weights_of(entry) for entry in entries}
    found = {entry.name: speeds.speed(entry.where, weights[entry.name]) for entry in entries}
    if as_json:
        rows = [
            {"name": e.name, "title": e.title, "state": e.state, "size": e.size, "where": str(e.where)}
            | {"parameters": weights[e.name], "memory": speeds.needed(weights[e.name]) if weights[e.name] else 0}
            | {"fits": speeds.fits(weights[e.name])}
            | {"decision_seconds": None if (own := found[e.name]) is None else own.seconds}
            | {"decision_measured": own is not None and own.measured}
            for e in entries
        ]
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table(
        Column("name", no_wrap=True),
        *("state", "size", "memory", "decision"),
        Column("where", overflow="fold"),
        box=None,
        pad_edge=False,
    )
    for entry in entries:
        size = decimal(entry.size) if entry.size else ""
        name = f"{entry.name} (default)" if entry.name == DEFAULT else entry.name
        speed = found[entry.name]
        table.add_row(
            *(escape(name), entry.state, size, speeds.memory_of(weights[entry.name])),
            *("" if speed is None else str(speed), escape(str(entry.where))),
        )
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
