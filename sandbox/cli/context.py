"""What every command gets from the options before its name."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property

import typer
from rich.console import Console

from sandbox import config
from sandbox.config import Settings
from sandbox.paths import Home


@dataclass
class Context:
    """The `obj` of Typer's context."""

    home: Home

    @cached_property
    def settings(self) -> Settings:
        """Read on first use, so that a broken settings file does not stop `--help`."""
        return config.load()


def of(ctx: typer.Context) -> Context:
    """The context of this call, typed."""
    found = ctx.find_object(Context)
    assert found is not None, "the main callback sets it"
    return found


console = Console()
notes = Console(stderr=True)
"""Progress and remarks go here: standard output is for results alone."""


@contextmanager
def working(message: str) -> Iterator[None]:
    """A spinner with a message on standard error while something takes its time."""
    with notes.status(message):
        yield
