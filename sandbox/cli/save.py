"""`sandbox save`: what is kept of what was played."""

from __future__ import annotations

import json
import shlex
import shutil
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.filesize import decimal
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text
from rich.tree import Tree

from sandbox.cli import context, results
from sandbox.cli.context import Context
from sandbox.errors import SandboxError, SaveError, UsageError
from sandbox.feedback.book import FeedbackBook
from sandbox.paths import Home, safe_name
from sandbox.render import formatting
from sandbox.session import blessed
from sandbox.session.blessed import ReplayChange
from sandbox.session.intents import intents
from sandbox.store import Run, Store, upkeep
from sandbox.store.feedback import Mark
from sandbox.store.opening import FILE
from sandbox.store.server import is_url, without_password
from sandbox.text import clean_line, counted
from sandbox.timeline import Node, Timeline, Turn

if TYPE_CHECKING:
    from sandbox.wiring import Models

app = typer.Typer(
    help="""What is kept of what was played: every turn, what the agent wanted and why, and what people said of it.

    A save is a folder under `saves/` with one database in it. Its turns are a tree: undo goes up, trying again
    makes a branch, and nothing is ever deleted. Begin or go on with one by `sandbox play --save NAME`.""",
    no_args_is_help=True,
)

_EPISODES_SHOWN = 5
_Name = Annotated[str, typer.Argument(help="A name from `sandbox save list`.")]


@app.command("list")
def list_saves(
    ctx: typer.Context,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list instead of a table.")] = False,
) -> None:
    """The saves there are: their world, who plays, how much was played, and when last."""
    home = context.of(ctx).home
    rows = [_summary(name, file.parent) for name, file in home.entries("saves").items()]
    if as_json:
        print(json.dumps(rows, ensure_ascii=False))
        return
    if not rows:
        context.console.print("There are no saves yet. Begin one with: sandbox play --save NAME", highlight=False)
        return
    table = Table(
        Column("name", no_wrap=True),
        *("world", "seats", "turns", "feedback", Column("last played", min_width=10), Column("size", min_width=8)),
        box=None,
        collapse_padding=True,
        pad_edge=False,
    )
    for row in rows:
        if "problem" in row:
            table.add_row(escape(row["name"]), Text(row["problem"], style="red"))
            continue
        last = time.strftime("%Y-%m-%d %H:%M", time.localtime(row["last_played"]))
        texts = (row["name"], row["world"], row["seats"], str(row["turns"]), str(row["feedback"]), last)
        table.add_row(*(escape(text) for text in texts), decimal(row["bytes"]))
    context.console.print(table, highlight=False)


@app.command()
def show(
    ctx: typer.Context,
    name: _Name,
    turn: Annotated[
        str | None, typer.Option(help="Show one turn in full, by its number in the tree or its bookmark.")
    ] = None,
    every: Annotated[bool, typer.Option("--all", help="Show all episodes, not the latest alone.")] = False,
) -> None:
    """Draw the tree of a save, or show one of its turns in full.

    A line is a turn: its number, who acted, the command. `!` marks a person's command in an agent's place, `+1` in
    green the world's reward, `*` what people said of it, and `<- here` where the save stands.

        sandbox save show friday
        sandbox save show friday --turn 12
    """
    with open_save(context.of(ctx).home, name, readonly=True) as store:
        timeline, book = store.timeline(), FeedbackBook(store.feedback())
        if turn is not None:
            _print_turn(timeline.get(_turn(store, turn)), book)
            return
        latest = store.latest_run()
        seats = ", ".join(f"{seat}: {agent or 'a person'}" for seat, agent in latest.seats.items())
        context.console.print(
            f"[bold]{escape(store.name)}[/]  {escape(latest.title)}  [dim]{escape(latest.world)}[/]"
        )
        context.console.print(
            f"{escape(seats)}  seed {latest.seed}, {len(store.runs())} sittings", highlight=False
        )
        _print_intents(latest)
        openings = timeline.opening_ids()
        shown = openings if every else openings[-_EPISODES_SHOWN:]
        if len(shown) < len(openings):
            hidden = len(openings) - len(shown)
            context.console.print(f"[dim]{hidden} earlier episodes are not shown; --all shows them[/]")
        drawing = _Drawing(timeline, book, store.marks(), latest.cursor)
        for opening in shown:
            context.console.print(drawing.episode(opening), soft_wrap=True)


@app.command()
def verify(ctx: typer.Context, name: _Name) -> None:
    """Read all of a save, and say whether it is whole and what it would do when opened. Changes nothing."""
    with open_save(context.of(ctx).home, name, readonly=True) as store:
        turns, shown = upkeep.verify(store), escape(store.name)
        run = store.latest_run()
    context.console.print(f"{shown} is whole: all of its {turns} turns can be read", highlight=False)
    _print_intents(run)


