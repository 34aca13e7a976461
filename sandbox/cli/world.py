"""`sandbox world`: write worlds, check them, solve them, look at them."""

from __future__ import annotations

import json
import time
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.markup import escape
from rich.table import Column, Table
from rich.text import Text

from sandbox.abilities import Guided, Stochastic
from sandbox.cli import context, world_build
from sandbox.cli.world_check import changes, check_file
from sandbox.errors import UsageError, WorldError
from sandbox.paths import Home, safe_name
from sandbox.session import lobby

if TYPE_CHECKING:
    from sandbox.world.solver import Limits, PlanStep

app = typer.Typer(
    help="""The worlds there are, and the tools to write your own.

    A world is one YAML file, `worlds/NAME/world.yaml`. Write one with `sandbox world new NAME`, edit it beside
    `sandbox world check NAME --watch`, and play it with `sandbox play NAME`.""",
    no_args_is_help=True,
)

_Name = Annotated[str, typer.Argument(metavar="WORLD", help="A name from `sandbox world list`, or a file.")]
_Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
_States = Annotated[int, typer.Option(min=1, max=5_000_000, help="States to look at before sampling begins.")]
_Seconds = Annotated[float, typer.Option(min=0.1, max=86_400, help="Seconds that all of it may take.")]
A_WORLD = 60.0
"""Seconds for each world where none are given."""
SAFETY = 0.95
"""The share of the seconds that is planned with."""
_Seed = Annotated[int, typer.Option(help="Seed of the episode, and of random walks.")]


@app.command("list")
def list_worlds(ctx: typer.Context, as_json: _Json = False) -> None:
    """The worlds there are, yours before the bundled ones. A file with a mistake is listed with the mistake."""
    home: Home = ctx.obj.home
    offers = [lobby.world(name, file) for name, file in home.entries("worlds").items()]
    if as_json:
        print(json.dumps([asdict(offer) for offer in offers], ensure_ascii=False))
        return
    columns = ("title", "seats", "language", "difficulty", Column(overflow="fold"))
    table = Table(Column("world", no_wrap=True), *columns, box=None, pad_edge=False)
    for offer in offers:
        if offer.problem:
            table.add_row(Text(offer.name), "", "", "", "", Text(offer.problem, style="red"))
        else:
            facts = (offer.name, offer.title, str(offer.seats), offer.language, offer.difficulty, offer.blurb)
            table.add_row(*map(Text, facts))
    context.console.print(table, highlight=False)
    context.notes.print(
        "Besides these: story files, and games that are made up on demand, such as tw:simple?seed=18",
        style="dim",
        highlight=False,
    )


@app.command()
def new(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(help="Name of the new world: its folder under `worlds/`.")],
    title: Annotated[str | None, typer.Option(help="What players call it; the name if left out.")] = None,
) -> None:
    """Write a small world to start from.

    It is commented, it can be won, and it passes `check`.

        sandbox world new teahouse
        sandbox world check teahouse --watch
    """
    from sandbox.world import starter

    folder = ctx.obj.home.folder("worlds") / safe_name(name, "a world")
    if folder.exists():
        raise UsageError("this world is there already", where=folder, hint="choose another name")
    starter.write(folder, json.dumps(title or name.replace("_", " ").capitalize(), ensure_ascii=False))
    context.console.print(
        f"Wrote {escape(str(folder / 'world.yaml'))}.\n\nNow: sandbox world check {name} --watch\n"
        f"     sandbox play {name}",
        highlight=False,
        soft_wrap=True,
    )


@app.command()
def check(
    ctx: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(metavar="[WORLD]...", help="Names or files; all, if none.")
    ] = None,
    states: _States = 40_000,
    seconds: Annotated[
        float | None,
        typer.Option(min=0.1, max=86_400, help="Seconds that all of it may take; 60 a world if left out."),
    ] = None,
    seed: _Seed = 0,
    watch: Annotated[bool, typer.Option("--watch", help="Check again each time the file is saved.")] = False,
    as_json: _Json = False,
) -> None:
    """Find what is wrong with worlds: by reading them, and by playing them in every way there is.

    Unreachable rooms and things, exits that lead nowhere or only one way, keys that cannot be had, verbs, rules
    and texts that never come to pass, seats that cannot win, dead ends, points that cannot be collected, and the
    highest score that can. Where there are too many states to visit them all, it says so and samples. A
    `walkthrough.txt` beside the world is played.

    Exit code: 0 clean or only warnings, 1 errors in a world, 2 a file that is no world.

        sandbox world check lighthouse
        sandbox world check teahouse --watch
    """
    from sandbox.world import registry
    from sandbox.world.solver import Limits

    home: Home = ctx.obj.home
    limits = Limits(states=states, seconds=seconds or A_WORLD, walks=300, steps=300)
    files = [registry.world_file(name, home=home) for name in names or home.names("worlds")]
    if watch:
        if len(files) != 1:
            raise UsageError("one world can be watched at a time", hint="name it")
        for _ in changes(files[0]):
            context.console.clear()
            check_file(files[0], limits, seed, as_json=False)
            context.notes.print("Watching; Ctrl+C ends.", style="dim")
        return
    codes = []
    for number, file in enumerate(files):
        # The seconds are those of the whole command; each world gets an equal part of what is left of them.
        part = A_WORLD if seconds is None else (seconds * SAFETY - context.elapsed()) / (len(files) - number)
        codes.append(check_file(file, limits, seed, as_json, time.monotonic() + part))
    raise typer.Exit(max(codes, default=0))


