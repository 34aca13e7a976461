"""`sandbox world edit` and `sandbox world difficulty`: what the author's screen does, without it."""

from __future__ import annotations

import json
from typing import Annotated

import typer
from rich.table import Table
from rich.text import Text

from sandbox.cli import context
from sandbox.errors import UsageError, WorldError, WorldFileError
from sandbox.session import difficulty as measured
from sandbox.session.difficulty import DifficultyTally
from sandbox.statistics import Interval


def edit(
    ctx: typer.Context,
    name: Annotated[str, typer.Argument(metavar="WORLD", help="One of your worlds, or a file.")],
    lines: Annotated[list[str], typer.Argument(metavar="LINE...", help="What to do, each in quotes.")],
    at: Annotated[
        str | None, typer.Option(metavar="ROOM", help="The room to stand in; else where the first seat begins.")
    ] = None,
) -> None:
    """Build in a world by words. Comments, order and quotes of the file stay as they are.

    A line that the world would have a mistake from is refused, and nothing is written then.

        sandbox world edit teahouse 'dig north "Cave"' 'create brass key in cave'
        sandbox world edit teahouse --at cave 'describe here Cold, and it drips.'
    """
    from sandbox import files
    from sandbox.session import authoring
    from sandbox.world import registry
    from sandbox.world.building import build
    from sandbox.world.building.blueprint import Blueprint

    file = registry.world_file(name, home=context.of(ctx).home).resolve()
    if authoring.is_foreign(file):
        raise WorldError(
            "this world came with the program", where=file, hint="copy its folder into your `worlds/`"
        )
    text = before = authoring.read(file)
    plan = Blueprint.of(text, file=file)
    here = plan.find(at, "rooms").id if at else next(iter(plan.world.seats.values())).start
    said = []
    for line in lines:
        try:
            built = build(text, line, here=here, file=file)
        except WorldFileError as error:
            raise WorldFileError(error.findings, where=file) from None
        text, here = built.text, built.room or here
        said.append(built.said)
    if text != before:
        files.write_bytes(file, text.encode())
    for sentence in said:
        context.console.print(Text(sentence))


def difficulty(
    ctx: typer.Context,
    world: Annotated[
        str, typer.Argument(metavar="WORLD", help="A name, a file, or a game such as `tw:simple?seed=18`.")
    ],
    agent: Annotated[
        list[str] | None, typer.Option(help="Card of an agent that plays it. Repeatable; three if left out.")
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, max=10_000, help="Episodes that count.")] = measured.EPISODES,
    turns: Annotated[int, typer.Option(min=1, max=10_000, help="Commands an episode may take.")] = measured.TURNS,
    practice: Annotated[
        int, typer.Option(min=0, max=100_000, help="Episodes in which an agent that learns practises first.")
    ] = measured.PRACTICE,
    seed: Annotated[int, typer.Option(help="The same seed gives the same answer.")] = 0,
    seconds: Annotated[
        float,
        typer.Option(min=1, max=86_400, help="What it may take; where that is short, fewer are played."),
    ] = 600.0,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print an object a line: how an agent stands after each episode.")
    ] = False,
) -> None:
    """Measure how hard a world is: how often agents win it, and within how many turns.

    Random play, tabular Q-learning after practice, and the language model alone, where it is on this machine. None
    learns or explores while it is counted. Where one plays the same game each time, one episode says all there is.
    Each gets an equal part of the seconds; what was not played in them is not counted.

        sandbox world difficulty teahouse
        sandbox world difficulty honey --agent random --agent q-table --practice 200 --turns 40
    """
    from sandbox.wiring.difficulty import agents_at_hand, measure

    where = context.of(ctx)

    def note(text: str) -> None:
        context.notes.print(text, style="dim", highlight=False, soft_wrap=True)

    agents = tuple(agent or agents_at_hand(where.home, note))
    if len(set(agents)) < len(agents):
        raise UsageError("an agent is named twice", hint="name each once")
    tallies = measure(
        where.home,
        where.settings,
        world,
        agents,
        practice=practice,
        episodes=episodes,
        turns=turns,
        seed=seed,
        seconds=seconds,
        on_note=note,
    )
    if as_json:
        for tally in tallies:
            print(json.dumps(tally.as_json()), flush=True)
        return
    latest: dict[str, DifficultyTally] = {}
    with context.working("opening") as say:
        for tally in tallies:
            latest[tally.agent] = tally
            say(tally.progress)
    _print_table(tuple(latest.values()))


def _print_table(tallies: tuple[DifficultyTally, ...]) -> None:
    table = Table(box=None, pad_edge=False)
    table.add_column("agent")
    for heading in ("practice", "episodes", *(f"won in {turns}" for turns in tallies[0].budgets), "score"):
        table.add_column(heading, justify="right")
    for tally in tallies:
        rates = [_percent(tally.won(turns), alike=tally.alike) for turns in tally.budgets]
        count = "all alike" if tally.alike else str(len(tally.episodes))
        score = _percent(tally.score, alike=tally.alike)
        table.add_row(Text(tally.agent), str(tally.practice or ""), count, *rates, score)
    context.console.print(table, highlight=False)
    context.console.print("In brackets the 95 % confidence interval.", style="dim")


def _percent(interval: Interval, *, alike: bool) -> Text:
    return Text(
        f"{interval.value:.0%}" + ("" if alike else f" [{interval.low * 100:.0f}–{interval.high * 100:.0f}]")
    )
