"""`sandbox play`: the screen."""

from __future__ import annotations

import os
import shlex
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from sandbox.cli import context, results
from sandbox.errors import UsageError
from sandbox.together import Invitation

if TYPE_CHECKING:
    from sandbox.wiring import PlayPlan


def play(
    ctx: typer.Context,
    world: Annotated[
        str | None,
        typer.Argument(
            metavar="[WORLD]",
            help="A name under `worlds/`, a story file (`.z3` to `.z8`), or a generated game such as "
            "`tw:custom?rooms=5&objects=8&quest=5&seed=3`.",
        ),
    ] = None,
    agent: context.Agent = None,
    seat: context.Seat = None,
    save: Annotated[
        str | None,
        typer.Option(metavar="NAME", help="Save to begin, or to come back to exactly where it was left."),
    ] = None,
    seed: Annotated[int | None, typer.Option(help="Seed of the world and of the agents. [default: 0]")] = None,
    plain: Annotated[
        bool, typer.Option("--plain", help="Play in lines, with the same verbs: for screen readers and pipes.")
    ] = False,
    aloud: Annotated[
        bool,
        typer.Option("--aloud", help="With --plain: agents say what they want also where lines are piped in."),
    ] = False,
    record: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Record the screen in this file, for `asciinema play`.")
    ] = None,
    opened: Annotated[
        bool,
        typer.Option(
            "--open",
            help="Let others join with `sandbox join`: they take seats that people hold, but for the first, or "
            "watch.",
        ),
    ] = False,
    watchers: Annotated[
        bool, typer.Option("--watchers/--no-watchers", help="With --open: whether they may watch what you see.")
    ] = True,
    model: context.Model = None,
    device: context.Device = None,
    allow_host: context.AllowHost = None,
) -> None:
    """Play a world beside an agent, in the terminal.

    The agent shows what it would do and why. Let it act (F5), let it run (F6), or type a command of your own
    instead. Reward it with Esc and `+` or `-`; `undo` takes a turn back. Every turn is saved as it happens.

        sandbox play                    (the start screen: go on, or choose a world and an agent)
        sandbox play tutorial
        sandbox play "tw:coin?level=5&seed=1" --agent q-table
        sandbox play --save friday
        sandbox play tutorial --plain
        sandbox play millrace --seat tamsin=human --seat jory=human --open
    """
    from sandbox import wiring

    results.check_file(record)
    where = context.of(ctx)
    in_browser = "TEXTUAL_DRIVER" in os.environ
    if in_browser:
        from sandbox.tui.web.orphan import end_with_parent

        end_with_parent()
    invitation = Invitation(where.home.root, watchers) if opened else None
    on_screen = in_browser or (sys.stdin.isatty() and sys.stdout.isatty() and os.environ.get("TERM") != "dumb")
    if on_screen and not plain and not (world or agent or seat or save or model or allow_host or seed is not None):
        played = wiring.choose_on_screen(where.home, where.settings, record, invitation)
        if not in_browser:  # where nobody reads what is printed
            _say_where(played)
        return
    if plain and opened:
        raise UsageError("a game in lines cannot be joined", hint="leave --plain out; who joins may have lines")
    if plain and record is not None:
        raise UsageError("lines are recorded by the shell", hint="such as: sandbox play --plain | tee FILE")

    def plan(save: str | None) -> PlayPlan:
        permission = context.permission(where, allow_host, asks=on_screen and not plain)
        return wiring.PlayPlan.make(
            where.home, where.settings, world, agent, seat or [], save, seed, permission, model=model
        )

    if plain:
        _play_in_lines(plan(save), aloud)
        return
    if not on_screen:
        would = plan(save)
        print("The screen needs a terminal that can draw, and this is none. In lines, typed or piped:\n")
        print(f"  {would.play_command} --plain\n\nWith nobody but agents:\n\n  {would.shell_command}")
        return
    played = wiring.play_on_screen(
        plan, where.home, where.settings, world, agent, save, record, lobby=not in_browser, invitation=invitation
    )
    if in_browser:
        return
    _say_where(played)
    if played is not None and played.notice:
        print(played.notice)


def _play_in_lines(plan: PlayPlan, aloud: bool) -> None:
    from sandbox.cli import plain

    if plan.notice:
        context.notes.print(plan.notice, markup=False, highlight=False)
    well = plain.play(plan, aloud=aloud)
    _say_where(plan)
    raise typer.Exit(0 if well else 1)


def _say_where(plan: PlayPlan | None) -> None:
    if plan is not None:
        print(f"Saved as {plan.shown!r}. Come back with:  sandbox play --save {shlex.quote(plan.shown)}")
