"""`sandbox league`: agents with and against each other."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import ExitStack
from itertools import islice
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.table import Table

from sandbox.cli import context, engines, results
from sandbox.errors import UsageError
from sandbox.statistics import Interval

if TYPE_CHECKING:
    from sandbox.multiagent.league import League


def league(
    ctx: typer.Context,
    world: Annotated[str, typer.Argument(metavar="WORLD", help="A world for two seats or more.")],
    agents: Annotated[
        str, typer.Option(metavar="A,B,...", help="Cards of the agents: names under `agents/`, or files.")
    ],
    episodes: Annotated[
        int, typer.Option(min=1, max=100_000, help="Episodes of each agent with each partner.")
    ] = 10,
    train: Annotated[
        int,
        typer.Option(min=0, max=1_000_000, help="Episodes that each agent first learns from, among its likes."),
    ] = 0,
    together: Annotated[
        bool,
        typer.Option("--team", help="With --train: learn as a team (VDN), where the reward is shared."),
    ] = False,
    seats: Annotated[
        int | None, typer.Option(min=2, help="Play for so many of the world's seats, from the first on.")
    ] = None,
    notes: Annotated[
        str,
        typer.Option(
            metavar="WORD,...", help="Give every seat a notebook for lines with these words, and let it tell them."
        ),
    ] = "",
    max_steps: Annotated[int, typer.Option(min=1, max=100_000, help="Commands an episode may take.")] = 200,
    seed: Annotated[int, typer.Option(help="The same seed gives the same league.")] = 0,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write all of it as JSON; `-` is standard output.")
    ] = None,
    model: context.Model = None,
    device: context.Device = None,
    allow_host: context.AllowHost = None,
    engine: engines.Engine = "local",
    address: engines.Address = None,
    workers: engines.Workers = None,
) -> None:
    """Let every agent play with every other, in every seat: ratings, and who does how well with whom.

    The focal agent has one seat, its partner all the others. Nobody explores or learns once the league has begun.

        sandbox league weathercock --seats 2 --agents q-table,random --train 300
        sandbox league millrace --agents q-table,random --train 600 --team --notes pin
    """
    from sandbox import wiring
    from sandbox.multiagent import team
    from sandbox.multiagent.league import round_robin
    from sandbox.multiagent.meetings import play_meetings
    from sandbox.world import registry

    where = context.of(ctx)
    names = list(dict.fromkeys(name.strip() for name in agents.split(",") if name.strip()))
    if len(names) < 2:
        raise UsageError("a league takes two agents at least", hint="such as --agents q-table,random")
    if together and not train:
        raise UsageError("--team says how agents learn, and they do not", hint="add --train N")
    named = {name: wiring.CardFile.find(where.home, name) for name in names}
    files: Mapping[str, Any] = named if model is None else wiring.with_model(named, model)
    results.check_file(json_file)
    crew = engines.crew(engine, address, workers)
    with crew.joined() as placed, ExitStack() as stack, context.working("opening") as say:
        opened = registry.open_world(world, home=where.home, seats=seats, progress=say)
        try:
            if len(opened.seats) < 2:
                raise UsageError(f"{world} is for one seat", hint="a league takes a world for two or more")
            stage = wiring.LeagueStage(
                home=where.home,
                settings=where.settings,
                hosts=tuple(allow_host or ()),
                placed=placed,
                world=world,
                seats=seats,
                notes=tuple(word.strip() for word in notes.split(",") if word.strip()),
                files=files,
                seed=seed,
            )
            permission = context.permission(where, allow_host)
            models = wiring.Models(where.settings, context.notes.print, permission, placed)
            opened, cast = stage.cast_in(opened, models)
            for name in names:
                joint = team.joint(cast[name]) if together else None
                training = team.train(opened, cast[name], joint, seed=seed, max_steps=max_steps)
                for done, _ in enumerate(islice(training, train), start=1):
                    say(f"{name} learns: {done} of {train}")
            pool = stack.enter_context(crew.pool(stage)) if crew.shared else None
            found = round_robin(
                opened,
                cast,
                episodes=episodes,
                seed=seed + train,
                max_steps=max_steps,
                progress=lambda done, of: say(f"episode {done} of {of}"),
                elsewhere=None
                if pool is None
                else lambda listed: play_meetings(pool, listed, cast, max_steps=max_steps),
            )
        finally:
            opened.close()
    if json_file is not None and results.write_json(json_file, {"world": world, **found.as_json()}, indent=1):
        return
    _print(found)


def _print(found: League) -> None:
    ratings = Table(title="Ratings", title_justify="left", show_edge=False, pad_edge=False)
    ratings.add_column("agent")
    for heading in ("skill", "matches"):
        ratings.add_column(heading, justify="right")
    for rating in found.ratings:
        ratings.add_row(rating.agent, _number(rating.skill), str(rating.matches))
    context.console.print(ratings)
    context.console.print()

    matrix = Table(
        title="Return of the focal seat, and below it of the others",
        title_justify="left",
        show_edge=False,
        pad_edge=False,
        show_lines=True,
    )
    matrix.add_column("focal")
    for partner in found.agents:
        matrix.add_column(f"with {partner}", justify="right")
    for focal in found.agents:
        cells = [found.cells[focal, partner] for partner in found.agents]
        matrix.add_row(focal, *(f"{_number(cell.focal)}\n{_number(cell.background)}" for cell in cells))
    context.console.print(matrix)
    against = "all seats share their reward: agents are rated against the world; " if found.shared else ""
    context.console.print(f"{against}in brackets the 95 % confidence interval", style="dim")


def _number(interval: Interval) -> str:
    return f"{interval.value:.1f} \\[{interval.low:.1f}, {interval.high:.1f}]"