def _print_intents(run: Run) -> None:
    """What the save would do when it is opened; nothing where that is to play a game, and no more."""
    found = list(intents(run))
    if found:
        context.console.print("Opened to be played, it does more than play:", highlight=False)
    for line in found:
        context.console.print(Text(f"  {line}", style="yellow"), soft_wrap=True)


@app.command()
def fork(
    ctx: typer.Context,
    name: _Name,
    new: Annotated[str, typer.Argument(help="Name of the copy, or its address on a PostgreSQL server.")],
    at: Annotated[str | None, typer.Option(help="Number of a turn, or a bookmark, where the copy stands.")] = None,
) -> None:
    """Copy a save, to go on from any of its turns without touching the original. Works while it is played.

    A copy in a PostgreSQL database is for several people at once: all that takes the name of a save takes its
    address. A database has room for any number of them, each by its name behind the `#`. A copy has all that was
    played, said and learned; where there is a save already, nothing is copied. Adapters are files: a database has
    no room for them.

        sandbox save fork friday what-if --at 12
        sandbox save fork friday "postgresql://ann@server/class#friday"
        sandbox save fork "postgresql://ann@server/class#friday" friday-again
    """
    home = context.of(ctx).home
    with open_save(home, name, readonly=True) as source:
        turn = None if at is None else _turn(source, at)
        if is_url(name) or is_url(new):
            with Store.connect(new) if is_url(new) else Store.create(home.save_folder(new)) as target:
                upkeep.copy(source, target, turn)
    if not (is_url(name) or is_url(new)):
        upkeep.fork(_folder(home, name), home.save_folder(new), turn)
    if not is_url(name) and (adapters := _folder(home, name) / "adapters").is_dir():
        _bring_adapters(adapters, None if is_url(new) else home.save_folder(new) / "adapters")
    shown = shlex.quote(without_password(new))
    context.console.print(f"Forked. Play it with:  sandbox play --save {escape(shown)}", highlight=False)


def _bring_adapters(adapters: Path, to: Path | None) -> None:
    """Copy the adapters of a save, or say that they stay behind where there is no folder for them."""
    if to is None:
        told = "Its adapters stay where they are: a copy in a database plays with the models as they come."
        context.notes.print(told, highlight=False)
        return
    try:
        shutil.copytree(adapters, to, symlinks=True, dirs_exist_ok=True)
    except (OSError, shutil.Error) as error:
        raise SaveError(f"the adapters could not be copied: {clean_line(str(error), 200)}", where=to) from error


@app.command()
def compact(ctx: typer.Context, name: _Name) -> None:
    """Rewrite a save without the gaps in its file. Nothing in it is lost."""
    before, after = upkeep.compact(_folder(context.of(ctx).home, name))
    context.console.print(f"{escape(name)}: {decimal(before)} before, {decimal(after)} now", highlight=False)


@app.command()
def export(
    ctx: typer.Context,
    name: _Name,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", metavar="FILE", help="File to write; else the screen.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option("--html", metavar="FILE", help="Write a page to read instead, in this file.")
    ] = None,
    every: Annotated[
        bool, typer.Option("--all", help="All episodes on the page, not the latest five alone.")
    ] = False,
    cast: Annotated[
        Path | None,
        typer.Option(
            "--cast", metavar="FILE", help="Write a terminal recording of the episode it stands in instead."
        ),
    ] = None,
    output: Annotated[Path | None, typer.Option("--output", hidden=True, help="The same as --out.")] = None,
) -> None:
    """Write out all of a save as JSON lines: runs, turns with their decisions and prompts, feedback, bookmarks.

    Or as one page to read, which loads nothing from anywhere: the story with what people said, the decisions
    folded in, other tries as branches. Or as a recording of the screen, for `asciinema play`.

        sandbox save export friday | head -3
        sandbox save export friday --html friday.html
        sandbox save export friday --cast friday.cast
    """
    out = out or output
    for file in (out, html, cast):
        results.check_file(file)
    with open_save(context.of(ctx).home, name, readonly=True) as store:
        if html is not None:
            from sandbox.render.html import page

            _write(html, page(store, name.rpartition("/")[2], latest=None if every else _EPISODES_SHOWN))
        if cast is not None:
            from sandbox.session.replay import RecordedPlay
            from sandbox.tui.recording import replay

            with context.working("playing the episode on the screen"):
                replay(RecordedPlay.of(store), store.feedback(), cast)
        if out is None and (html or cast):
            return
        lines = (json.dumps(each, ensure_ascii=False) + "\n" for each in upkeep.export(store))
        if out is None:
            sys.stdout.writelines(lines)
        else:
            _write(out, lines)