@app.command()
def solve(
    ctx: typer.Context,
    reference: Annotated[
        str, typer.Argument(metavar="WORLD", help="A name, a file, or a game such as `tw:simple?seed=18`.")
    ],
    seat: Annotated[
        list[str] | None, typer.Option(help="Who has to win; all who can, if left out. Repeatable.")
    ] = None,
    values: Annotated[
        bool, typer.Option("--values", help="Run value iteration to the Bellman optimum: V*, Q* and the residual.")
    ] = False,
    gamma: Annotated[float, typer.Option(min=0.0, max=1.0, help="Discount for --values.")] = 0.9,
    states: _States = 100_000,
    seconds: _Seconds = 120.0,
    seed: _Seed = 0,
    as_json: _Json = False,
) -> None:
    """Print a shortest walkthrough, one command a line, or with --values the value of every state.

    The walkthrough is in the form of `walkthrough.txt`, ready to be kept beside the world. For several seats it is
    a joint one. Where a world is too large for the shortest to be proved, it says so.

        sandbox world solve lighthouse > worlds/lighthouse/walkthrough.txt
        sandbox world solve dice --values --gamma 0.95
    """
    from sandbox.world import registry
    from sandbox.world.solver import Limits

    world = registry.open_world(reference, home=ctx.obj.home, progress=context.notes.print)
    try:
        if unknown := set(seat or ()) - set(world.seats):
            raise UsageError(f"there is no seat {min(unknown)!r}", hint=f"there are: {', '.join(world.seats)}")
        limits = Limits(states=states, seconds=max(seconds * SAFETY - context.elapsed(), 0.05))
        if values:
            _print_values(world, gamma, limits, seed, as_json)
        else:
            _print_solution(world, seat, limits, seed, as_json)
    finally:
        world.close()


def _print_solution(world: Any, seats: list[str] | None, limits: Limits, seed: int, as_json: bool) -> None:
    from sandbox.world.solver import PlanStep
    from sandbox.world.solver import solve as search

    known = world.walkthrough() if isinstance(world, Guided) else ()
    if known:
        moves: tuple[PlanStep, ...] = tuple(PlanStep(world.seats[0], command) for command in known)
        facts: dict[str, Any] = {"winners": [world.seats[0]], "shortest": False}
        note = "the game's own walkthrough"
    else:
        with context.working("searching") as say:
            found = search(
                world,
                seed=seed,
                seats=seats,
                limits=limits,
                progress=lambda known, waiting: say(f"{known:,} states, {waiting:,} to look into"),
            )
        if found is None:
            lucky = isinstance(world, Stochastic) and world.random
            hint = (
                "try another --seed"
                if lucky
                else "give it more --states and --seconds, or ask `sandbox world check`"
            )
            raise WorldError("no way to win was found", where=world.name, hint=hint)
        moves, facts = found.moves, {"winners": sorted(found.winners), "shortest": found.shortest}
        proof = "no shorter one exists" if found.shortest else "a shorter one may exist"
        note = f"{len(moves)} commands; {proof}; {found.states:,} states seen"
    if as_json:
        listed = [{"seat": move.seat, "command": move.command} for move in moves]
        print(json.dumps({"world": world.name, "seed": seed, "moves": listed, **facts}, ensure_ascii=False))
        return
    context.notes.print(f"# {note}; won by {', '.join(facts['winners'])}", style="dim", highlight=False)
    for move in moves:
        print(_line(move, len(world.seats) > 1))


def _line(move: PlanStep, named: bool) -> str:
    return f"{move.seat}> {move.command}" if named else move.command


