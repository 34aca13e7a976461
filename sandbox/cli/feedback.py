"""`sandbox feedback`: what people said, as data."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from rich.table import Table

from sandbox.cli import context
from sandbox.cli.save import open_save
from sandbox.feedback import records
from sandbox.feedback.agreement import Statistics, statistics
from sandbox.feedback.contest import told
from sandbox.feedback.dataset import Material
from sandbox.feedback.export import Format, write
from sandbox.text import counted

app = typer.Typer(
    help="""What people said of turns, as data: data sets for training, merging, agreement.

    Feedback is given while playing (Esc, then `+` or `-`) or with `sandbox rate`.""",
    no_args_is_help=True,
)

_Saves = Annotated[list[str], typer.Argument(metavar="SAVE...", help="Names from `sandbox save list`.")]


@contextmanager
def opened(ctx: typer.Context, saves: Sequence[str]) -> Iterator[list[Material]]:
    """Saves, to be looked at. Raises `SaveError`."""
    home = context.of(ctx).home
    with ExitStack() as stack:
        stores = [stack.enter_context(open_save(home, name, readonly=True)) for name in dict.fromkeys(saves)]
        yield [Material.of(store) for store in stores]


@app.command()
def export(
    ctx: typer.Context,
    saves: _Saves,
    out: Annotated[Path, typer.Option(help="Folder to write to; new or empty.")],
    form: Annotated[
        Format, typer.Option("--format", metavar="sft|dpo|kto|prm|raw|csv|parquet", help="What a row looks like.")
    ] = "dpo",
    test_share: Annotated[float, typer.Option(min=0, max=1, help="Share of the worlds kept for the test.")] = 0.1,
    seed: Annotated[int, typer.Option(help="Of the split: the same seed, the same worlds.")] = 0,
    licence: Annotated[
        str, typer.Option("--license", help="Licence field of the data card, as in cc-by-4.0.")
    ] = "unknown",
) -> None:
    """Write a data set in the shape that a TRL trainer takes, with a data card. Worlds are never on both sides.

    - `sft`: prompt, completion: corrections, commands in an agent's place, turns rated +1 or more
    - `dpo`: prompt, chosen, rejected: preferences, corrections, interventions
    - `kto`: prompt, completion, label: everything that is called good or bad
    - `prm`: prompt, completions, labels: segments of turns that were all judged
    - `raw`: the records, for `sandbox feedback import`; `csv` and `parquet`: the same as a table

    `sandbox feedback export friday --format dpo --out data/friday`
    """
    with opened(ctx, saves) as materials:
        written = write(out, form, materials, share=test_share, seed=seed, licence=licence)
    rows = ", ".join(f"{count} rows to {split}" for split, count in written.rows.items())
    context.console.print(f"{escape(str(out))}: {rows}, from {len(written.worlds)} worlds", highlight=False)


@app.command("import")
def import_records(
    ctx: typer.Context,
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="Files that `--format raw` wrote.")],
    into: Annotated[str, typer.Option(metavar="SAVE", help="The save to add them to.")],
) -> None:
    """Add raw records of other people, or of other copies of a save. What is there already is not added again.

    Records find their turn by its content: the world, the seed and the commands that led there.

        sandbox feedback export ann --format raw --out data/ann
        sandbox feedback import data/ann/train.jsonl --into friday
    """
    counts: Counter[str] = Counter()
    with open_save(context.of(ctx).home, into) as store:
        for file in files:
            counts += records.merge(store, records.read(file))
        shown = escape(store.name)
    context.console.print(
        f"{shown}: {counts['added']} records added, {counts['known']} were there already, "
        f"{counts['elsewhere']} are about turns it does not have",
        highlight=False,
    )


@app.command()
def stats(
    ctx: typer.Context,
    saves: _Saves,
    as_json: Annotated[bool, typer.Option("--json", help="Print a JSON object instead.")] = False,
) -> None:
    """Count what was said, by whom and of how many turns; how far people agree; how often they stepped in.

    Agreement is Krippendorff's alpha: 1 is perfect, 0 is chance. It needs two people who judged the same: give
    each a fork of the same save, and name all of the forks here.
    """
    with opened(ctx, saves) as materials:
        found = statistics(materials)
    if as_json:
        print(json.dumps(_as_json(found)))
        return
    print_ = partial(context.console.print, highlight=False)
    print_(f"{counted(found.saves, 'save')}, {counted(found.worlds, 'world')}, {counted(found.turns, 'turn')}")
    print_(f"something was said of {found.covered} of them ({_share(found.covered, found.turns)})")
    table = Table("kind", "records", box=None, pad_edge=False)
    for kind, count in sorted(found.by_kind.items()):
        table.add_row(kind, str(count))
    table.add_row("taken back", str(found.retracted))
    print_(table)
    table = Table("annotator", "records", box=None, pad_edge=False)
    for name, count in sorted(found.by_annotator.items()):
        table.add_row(escape(name), str(count))
    print_(table)
    print_(f"agreement on turns: {_alpha(found.alpha_ratings)}, {found.shared_turns} rated by two or more")
    print_(f"agreement on pairs: {_alpha(found.alpha_preferences)}, {found.shared_pairs} judged by two or more")
    for contest in found.contests:
        print_(f"compared blindly: {escape(told(contest))}")
    print_(
        f"people stepped in at {found.interventions} of {found.agents_turns} turns of agents "
        f"({_share(found.interventions, found.agents_turns)})"
    )
    table = Table("from", "turns", "stepped in", "rate", box=None, pad_edge=False)
    for period in found.periods:
        since = time.strftime("%Y-%m-%d %H:%M", time.localtime(period.since))
        bar = "#" * round(20 * period.rate.value)
        table.add_row(since, str(period.turns), str(period.interventions), f"{period.rate.value:4.0%} {bar}")
    print_(table)


def _share(part: int, whole: int) -> str:
    return f"{part / whole:.0%}" if whole else "none"


def _alpha(value: float) -> str:
    return "not known" if math.isnan(value) else f"alpha {value:.2f}"


def _as_json(found: Statistics) -> dict[str, Any]:
    fields = asdict(found)
    for name in ("alpha_ratings", "alpha_preferences"):
        fields[name] = _number(fields[name])
    fields["coverage"] = found.covered / found.turns if found.turns else 0.0
    for contest, shown in zip(found.contests, fields["contests"], strict=True):
        rate = contest.share
        shown |= {
            "names": contest.names,
            "rate": _number(rate.value),
            "low": _number(rate.low),
            "high": _number(rate.high),
        }
    for period, shown in zip(found.periods, fields["periods"], strict=True):
        shown |= {"rate": period.rate.value, "low": period.rate.low, "high": period.rate.high}
    return fields


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
