"""`sandbox agent`: the cards that define agents."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.syntax import Syntax
from rich.table import Table
from rich.text import Text

from sandbox.agent import reference
from sandbox.cli import context
from sandbox.config import Settings
from sandbox.errors import CardError, UsageError
from sandbox.llm.catalogue import DEFAULT
from sandbox.paths import Home, safe_name

app = typer.Typer(
    help="""The agents that can hold a seat.

    An agent is a card: one YAML file in `agents/`, no Python. It says which language model proposes commands, what
    learns from reward, and how the two are combined. Make your own with `sandbox agent new NAME`, edit the file,
    and play beside it with `sandbox play --agent NAME`.""",
    no_args_is_help=True,
)


@app.command("list")
def list_agents(
    ctx: typer.Context,
    ask: Annotated[
        bool, typer.Option("--ask", help="Ask the servers of remote models whether they are there.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """The agents there are, yours before the bundled ones. A card with a mistake is listed with the mistake.

    Beside each language model stands its state. On this machine: `ready`, `not fetched`, `damaged` or `not there`.
    On a server: whether it may be asked and the variable with its key is set, and with `--ask` whether it is `ok`,
    or `away` and why.
    """
    home: Home = ctx.obj.home
    rows = [_row(home, ctx.obj.settings, name, path, ask) for name, path in home.entries("agents").items()]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    table = Table("agent", "model", "state", "learner", "", box=None, pad_edge=False)
    for row in rows:
        remark = Text(row["error"], style="red") if row["error"] else Text(row["description"])
        table.add_row(*(Text(row[key] or "-") for key in ("name", "model", "state", "learner")), remark)
    context.console.print(table, highlight=False)


@app.command()
def show(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name from `sandbox agent list`, or the path of a card.")],
) -> None:
    """The card of an agent, after checking it."""
    from sandbox.agent.registry import CardFile

    file = CardFile.find(ctx.obj.home, name)
    context.notes.print(escape(f"# in {file.folder}"), style="dim", highlight=False, soft_wrap=True)
    if context.console.is_terminal:
        context.console.print(Syntax(file.text, "yaml", background_color="default", word_wrap=True))
    else:
        print(file.text, end="")


@app.command()
def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the new agent, and of its file in `agents/`.")],
    from_: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="CARD",
            help="Begin with a copy of this card instead of one with every field explained.",
        ),
    ] = None,
) -> None:
    """Write a card to edit: with every field, its default and what it does, or a copy of another.

    For example `sandbox agent new scout --from lm-q`.
    """
    home: Home = ctx.obj.home
    path = home.folder("agents") / f"{safe_name(name, 'an agent')}.yaml"
    if from_ is None:
        text = reference.starter_card(f"{name}, not yet described", model=DEFAULT)
    else:
        from sandbox.agent.registry import CardFile

        text = _without_name(CardFile.find(home, from_).text)
    _write(path, text)
    context.notes.print(f"Edit it, then: sandbox play --agent {name}", highlight=False)


@app.command("import")
def import_character(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="A character card, V2 or V3, as JSON or PNG.", exists=True)],
    name: Annotated[str | None, typer.Option(help="Name of the agent; by default that of the file.")] = None,
    base: Annotated[
        str, typer.Option("--from", metavar="CARD", help="Card that gives it model, learner and all else.")
    ] = "lm-q",
) -> None:
    """Make an agent of a chat program's character card: persona, greeting, example dialogue, lorebook."""
    from sandbox.agent import cards, character
    from sandbox.agent.registry import CardFile

    home: Home = ctx.obj.home
    fields = character.read_character(file)
    name = safe_name(name or re.sub(r"[^\w.-]+", "-", file.stem).strip("-.") or "character", "an agent")
    text = character.as_yaml(fields, CardFile.find(home, base).text)
    cards.parse_card(text, name)
    _write(home.folder("agents") / f"{name}.yaml", text)
    context.notes.print(f"Play with it: sandbox play --agent {name}", highlight=False)


@app.command("export")
def export_character(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="A name from `sandbox agent list`, or the path of a card.")],
    file: Annotated[Path, typer.Argument(help="A JSON file that does not exist yet.")],
) -> None:
    """Write an agent's persona, greeting and lorebook as a character card, V2, for chat programs."""
    from sandbox.agent import character
    from sandbox.agent.registry import CardFile

    _write(file, character.as_character(CardFile.find(ctx.obj.home, name).card).decode())


@app.command()
def fields() -> None:
    """Every field a card can have, with type, default and meaning, as Markdown."""
    print(reference.markdown())


def _write(path: Path, text: str) -> None:
    """Write a new file, and say where. Raises `UsageError`."""
    path.parent.mkdir(parents=True, exist_ok=True)
    try:
        with path.open("x", encoding="utf-8") as file:
            file.write(text)
    except FileExistsError as error:
        raise UsageError("there is a card of this name already", where=path, hint="choose another name") from error
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror or error}", where=path) from error
    context.console.print(escape(str(path)), highlight=False, soft_wrap=True)


def _row(home: Home, settings: Settings, name: str, path: Path, ask: bool) -> dict[str, Any]:
    from sandbox.agent.registry import CardFile
    from sandbox.wiring.agents import model_of, model_state

    file: CardFile | None = None
    problem = ""
    try:
        file = CardFile.read(home, path)
    except CardError as error:
        problem = str(error)
    card = file.card if file else None
    return {
        "name": name,
        "description": card.description if card else "",
        "model": (model_of(card) or None) if card else None,
        "state": (model_state(file, settings, ask=ask) or None) if file else None,
        "learner": card.learner.kind if card and card.learner else None,
        "path": str(path),
        "error": problem,
    }


def _without_name(text: str) -> str:
    """The text without its top-level `name`, which would no longer fit."""
    return "".join(line for line in text.splitlines(keepends=True) if not line.startswith("name:"))
