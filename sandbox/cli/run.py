"""`sandbox run`: the same loop with no screen."""

from __future__ import annotations

import json
import time
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    Progress,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.table import Table

from sandbox.cli import context
from sandbox.session import runner
from sandbox.session.runner import Episode, Summary
from sandbox.statistics import Interval


def run(
    ctx: typer.Context,
    worlds: Annotated[
        list[str],
        typer.Argument(
            metavar="WORLD...",
            help="World references: a name under `worlds/`, a story file, or a generated game such as "
            "`tw:coin?level=5&seed=1`.",
        ),
    ],
    agent: Annotated[
        str | None, typer.Option(help="Card of the agent for every seat: a name under `agents/`, or a file.")
    ] = None,
    seat: Annotated[
        list[str] | None, typer.Option(metavar="NAME=CARD", help="Another card for one seat. Repeatable.")
    ] = None,
    episodes: Annotated[int, typer.Option(min=1, max=100_000, help="Episodes in each world.")] = 1,
    max_steps: Annotated[int, typer.Option(min=1, max=100_000, help="Commands an episode may take.")] = 100,
    learn: Annotated[
        bool, typer.Option("--learn/--no-learn", help="Whether the learner explores and learns, or only acts.")
    ] = True,
    seed: Annotated[int, typer.Option(help="The same seed gives the same run.")] = 0,
    save: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Keep every turn in `saves/NAME`, and go on from what is there."),
    ] = None,
    json_file: Annotated[
        str | None, typer.Option("--json", metavar="FILE", help="Write all of it as JSON; `-` is standard output.")
    ] = None,
    allow_host: context.AllowHost = None,
) -> None:
    """Let agents play whole episodes with no screen, and print what came of it.

    The learner keeps what it learned from one episode to the next within a world.

        sandbox run "tw:simple?seed=18" --agent q-table --episodes 50
    """
    from sandbox import wiring

    where = context.of(ctx)
    cast = wiring.Players.parse(agent or where.settings.agent, seat or [])
    models = wiring.Models(where.settings, context.notes.print, context.permission(where, allow_host))
    played: list[Episode] = []
    started = time.perf_counter()
    with _progress() as progress:
        for reference in worlds:
            task = progress.add_task(reference, total=episodes, status="opening")
            tell = partial(_tell, progress, task)
            session = wiring.open_session(
                where.home,
                reference,
                cast,
                models,
                save=save,
                seed=seed,
                learn=learn,
                progress=tell,
            )
            try:
                for number in range(episodes):
                    if number or session.current.parent is not None:
                        session.new_episode(seed=seed + number)
                    tell("")
                    played.append(runner.play_episode(session, max_steps))
                    won = sum(episode.won for episode in played)
                    progress.update(task, advance=1, status=f"{won} won of {len(played)}")
            finally:
                session.close()
                session.world.close()
    summary = runner.summarise(played, time.perf_counter() - started)
    if json_file is not None:
        text = json.dumps(runner.as_json(played, summary), ensure_ascii=False, indent=1)
        if json_file == "-":
            print(text)
            return
        Path(json_file).write_text(text + "\n", encoding="utf-8")
    _print_table(played, summary)


def _tell(progress: Progress, task: TaskID, message: str) -> None:
    progress.update(task, status=message)


def _progress() -> Progress:
    return Progress(
        TextColumn("{task.description}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        TextColumn("{task.fields[status]}", markup=False),
        console=context.notes,
        transient=True,
    )


def _print_table(played: list[Episode], summary: Summary) -> None:
    table = Table(title=None, show_edge=False, pad_edge=False)
    table.add_column("world", overflow="fold")
    for heading in ("episodes", "won", "score", "steps"):
        table.add_column(heading, justify="right")
    by_world: dict[str, list[Episode]] = {}
    for episode in played:
        by_world.setdefault(episode.world, []).append(episode)
    for name, group in by_world.items():
        _add_row(table, name, runner.summarise(group, summary.seconds))
    if len(by_world) > 1:
        table.add_section()
        _add_row(table, "all", summary)
    context.console.print(table)
    context.console.print(
        f"{summary.seconds:.1f} s, {summary.decisions_per_second:.1f} decisions a second; "
        "in brackets the 95 % confidence interval",
        style="dim",
    )


def _add_row(table: Table, name: str, summary: Summary) -> None:
    score = _percent(summary.score) if summary.score_is_share else _number(summary.score)
    table.add_row(name, str(summary.episodes), _percent(summary.won), score, _number(summary.steps))


def _percent(interval: Interval) -> str:
    return f"{interval.value:.0%} [{interval.low:.0%}, {interval.high:.0%}]".replace("[", "\\[", 1)


def _number(interval: Interval) -> str:
    return f"{interval.value:.1f} [{interval.low:.1f}, {interval.high:.1f}]".replace("[", "\\[", 1)
