"""What a text task came to, as values and as a table, and a bar while it goes on."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sandbox.statistics import Interval
from sandbox.text import clean_line

_SHOWN = 6
_WIDTH = 120


@dataclass(frozen=True, slots=True, kw_only=True)
class TextComparison:
    """Completions of one held-out prompt, from before and after, with the mean reward of all that were drawn."""

    prompt: str
    before: str
    after: str
    reward_before: float
    reward_after: float


@dataclass(frozen=True, slots=True, kw_only=True)
class TextTaskReport:
    """What a training on a text task came to, on prompts that it did not see.

    The intervals are over prompts, each with the mean reward of its completions.
    """

    before: Interval
    after: Interval
    gain: Interval
    """Of the paired differences."""
    comparisons: Sequence[TextComparison]

    def table(self) -> Table:
        """Samples before and after, and the mean reward with its 95 % confidence interval."""
        made = Table("prompt", "before", "after", title="Held-out samples", show_lines=True)
        for each in self.comparisons[:_SHOWN]:
            cells = (
                each.prompt,
                f"{each.before} [{each.reward_before:.2f}]",
                f"{each.after} [{each.reward_after:.2f}]",
            )
            made.add_row(*(Text(clean_line(cell, _WIDTH)) for cell in cells))
        made.add_section()
        made.add_row(f"mean reward of {len(self.comparisons)}", Text(_said(self.before)), Text(_said(self.after)))
        made.add_row("gain", "", Text(_said(self.gain, "+")))
        return made


def _said(interval: Interval, sign: str = "") -> str:
    value, low, high = (f"{each:{sign}.3f}" for each in (interval.value, interval.low, interval.high))
    return f"{value} [{low}, {high}]"


class Follower(Protocol):
    """Hears how far something has come."""

    def __call__(self, doing: str, done: int, of: int, status: str = "") -> None: ...


@contextmanager
def followed(shown: bool) -> Iterator[Follower]:
    """A bar on standard error while the block runs; none where it is no terminal, or none is wanted."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed}/{task.total} {task.fields[status]}"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=console, transient=True, disable=not (shown and console.is_terminal)) as bar:
        task = bar.add_task("getting ready", total=None, status="")

        def told(doing: str, done: int, of: int, status: str = "") -> None:
            bar.update(task, description=doing, completed=done, total=of, status=status)

        yield told
