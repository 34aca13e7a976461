"""`sandbox feedback`: what people said, as data."""

from __future__ import annotations

import json
import math
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
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
from sandbox.errors import SaveError
from sandbox.feedback import records
from sandbox.feedback.agreement import Statistics, statistics
from sandbox.feedback.contest import told
from sandbox.feedback.dataset import Material
from sandbox.feedback.export import Format, write
from sandbox.feedback.votes import Votes
from sandbox.statistics import Interval
from sandbox.text import counted

app = typer.Typer(
    help="""What people said of turns, as data: data sets for training, merging, agreement.

    Feedback is given while playing (Esc, then `+` or `-`) or with `sandbox rate`.""",
    no_args_is_help=True,
)

_Saves = Annotated[list[str], typer.Argument(metavar="SAVE...", help="Names from `sandbox save list`.")]


@contextmanager
def opened(
    ctx: typer.Context, saves: Sequence[str], problems: dict[str, str] | None = None
) -> Iterator[list[Material]]:
    """Saves, to be looked at. Raises `SaveError`, unless given a place for what is wrong with which."""
    home = context.of(ctx).home
    with ExitStack() as stack:
        materials = []
        for name in dict.fromkeys(saves):
            try:
                material = Material.of(stack.enter_context(open_save(home, name, readonly=True)), home)
            except SaveError as error:
                if problems is None:
                    raise
                problems[name] = error.message
            else:
                stack.callback(material.opened.close)
                materials.append(material)
        yield materials


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
    votes: Annotated[
        Votes,
        typer.Option(
            metavar="all|majority|weighted|soft", help="What becomes of several people's votes on the same."
        ),
    ] = "majority",
    push: Annotated[
        bool, typer.Option("--push", help="Lay the folder out for a data-set hub, and say how to upload it.")
    ] = False,
    disputed: Annotated[bool, typer.Option("--disputed", help="List what not all agreed about.")] = False,
) -> None:
    """Write a data set in the shape that a TRL trainer takes, with a data card. Worlds are never on both sides.

    - `sft`: prompt, completion: corrections, commands in an agent's place, turns rated +1 or more
    - `dpo`: prompt, chosen, rejected: preferences, corrections, interventions
    - `kto`: prompt, completion, label: everything that is called good or bad
    - `prm`: prompt, completions, labels: segments of turns that were all judged
    - `raw`: the records, for `sandbox feedback import`; `csv` and `parquet`: the same as a table

    What several people said of the same is brought together by `--votes`: a row for each vote (`all`), what most
    say (`majority`), what a Bradley-Terry model of all votes finds likelier, with its probability as `weight`
    (`weighted`), or what most say, with their share as `weight` (`soft`). Ties make no row. Each row says who said
    so (`raters`), how many (`votes`), how many not (`against`), and when (`created`).

    Only deeds are examples: what the world refused, what changed nothing, and other words for what the agent
    wanted make no row.

    `sandbox feedback export friday --format dpo --out data/friday`
    """
    with opened(ctx, saves) as materials:
        written = write(out, form, materials, share=test_share, seed=seed, licence=licence, votes=votes, push=push)
    rows = ", ".join(f"{count} rows to {split}" for split, count in written.rows.items())
    print_ = partial(context.console.print, highlight=False)
    print_(f"{escape(str(out))}: {rows}, from {len(written.worlds)} worlds")
    if push:
        print_(f"ready for a hub:  hf upload NAME/DATA {escape(str(out))} --repo-type dataset")
    if written.ties:
        print_(f"{counted(written.ties, 'tie')} left out")
    if written.disputed:
        hint = "" if disputed else "; --disputed lists them"
        print_(f"{len(written.disputed)} not all agreed about{hint}")
    for text, each in written.disputed if disputed else ():
        over = f" over “{each.worse}”" if each.better and each.worse else " is good" if each.better else " is bad"
        last = text.rstrip("> \n").rpartition("\n")[2]
        votes_ = f"{len(each.raters)} to {each.against}"
        print_(f"  {votes_}  “{escape(each.better or each.worse)}”{escape(over)}  [dim]{escape(last)}[/]")


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

    Agreement is Krippendorff's alpha: 1 is perfect, 0 is chance. Of questions the chance is worked out over each
    question's own options, ties and "all bad" included. It needs two people who judged the same: give each a fork
    of the same save, and name all of the forks here. Of each rater it is told how often others said the same, how
    fast they are, how often they take what is shown first, and how often they answer as the annotator `gold` did.
    """
    problems: dict[str, str] = {}
    with opened(ctx, saves, problems) as materials:
        if not materials:
            raise SaveError(
                "; ".join(f"{name}: {problem}" for name, problem in problems.items()),
                hint="`sandbox save list` shows what there is",
            )
        found = statistics(materials)
    if as_json:
        print(json.dumps({**_as_json(found), "problems": problems}))
        return
    print_ = partial(context.console.print, highlight=False)
    for name, problem in problems.items():
        print_(f"{escape(name)}: {escape(problem)}", style="red")
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
    print_(
        f"agreement on questions: {_alpha(found.alpha_preferences)}, {found.shared_pairs} answered by two or more"
    )
    _print_raters(found, print_)
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


def _print_raters(found: Statistics, print_: Callable[..., None]) -> None:
    """Each person beside the others; nothing where there is but one."""
    if len(found.raters) < 2:
        return
    table = Table(
        "rater", "answers", "as the others", "seconds", "first shown", "as the key", box=None, pad_edge=False
    )
    for each in found.raters:
        seconds = "" if math.isnan(each.seconds) else f"{each.seconds:.1f}"
        expected = "" if math.isnan(each.first_expected) else f" (of {each.first_expected:.0%})"
        first = f"{each.first.value:.0%}{expected}" if expected else ""
        table.add_row(
            escape(each.name), str(each.answers), _interval(each.agreement), seconds, first, _interval(each.gold)
        )
    print_(table)


def _interval(share: Interval) -> str:
    return "" if math.isnan(share.value) else f"{share.value:.0%} [{share.low:.0%}, {share.high:.0%}]"


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
    for rater in fields["raters"]:
        for name in ("seconds", "first_expected"):
            rater[name] = _number(rater[name])
        for name in ("agreement", "first", "gold"):
            rater[name] = {bound: _number(value) for bound, value in rater[name].items()}
    for period, shown in zip(found.periods, fields["periods"], strict=True):
        shown |= {"rate": period.rate.value, "low": period.rate.low, "high": period.rate.high}
    return fields


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
