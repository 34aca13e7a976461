"""What every command gets from the options before its name."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console

from sandbox import types
from sandbox.cli.patience import EVERY, waiting
from sandbox.errors import UsageError
from sandbox.paths import Home

if TYPE_CHECKING:
    from sandbox.config import Settings
    from sandbox.llm.permission import Permission


@dataclass
class Context:
    """The `obj` of Typer's context."""

    home: Home

    @cached_property
    def settings(self) -> Settings:
        """Read on first use, so that a broken settings file does not stop `--help`."""
        from sandbox import config

        return config.load()


Agent = Annotated[
    str | None, typer.Option("--agent", help="Card of the agent for every seat that `--seat` does not name.")
]
Seat = Annotated[
    list[str] | None,
    typer.Option("--seat", metavar="NAME=CARD|human", help="Who holds a seat: a card, or `human`. Repeatable."),
]
Model = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="MODEL",
        help="Language model in place of the one that cards name: as in `sandbox model list`, or a path.",
    ),
]


def _computing_on(ctx: typer.Context, device: str | None) -> str | None:
    """Put a device in place of the one of the settings."""
    if device is not None:
        where = of(ctx)
        where.settings = where.settings.model_copy(update={"device": device})
    return device


Device = Annotated[
    types.Device | None,
    typer.Option(
        "--device",
        callback=_computing_on,
        help="Where language models compute: the best there is, the processor, or a GPU of NVIDIA or AMD (cuda), "
        "Apple (mps) or Intel (xpu).",
    ),
]
"""Its value is in the settings by the time that the command runs."""
AllowHost = Annotated[
    list[str] | None,
    typer.Option(
        "--allow-host",
        metavar="HOST",
        help="Let cards that are not your own, as those in a save, ask this server. Repeatable.",
    ),
]


def permission(where: Context, once: list[str] | None, *, asks: bool = False) -> Permission:
    """Which servers may be asked: what the settings say, and what `--allow-host` does. Raises `UsageError`.

    Args:
        where: has the settings.
        once: hosts that are allowed for this run.
        asks: whether the user is there to be asked, on a screen.
    """
    from sandbox.llm.permission import Permission

    try:
        return Permission(where.settings.remote.hosts, once or (), asks=asks)
    except ValueError as error:
        raise UsageError(f"--allow-host {error}") from error


def of(ctx: typer.Context) -> Context:
    """The context of this call, typed."""
    found = ctx.find_object(Context)
    assert found is not None, "the main callback sets it"
    return found


def _age() -> float:
    """Seconds since the process began; where the system does not tell, those that it has computed for."""
    try:
        began = float(Path("/proc/self/stat").read_text(encoding="ascii").rpartition(")")[2].split()[19])
        return time.clock_gettime(time.CLOCK_BOOTTIME) - began / os.sysconf("SC_CLK_TCK")
    except (OSError, ValueError, IndexError, AttributeError):
        return time.process_time()


_STARTED = time.monotonic() - _age()


def elapsed() -> float:
    """Seconds since the process began."""
    return time.monotonic() - _STARTED


console = Console()
notes = Console(stderr=True)
"""Progress and remarks go here: standard output is for results alone."""


@contextmanager
def working(message: str) -> Iterator[Callable[[str], None]]:
    """A spinner with a message on standard error while something takes its time.

    In a log it is a line every ten seconds. What the block gets takes another message.
    """
    if notes.is_terminal:
        with notes.status(message) as status:
            yield status.update
    else:
        with waiting(message, EVERY) as told:
            yield told.say
