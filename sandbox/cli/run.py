"""`sandbox run`: the same loop with no screen."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from threading import Event, Lock
from typing import Annotated, Any

import typer
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn, TimeRemainingColumn
from rich.table import Table

from sandbox.cli import context, engines, results
from sandbox.cli.patience import Bars, bars
from sandbox.cli.results import STANDARD_OUTPUT
from sandbox.errors import SandboxError, UsageError
from sandbox.paths import Home
from sandbox.scale.collecting import Course, collect
from sandbox.scale.jobs import Pool
from sandbox.session import runner
from sandbox.session.run_log import RunLog
from sandbox.session.runner import Episode, Summary, Tally
from sandbox.session.session import Session
from sandbox.statistics import Interval
from sandbox.store.server import is_url
from sandbox.types import Progress
from sandbox.world import registry


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
    jsonl: Annotated[
        str | None,
        typer.Option(metavar="FILE", help="Write each episode as a line of JSON as soon as it has ended; or `-`."),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume", help="Go on after the episodes that the --jsonl FILE holds, as if never stopped."
        ),
    ] = False,
    aloud: Annotated[
        bool,
        typer.Option("--aloud", help="Have agents say why they do what they do: told as they play, and kept."),
    ] = False,
    parallel: Annotated[
        int,
        typer.Option(
            min=1,
            max=64,
            help="Episodes that are played side by side, by each process; their decisions share passes of the "
            "language model. The same episodes as one after the other. Goes with --no-learn, or --engine ray.",
        ),
    ] = 1,
    engine: engines.Engine = "local",
    address: engines.Address = None,
    workers: engines.Workers = None,
    staleness: Annotated[
        int,
        typer.Option(
            min=0,
            max=1000,
            help="While learning: so many episodes behind are the weights that an episode is played with, and so "
            "many more of one world can be played at once. 0 learns as one process does.",
        ),
    ] = 0,
    model: context.Model = None,
    device: context.Device = None,
    allow_host: context.AllowHost = None,
) -> None:
    """Let agents play whole episodes with no screen, and print what came of it.

    With --engine ray many processes play, here or on the cluster at --address: episodes of different worlds at
    once, and of one world where nothing is learned, or with --staleness. Seeds give the same episodes as without.

    The learner keeps what it learned from one episode to the next within a world. Stopped by Ctrl+C or SIGTERM, it
    prints what was finished; where every episode went to a file, --resume plays the rest.

        sandbox run "tw:simple?seed=18" --agent q-table --episodes 50
        sandbox run honey --agent q-table --episodes 5000 --save busy --jsonl busy.jsonl --resume
        sandbox run "tw:simple?seed=18" honey --agent random --no-learn --episodes 500 --engine ray
    """
    from sandbox import wiring

    where = context.of(ctx)
    players = wiring.Players.parse(agent or where.settings.agent, seat or [], model)
    _check(worlds, save, learn, json_file, jsonl, resume)
    crew = engines.crew(engine, address, workers, parallel)
    if (crew.shared or staleness) and aloud:
        raise UsageError("--aloud is for one process", hint="leave out --engine and --staleness")
    if staleness and resume:
        raise UsageError("--staleness needs versions that a run forgets when it ends", hint="leave out --resume")
    if not crew.shared and parallel > 1 and (learn or save is not None or aloud):
        raise UsageError(
            "episodes side by side learn nothing from each other, and are kept in no save",
            hint="--parallel goes with --no-learn, and without --save and --aloud",
        )
    permission = context.permission(where, allow_host)
    with ExitStack() as stack:
        pool = placed = None
        if crew.shared or staleness:
            placed = stack.enter_context(crew.joined())
            stages = wiring.Stages(
                home=where.home,
                settings=where.settings,
                players=players,
                learn=learn,
                hosts=tuple(allow_host or ()),
                adapters=where.home.save_folder(save) if save and not is_url(save) else None,
                placed=placed,
            )
            pool = stack.enter_context(crew.pool(stages, slots=staleness + 1))
        models = wiring.Models(where.settings, context.notes.print, permission, placed)
        log = None
        if jsonl is not None:
            file = None if jsonl == STANDARD_OUTPUT else Path(jsonl)
            log = stack.enter_context(RunLog(file, resume=resume))
        if len(worlds) > 1:
            with context.working("looking at the worlds") as say:
                wiring.check_players(where.home, worlds, players, say)
        schedule = _Schedule(
            home=where.home,
            open=partial(
                wiring.open_session, where.home, players=players, models=models, save=save, seed=seed, learn=learn
            ),
            episodes=episodes,
            max_steps=max_steps,
            seed=seed,
            log=log,
            resume=resume,
            keep=json_file is not None,
            aloud=aloud,
            parallel=parallel,
        )
        stopped: BaseException | None = None
        try:
            with bars(*_COLUMNS, console=context.notes) as shown:
                if pool is not None:
                    collect(pool, schedule.courses(worlds, pool, staleness, shown))
                else:
                    for reference in worlds:
                        schedule.play(reference, shown)
        except (KeyboardInterrupt, SystemExit, SandboxError) as error:
            stopped = error
            if isinstance(error, SandboxError) and not schedule.played:
                raise
        _tell(schedule, json_file, jsonl, complete=stopped is None)
    if isinstance(stopped, KeyboardInterrupt):
        raise typer.Exit(130)
    if stopped is not None:
        raise stopped


def _check(
    worlds: list[str], save: str | None, learn: bool, json_file: str | None, jsonl: str | None, resume: bool
) -> None:
    """Raises `UsageError` where the options do not go together: before anything is played."""
    if save is not None and len(worlds) > 1:
        raise UsageError(
            f"a save is of one world, and here are {len(worlds)}", hint="run them one after the other"
        )
    if resume and jsonl in (None, STANDARD_OUTPUT):
        raise UsageError("--resume goes on with the episodes of a file", hint="name it with --jsonl FILE")
    if resume and learn and save is None:
        raise UsageError(
            "what was learned is kept in a save alone", hint="--resume goes with --save NAME, or with --no-learn"
        )
    if json_file == jsonl is not None:
        raise UsageError("--json and --jsonl write to the same file", hint="name two")
    results.check_file(json_file)
    results.check_file(jsonl)


class _CutShortError(Exception):
    """The run is over before its episodes are."""


@dataclass(frozen=True)
class _Bar:
    """How far the episodes of a world have come."""

    shown: Bars
    task: Any

    def say(self, status: str) -> None:
        self.update(status=status)

    def update(self, **news: Any) -> None:
        self.shown.update(self.task, **news)


@dataclass(kw_only=True)
class _Schedule:
    """A run as it goes."""

    home: Home
    open: Callable[..., Session]
    episodes: int
    max_steps: int
    seed: int
    log: RunLog | None
    resume: bool
    keep: bool
    """Whether every episode is wanted at the end, and not only what they amount to."""
    aloud: bool
    """Whether agents speak."""
    parallel: int
    """How many episodes are played at a time."""
    kept: list[Episode] = field(default_factory=list)
    played: dict[str, Tally] = field(default_factory=dict)
    since: float = field(default_factory=time.perf_counter)

    def play(self, reference: str, shown: Bars) -> None:
        """All episodes of one world that are not finished yet."""
        bar, numbers = self._enter(reference, shown)
        if numbers:
            for episode in (self._side_by_side if self.parallel > 1 else self._in_turn)(
                reference, numbers, bar.say
            ):
                self._ended(bar, episode)

    def courses(self, references: list[str], pool: Pool, staleness: int, shown: Bars) -> Iterator[Course]:
        """The same for several worlds, to be played by a pool."""
        for place, reference in enumerate(references):
            bar, numbers = self._enter(reference, shown)
            if not numbers:
                continue
            session = self.open(reference, progress=bar.say)
            bar.say("")
            self._begin(session, numbers[0], going_on=self.resume)
            yield Course(
                number=place,
                pool=pool,
                session=session,
                first=numbers[0],
                episodes=self.episodes,
                seed=self.seed,
                max_steps=self.max_steps,
                staleness=staleness,
                begin=partial(self._begin, session, going_on=False),
                ended=partial(self._ended, bar),
            )

    def _enter(self, reference: str, shown: Bars) -> tuple[_Bar, range]:
        """Show a world, and count what is finished of it; the numbers of the episodes that are not."""
        bar = _Bar(shown, shown.add_task(reference, total=self.episodes, status="opening"))
        name = registry.resolve(reference, home=self.home).canonical
        finished = self.log.take(name, self.seed, self.episodes) if self.log and self.resume else []
        for episode in finished:
            self._count(episode)
        bar.update(advance=len(finished))
        return bar, range(len(finished), self.episodes)

    def _ended(self, bar: _Bar, episode: Episode) -> None:
        """An episode has been played."""
        self._count(episode)
        if self.log is not None:
            self.log.add(episode)
        tally = self.played[episode.world]
        bar.update(advance=1, status=f"{tally.won} won of {len(tally)}")

    def _in_turn(self, reference: str, numbers: range, tell: Progress) -> Iterator[Episode]:
        """The episodes of these numbers, in one session."""
        session = self.open(reference, progress=tell)
        tell("")
        try:
            for number in numbers:
                self._begin(session, number, going_on=self.resume and number == numbers[0])
                yield runner.play_episode(
                    session,
                    self.max_steps,
                    partial(_tell_turn, session) if self.aloud else lambda: None,
                    begun=session.current.depth,
                    aloud=self.aloud,
                )
        finally:
            session.close()
            session.world.close()

    def _side_by_side(self, reference: str, numbers: range, tell: Progress) -> Iterator[Episode]:
        """The same, each in a session and a thread of its own. They come in order, whichever ends first."""
        stopped, opening = Event(), Lock()

        def check() -> None:
            if stopped.is_set():
                raise _CutShortError

        def play(number: int) -> Episode:
            with opening:
                check()
                session = self.open(reference, progress=tell)
                tell("")
            try:
                self._begin(session, number, going_on=False)
                return runner.play_episode(session, self.max_steps, check)
            finally:
                session.close()
                session.world.close()

        pool = ThreadPoolExecutor(self.parallel, "episode")
        try:
            yield from pool.map(play, numbers)
        finally:
            stopped.set()
            pool.shutdown(cancel_futures=True)

    def _begin(self, session: Session, number: int, *, going_on: bool) -> None:
        """Stand where the episode of this number begins, or in it where it was left."""
        seed = self.seed + number
        if session.episode_seed != seed or not (going_on or (number == 0 and session.current.parent is None)):
            session.new_episode(seed=seed, number=None if session.store.kept else number + 1)
        session.drop_earlier()

    def _count(self, episode: Episode) -> None:
        self.played.setdefault(episode.world, Tally()).add(episode)
        if self.keep:
            self.kept.append(episode)


def _tell_turn(session: Session) -> None:
    """The latest turn and what was said of it, as a line beside the results."""
    from sandbox.session import talk

    turn = session.current
    who = f"{turn.seat}: " if len(session.world.seats) > 1 else ""
    line = f"{session.episode}.{turn.depth} {who}{turn.command}  {talk.said_of(session, turn)}".rstrip()
    context.notes.print(line, markup=False, highlight=False, soft_wrap=True)


_COLUMNS = (
    TextColumn("{task.description}", markup=False),
    BarColumn(),
    MofNCompleteColumn(),
    TimeElapsedColumn(),
    TimeRemainingColumn(),
    TextColumn("{task.fields[status]}", markup=False),
)


def _tell(schedule: _Schedule, json_file: str | None, jsonl: str | None, *, complete: bool) -> None:
    """Print or write what was finished."""
    whole = Tally()
    for tally in schedule.played.values():
        whole.extend(tally)
    summary = whole.summary(time.perf_counter() - schedule.since)
    if json_file is not None:
        found = runner.as_json(schedule.kept, whole, summary, complete=complete)
        if results.write_json(json_file, found, indent=1):
            return
    if jsonl == STANDARD_OUTPUT:
        return
    if not len(whole):
        context.notes.print("stopped before an episode had ended")
        return
    _print_table(schedule.played, summary)
    if not complete:
        go_on = "; --resume goes on" if jsonl is not None else ""
        context.notes.print(f"stopped: the unfinished episode is not counted{go_on}", highlight=False)


def _print_table(played: dict[str, Tally], summary: Summary) -> None:
    table = Table(title=None, show_edge=False, pad_edge=False)
    table.add_column("world", overflow="fold")
    for heading in ("episodes", "won", "score", "steps"):
        table.add_column(heading, justify="right")
    for name, tally in played.items():
        _add_row(table, name, tally.summary(summary.seconds))
    if len(played) > 1:
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