def _write(file: Path, parts: Iterable[str]) -> None:
    try:
        with file.open("w", encoding="utf-8") as stream:
            stream.writelines(parts)
    except OSError as error:
        raise SaveError(f"cannot be written: {error.strerror}", where=file) from error


@app.command()
def replay(
    ctx: typer.Context,
    name: _Name,
    agent: Annotated[
        str | None, typer.Option(help="Card to ask instead of the agents of the save, in every seat they hold.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON list of what differs instead.")] = False,
    allow_host: context.AllowHost = None,
) -> None:
    """Play the blessed branches again, and show where the world's text or the agent's choice now differs.

    For after a round, or a change of a world file. Writes nothing. Exit code 1 where something differs. Where the
    agent was overruled or explored in a blessed branch, and still wants what it held best then, that is noted, but
    is no difference.

        sandbox save replay friday
        sandbox save replay friday --agent my-agent
    """
    from sandbox import wiring

    with open_save(context.of(ctx).home, name, readonly=True) as store:
        leaves = [mark.turn for mark in store.marks() if mark.kind == "blessed"]
        if not leaves:
            raise SaveError(
                "no branch of this save is blessed", where=store.file, hint="`bless` in play, where it ends well"
            )
        where = context.of(ctx)
        models = wiring.Models(where.settings, permission=context.permission(where, allow_host))
        changes = {leaf: _played_again(where, models, store, leaf, agent) for leaf in leaves}
    if as_json:
        shown = [{"branch": leaf, **asdict(each)} for leaf, found in changes.items() for each in found]
        print(json.dumps(shown, ensure_ascii=False))
    else:
        for leaf, found in changes.items():
            _print_changes(leaf, found)
    if any(not each.known for found in changes.values() for each in found):
        raise typer.Exit(1)


def _played_again(where: Context, models: Models, store: Store, leaf: int, card: str | None) -> list[ReplayChange]:
    from sandbox import wiring
    from sandbox.world import registry

    run = store.latest_run()
    with context.working(f"playing the branch to turn {leaf} again"):
        world = registry.open_world(run.world, home=where.home)
        try:
            if card is None:
                agents = wiring.agents_of(where.home, run, models, world)
            else:
                file = wiring.CardFile.find(where.home, card)
                held = [seat for seat, name in run.seats.items() if name is not None]
                agents = {seat: wiring.build_agent(file, models, world) for seat in held}
            for seat, agent in agents.items():
                if agent is not None and (learned := store.records(seat, agent.name)):
                    agent.load(learned)
            return list(blessed.replay(world, store.timeline(), leaf, agents, seed=run.seed))
        finally:
            world.close()


def _print_changes(leaf: int, changes: Sequence[ReplayChange]) -> None:
    differing = sum(not each.known for each in changes)
    verdict = counted(differing, "difference") if differing else "as blessed"
    context.console.print(f"[bold]branch to turn {leaf}[/]: {verdict}", highlight=False)
    for change in changes:
        if change.known:
            told = (
                f"turn {change.turn}: {change.seat} still wants {change.after!r}, where {change.before!r} was done"
            )
            context.console.print(Text(f"  {told}", style="dim"))
            continue
        what = {"choice": "chooses", "text": "reads", "order": "cannot move"}[change.kind]
        context.console.print(Text(f"  turn {change.turn}: {change.seat} {what}", style="cyan"))
        for line in change.diff():
            style = {"-": "red", "+": "green"}.get(line[:1], "dim")
            context.console.print(Text(f"    {line}", style=style), soft_wrap=True)


def open_save(home: Home, name: str, *, readonly: bool = False) -> Store:
    """A save by name, or by the address of its PostgreSQL database. Raises `SaveError`."""
    if is_url(name):
        return Store.connect(name, readonly=readonly)
    return Store.open(_folder(home, name), readonly=readonly)


def _folder(home: Home, name: str) -> Path:
    if is_url(name):
        raise UsageError("this is for saves of this machine", hint="`sandbox save fork ADDRESS NAME` makes one")
    own = home.save_folder(name)
    found = (folder / name for folder in home.search("saves"))
    return next((folder for folder in found if (folder / FILE).is_file()), own)