def _print_values(world: Any, gamma: float, limits: Limits, seed: int, as_json: bool) -> None:
    """V* and Q* of every state, a state named by the commands that first led to it."""
    from sandbox.rl.value_iteration import FiniteMDP, value_iteration
    from sandbox.world.solver import explore

    with context.working("exploring") as say:
        graph = explore(
            world,
            seed=seed,
            limits=limits,
            progress=lambda known, waiting: say(f"{known:,} states, {waiting:,} to look into"),
        )
        if not graph.complete:
            hint = "value iteration needs them all: give it more --states, or a smaller world"
            raise WorldError(f"more than {len(graph.nodes):,} states", where=world.name, hint=hint)
        say("value iteration")
        optimum = value_iteration(FiniteMDP(graph.transitions()), gamma=gamma)
    several = len(world.seats) > 1
    ways = [[_line(move, several) for move in graph.path(index)] for index in range(len(graph.nodes))]
    start = sum(probability * optimum.values[index] for index, probability in graph.roots.items())
    facts = {
        "world": world.name,
        "gamma": gamma,
        "value_of_start": start,
        "residual": optimum.residual,
        "error_bound": optimum.error_bound,
        "sweeps": optimum.sweeps,
        "converged": optimum.converged,
    }
    if as_json:
        rows = [
            {"way": way, "value": value, "q": q}
            for way, value, q in zip(ways, optimum.values, optimum.q_values, strict=True)
        ]
        print(json.dumps({**facts, "states": rows}, ensure_ascii=False))
        return
    table = Table("after", "V*", "command", "Q*", box=None, pad_edge=False)
    for way, value, q_values in zip(ways, optimum.values, optimum.q_values, strict=True):
        best = max(q_values.values(), default=0.0)
        ranked = sorted(q_values.items(), key=lambda item: -item[1]) or [("(the end)", 0.0)]
        for number, (command, q) in enumerate(ranked):
            first = (
                (Text(". ".join(way) or "(start)", overflow="fold"), f"{value:.4f}") if number == 0 else ("", "")
            )
            table.add_row(*first, Text(command, style="bold" if q > best - 1e-9 else ""), f"{q:.4f}")
    context.console.print(table, highlight=False)
    whose = "the sum of all seats' rewards" if several else "the reward"
    context.console.print(
        f"V*(start) = {start:.6f} for {whose}, gamma {gamma:g}; {len(ways):,} states, {optimum.sweeps} sweeps, "
        f"residual {optimum.residual:.2e}, no value off by more than {optimum.error_bound:.2e}"
        + ("" if optimum.converged else "; it did NOT converge: some circle pays for ever"),
        highlight=False,
    )


@app.command("map")
def draw_map(
    ctx: typer.Context,
    name: _Name,
    svg_file: Annotated[Path | None, typer.Option("--svg", metavar="FILE", help="Write an SVG instead.")] = None,
    width: Annotated[int, typer.Option(min=4, max=60, help="Columns that a room's name may take.")] = 16,
) -> None:
    """Draw the rooms of a world.

    `═` a door, `┄` a way with a condition, `→` a way that does not lead back, `↑ ↓` stairs, `•` in and out.
    Ways that do not fit the grid are named below.

        sandbox world map lighthouse
        sandbox world map lighthouse --svg lighthouse.svg
    """
    from sandbox.world.map import draw, plan_of, svg
    from sandbox.world.native import Adventure

    definition = _definition(ctx, name)
    if not isinstance(definition, Adventure):
        raise UsageError("a text task has no rooms", where=name, hint="draw another world")
    plan = plan_of(definition)
    if svg_file is None:
        print(draw(plan, here=plan.start, width=width))
        return
    try:
        svg_file.write_text(svg(plan, here=plan.start), encoding="utf-8")
    except OSError as error:
        raise UsageError(error.strerror or str(error), where=svg_file, hint="name another file") from error


@app.command()
def show(
    ctx: typer.Context,
    reference: Annotated[
        str, typer.Argument(metavar="WORLD", help="A name, a file, or a game such as `tw:simple?seed=18`.")
    ],
    seed: _Seed = 0,
    as_json: _Json = False,
) -> None:
    """What a world is, and how it begins for each seat.

    Native worlds, generated games and story files alike.

        sandbox world show lighthouse
        sandbox world show "tw:coin?level=5&seed=1"
    """
    from sandbox.world import registry

    world = registry.open_world(reference, home=ctx.obj.home, progress=context.notes.print)
    try:
        state = world.initial(seed)
        seen = [world.observe(state, seat) for seat in world.seats]
        if as_json:
            seats = [
                {
                    "seat": each.seat,
                    "goal": each.goal,
                    "max_score": each.max_score,
                    "text": each.text,
                    "admissible": each.admissible,
                }
                for each in seen
            ]
            facts = {
                "name": world.name,
                "title": world.title,
                "fingerprint": world.fingerprint,
                "verbs": world.verbs,
            }
            print(json.dumps({**facts, "seats": seats}, ensure_ascii=False))
            return
        context.console.print(Text(world.title, style="bold"))
        for each in seen:
            context.console.print(Text(f"\n{each.seat}: {each.goal}", style="bold cyan"))
            context.console.print(Text(each.text), highlight=False)
            if each.admissible:
                context.console.print(Text(f"> {' | '.join(each.admissible)}", style="dim"))
        context.console.print(Text(f"\nverbs: {', '.join(world.verbs)}", style="dim"), highlight=False)
    finally:
        world.close()


@app.command()
def schema() -> None:
    """Print the JSON Schema of world files.

    Editors use it to complete keys and to mark mistakes while you type; the first line of a new world names it.

        sandbox world schema > world.schema.json
    """
    from sandbox.world.native.reference import json_schema

    print(json.dumps(json_schema(), ensure_ascii=False, indent=2))


def _definition(ctx: typer.Context, name: str) -> Any:
    from sandbox.world import registry
    from sandbox.world.native import read_source

    return read_source(registry.world_file(name, home=ctx.obj.home)).definition


app.command("edit")(world_build.edit)
app.command("difficulty")(world_build.difficulty)