def _summary(name: str, folder: Path) -> dict[str, Any]:
    try:
        safe_name(folder.name, "a save")
        with Store.open(folder, readonly=True) as store:
            latest = store.latest_run()
            return {
                "name": name,
                "world": latest.world,
                "seats": ", ".join(f"{seat}: {agent or 'a person'}" for seat, agent in latest.seats.items()),
                **store.counts(),
                "last_played": store.last_written(),
                "bytes": store.size(),
            }
    except SandboxError as error:
        return {"name": name, "problem": error.message}


def _turn(store: Store, at: str) -> int:
    if at.isdecimal():
        return int(at)
    for mark in store.marks():
        if mark.kind == "bookmark" and mark.name == at:
            return mark.turn
    raise SaveError(f"there is no bookmark {at!r}", where=store.file, hint="give the number of a turn")


class _Drawing:
    """The tree as text. A line of turns without branches stays at one level, however long."""

    def __init__(self, timeline: Timeline, book: FeedbackBook, marks: Iterable[Mark], here: int | None) -> None:
        self._timeline = timeline
        self._book = book
        self._here = here
        self._names: dict[int, list[str]] = {}
        for mark in marks:
            self._names.setdefault(mark.turn, []).append("blessed" if mark.kind == "blessed" else mark.name)

    def episode(self, opening: int) -> Tree:
        node = self._timeline.node(opening)
        root = Tree(self._label(node, f"episode {node.episode}, seed {node.seed}"), guide_style="dim")
        waiting = [(root, child) for child in reversed(self._timeline.child_ids(opening))]
        while waiting:
            level, turn_id = waiting.pop()
            branch = level.add(self._label(self._timeline.node(turn_id)))
            children = self._timeline.child_ids(turn_id)
            below = level if len(children) == 1 and self._only_child(turn_id) else branch
            waiting += [(below, child) for child in reversed(children)]
        return root

    def _only_child(self, turn_id: int) -> bool:
        parent = self._timeline.node(turn_id).parent
        return parent is None or len(self._timeline.child_ids(parent)) == 1

    def _label(self, node: Node, text: str = "") -> Text:
        label = Text(f"{node.id:>4} ", style="dim")
        label.append(text or f"{node.seat}> {node.command}", style="bold" if node.id == self._here else "not dim")
        if node.intervened:
            wanted = "was not asked" if node.wanted is None else f"wanted: {node.wanted}"
            label.append(f" ! (the agent {wanted})", style="yellow")
        for seat, reward in node.rewards.items():
            whose = "" if seat == node.seat else f" {seat}"
            label.append(f" {reward:+g}{whose}", style="green" if reward > 0 else "red")
        for record in self._book.at(node.id):
            value = "" if record.value is None else f" {record.value:+g}"
            label.append(f" * {record.kind}{value}", style="magenta")
        for name in self._names.get(node.id, ()):
            label.append(f" [{name}]", style="cyan")
        if node.ended:
            label.append(" (the end)" if node.terminated else " (cut off)", style="dim")
        if node.id == self._here:
            label.append(" <- here", style="bold")
        return label


def _print_turn(turn: Turn, book: FeedbackBook) -> None:
    console = context.console
    if turn.parent is not None:
        console.print(f"[bold]{escape(turn.seat)}> {escape(turn.command)}[/]  [dim]chosen by {turn.chooser}[/]")
    for seat, observation in turn.observations.items():
        reward = f"  reward {turn.rewards[seat]:+g}" if seat in turn.rewards else ""
        best = "" if observation.max_score is None else f" of {observation.max_score:g}"
        console.print(f"\n[cyan]{escape(seat)}[/]  score {observation.score:g}{best}{reward}", highlight=False)
        console.print(observation.text, markup=False, highlight=False)
    if (decision := turn.decision) is not None:
        table = Table("", "proposal", box=None, pad_edge=False)
        for heading in ("prior", "Q", "score"):
            table.add_column(heading, justify="right")
        table.add_column("said")
        for rank, proposal in enumerate(decision.proposals):
            numbers = (proposal.prior, decision.q_values[rank], decision.scores[rank])
            mark = ">" if rank == decision.chosen else ""
            texts = (f"{number:.3f}" for number in numbers)
            table.add_row(mark, escape(proposal.command), *texts, escape(proposal.said))
        about = " ".join(part for part in (decision.agent, decision.model, decision.reason) if part)
        console.print(f"\nWhat the agent considered  [dim]{escape(about)}[/]")
        console.print(table, highlight=False)
    for record in book.at(turn.id):
        value = "" if record.value is None else f" {record.value:+g}"
        said = " ".join((*record.reasons, record.comment)).strip()
        if record.value is None:
            said = formatting.said(record, turn.decision)
        console.print(f"{record.kind}{value} by {record.annotator} {said}".rstrip(), markup=False, highlight=False)
