"""`sandbox tune`: a fine-tuning round, from what was played to an adapter that proved itself."""

from __future__ import annotations

import re
from typing import Annotated, Any, get_args

import typer
from pydantic import ValidationError
from rich.progress import BarColumn, TaskID, TextColumn, TimeElapsedColumn
from rich.table import Table

from sandbox.cli import context, engines
from sandbox.cli.patience import Bars, bars
from sandbox.errors import UsageError
from sandbox.text import counted
from sandbox.tune import collect, rounds
from sandbox.tune.collect import Source
from sandbox.tune.errors import RoundError
from sandbox.tune.gate import CONFIDENCE, TOLERANCE, GateResult, Rule
from sandbox.tune.noninferiority import fewest
from sandbox.tune.planning import make_plan
from sandbox.tune.rounds import Round, RoundEvent
from sandbox.tune.settings import Method, TrainingSettings
from sandbox.tune.tracking import Tracker, trackers


def tune(
    ctx: typer.Context,
    saves: Annotated[
        list[str],
        typer.Argument(
            metavar="SAVE...", help="Saves to learn from. The adapter goes to the first; it may be a new name."
        ),
    ],
    method: Annotated[
        Method,
        typer.Option(
            help="`sft` imitates wins and corrections, `dpo` learns from preferences, `kto` from ratings, `grpo` "
            "and `rloo` play --worlds and learn from the reward."
        ),
    ] = "sft",
    source: Annotated[
        list[str] | None,
        typer.Option(
            "--from",
            metavar="SOURCE",
            help="What to learn from: `wins`, `feedback`, `truth`, `demonstrations`, `selfplay`, `explore` or "
            "`all`. Repeatable. `demonstrations`: a person's wins, and the walkthroughs of "
            "--worlds; `selfplay`: a Q-learner explores --worlds, and its wins are the data; "
            "`explore`: the best way that `sandbox explore` found in each of --worlds.",
        ),
    ] = None,
    worlds: Annotated[
        list[str] | None,
        typer.Option(
            metavar="WORLD", help="Worlds to learn from; `seed=1..20` stands for 20 of them. Repeatable."
        ),
    ] = None,
    eval_worlds: Annotated[
        list[str] | None,
        typer.Option(metavar="WORLD", help="Worlds that are only played, before and after. Repeatable."),
    ] = None,
    eval_seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N",
            help="Episodes in each of these worlds, or the seeds, as in `28..35`. [default: 1 in each of several "
            "worlds; of one world as many as it takes to tell]",
        ),
    ] = None,
    gate: Annotated[
        Rule, typer.Option(help="When the new adapter is taken into use by itself; `none` never measures.")
    ] = "not-worse",
    tolerance: Annotated[
        float, typer.Option(help="How much worse still counts as not worse: 0.05 is 5 points of wins and score.")
    ] = TOLERANCE,
    confidence: Annotated[
        float, typer.Option(help="How sure the gate has to be; below that it is undecided, and nothing is taken.")
    ] = CONFIDENCE,
    agent: Annotated[
        str | None, typer.Option(help="Card of the agent that learns. [default: the save's, else `lm`]")
    ] = None,
    model: context.Model = None,
    device: context.Device = None,
    parent: Annotated[
        str | None,
        typer.Option(
            metavar="ADAPTER", help="Adapter to train on from; `base` for none. [default: the one in use]"
        ),
    ] = None,
    max_steps: Annotated[int, typer.Option(min=1, help="Commands that an episode of the gate may take.")] = 25,
    epochs: Annotated[
        int | None, typer.Option(min=1, help="How often each example is seen. [default: 5 for sft, else 3]")
    ] = None,
    learning_rate: Annotated[float | None, typer.Option(help="Highest learning rate.")] = None,
    batch: Annotated[int | None, typer.Option(min=1, help="Examples a step. [default: 4]")] = None,
    more: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="NAME=VALUE",
            help="Any other setting of the training, such as `rank=32`, `beta=0.05` or `turns=12`. Repeatable.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(min=0, help="The same seed gives the same round.")] = 0,
    report_to: Annotated[
        list[str] | None,
        typer.Option(
            metavar="TRACKER",
            help="Also write the curves for `tensorboard` or `wandb`, where that is installed. Repeatable.",
        ),
    ] = None,
    memory: Annotated[
        float | None, typer.Option(metavar="GIB", help="Most memory that the round may take; it fails above.")
    ] = None,
    keep: Annotated[
        bool, typer.Option("--keep", help="Take nothing into use: decide later with `sandbox adapter use`.")
    ] = False,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the latest round of the save where it stopped.")
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Only show the data and time one step, to say what it would cost.")
    ] = False,
    engine: engines.Engine = "local",
    address: engines.Address = None,
    workers: engines.Workers = None,
) -> None:
    """Make the language model itself better, and see whether it worked.

    Gathers examples, plays the evaluation worlds, trains a LoRA adapter in a process of its own, plays the same
    worlds again, and takes the adapter into use where the gate is passed. Ctrl+C stops it; `--resume` goes on.
    With --engine ray, many processes explore the worlds of `selfplay`, and play those of the evaluation.

        sandbox tune friday --from feedback --method dpo
        sandbox tune practice --from selfplay --worlds "tw:custom?quest=3..6&seed=1..20"
    """
    from sandbox import wiring

    where = context.of(ctx)
    crew = engines.crew(engine, address, workers)
    if crew.shared and memory is not None:
        raise UsageError("--memory is for one process", hint="leave out --engine")
    if resume:
        latest = [each for each in rounds.rounds_of(where.home.save_folder(saves[0])) if not each.trial]
        if not latest:
            raise UsageError(f"save {saves[0]!r} has no round to resume")
        round_ = rounds.resume(latest[-1], crew=crew)
    else:
        if not (0 < tolerance < 1 and 0.5 < confidence < 1):
            raise UsageError(
                f"--tolerance {tolerance} with --confidence {confidence} cannot be measured",
                hint="take a tolerance between 0 and 1, and a confidence between 0.5 and 1, as 0.05 and 0.9",
            )
        if method in ("grpo", "rloo") and not worlds:
            raise UsageError(f"{method} plays to learn", hint="name the --worlds it should play")
        for each in (_expanded(worlds), _expanded(eval_worlds)):
            wiring.check_worlds(where.home, each)
        given = {"epochs": epochs, "learning_rate": learning_rate, "batch": batch}
        settings = _settings(method, {**given, "seed": seed}, more or [])
        plan = make_plan(
            where.home,
            saves,
            settings,
            sources=_sources(source or ["all"]),
            worlds=_expanded(worlds),
            eval_worlds=(unseen := _expanded(eval_worlds)),
            eval_seeds=_seeds(eval_seeds or str(fewest(tolerance, confidence) if len(unseen) == 1 else 1)),
            tolerance=tolerance,
            confidence=confidence,
            max_steps=max_steps,
            rule=gate,
            agent=agent,
            model=model,
            parent=parent,
            threads=where.settings.threads,
            device=where.settings.device,
            dtype=where.settings.dtype,
            model_process=where.settings.model_process,
            memory_gib=memory,
            report_to=_trackers(report_to or []),
        )
        round_ = rounds.start(plan, trial=dry_run, crew=crew)
    finish(round_, keep=keep)
    if "tensorboard" in round_.plan.report_to and not round_.trial:
        context.console.print(f"Curves: tensorboard --logdir {round_.folder / 'tensorboard'}", markup=False)
    round_.discard()


def _settings(method: Method, given: dict[str, Any], more: list[str]) -> TrainingSettings:
    """What the options say, those given with `--set` included. Raises `UsageError`."""
    values = {name: value for name, value in given.items() if value is not None}
    for each in more:
        name, is_set, value = each.partition("=")
        if not is_set or name not in TrainingSettings.model_fields or name == "method":
            known = ", ".join(field for field in TrainingSettings.model_fields if field != "method")
            raise UsageError(f"--set {each} is no setting", hint=f"write NAME=VALUE; there are {known}")
        values[name] = value
    try:
        return TrainingSettings.for_method(method, **values)
    except ValidationError as error:
        first = error.errors()[0]
        raise UsageError(f"{'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _trackers(names: list[str]) -> tuple[Tracker, ...]:
    try:
        return trackers(names)
    except ValueError as error:
        raise UsageError(str(error)) from error


def _seeds(text: str) -> tuple[int, ...]:
    """As many seeds as a number says, or those of a range."""
    match = re.fullmatch(r"(?:(\d{1,9})\.\.)?(\d{1,9})", text)
    if match is None:
        raise UsageError(f"--eval-seeds {text} is no number of episodes", hint="write 8, or 28..35")
    first, last = int(match[1] or 0), int(match[2]) - (match[1] is None)
    if not 0 <= last - first < 1000:
        raise UsageError(f"--eval-seeds {text} are {last - first + 1} episodes", hint="take 1 to 1000")
    return tuple(range(first, last + 1))


def _sources(names: list[str]) -> tuple[Source, ...]:
    known: tuple[Source, ...] = get_args(Source)
    for name in names:
        if name not in known:
            raise UsageError(f"there is no source {name!r}", hint=f"--from takes {', '.join(known)}")
    return tuple(source for source in known if source in names)


def finish(round_: Round, *, keep: bool) -> None:
    """Show a round until it is over, and decide about what it made. Raises `RoundError` where it failed."""
    try:
        last = _watch(round_)
    except KeyboardInterrupt:
        round_.cancel()
        context.notes.print("stopping after this step; Ctrl+C again leaves at once, the round stops by itself")
        round_.wait()
        context.console.print(f"Stopped. Go on with: sandbox tune {round_.plan.save.name} --resume", markup=False)
        return
    if last is None or last.kind == "failed":
        data = {} if last is None else last.data
        message = data.get("message", "the round's process ended without a word")
        raise RoundError(message, where=round_.folder, hint=data.get("hint") or "--resume goes on where it was")
    if last.kind == "finished":
        _decide(round_, last, keep)


def _decide(round_: Round, last: RoundEvent, keep: bool) -> None:
    plan, adapter = round_.plan, last.data["adapter"]
    outcome = next(
        (GateResult.model_validate(e.data["outcome"]) for e in round_.events() if e.kind == "gate"), None
    )
    if outcome is not None:
        context.console.print(table(outcome))
        context.console.print(outcome.reason, markup=False)
    accepted = last.data["passed"] and outcome is not None and not keep
    if accepted:
        round_.accept()
    state = f"is in use in {plan.save.name!r}" if accepted else "is kept, and not in use"
    context.console.print(f"Adapter {adapter} {state}.", markup=False)
    if not accepted:
        context.console.print(f"Take it with: sandbox adapter use {plan.save.name} {adapter}", markup=False)


def table(outcome: GateResult, sides: tuple[str, str] = ("before", "after")) -> Table:
    """Both sides of a gate, side by side."""
    made = Table("", *sides, "difference", show_edge=False, pad_edge=False)
    one, other = outcome.before, outcome.after
    won, score, steps = outcome.won, outcome.score, outcome.steps
    made.add_row("won", f"{one.won} of {one.episodes}", f"{other.won} of {other.episodes}", _bounds(won, "+.0%"))
    made.add_row("score", f"{one.score:.2f}", f"{other.score:.2f}", _bounds(score, "+.2f"))
    made.add_row("steps", f"{one.steps:.1f}", f"{other.steps:.1f}", _bounds(steps, "+.1f"))
    return made


def _bounds(bounds: Any, form: str) -> str:
    return f"{bounds.value:{form}} \\[{bounds.low:{form}}, {bounds.high:{form}}]"


def _watch(round_: Round) -> RoundEvent | None:
    """Follow a round with a bar. Returns its last event."""
    last = None
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.fields[status]}"),
        TimeElapsedColumn(),
    )
    with bars(*columns, console=context.notes) as shown:
        task = shown.add_task("starting", total=None, status="")
        for event in round_.follow():
            last = event
            _show(shown, task, event)
    return last


def _show(bars: Bars, task: TaskID, event: RoundEvent) -> None:
    data = event.data
    if event.kind == "phase":
        won = f"{data['won']} won" if "won" in data else ""
        bars.update(task, description=data["what"], completed=data["done"], total=data["of"] or None, status=won)
    elif event.kind == "data":
        print_survey(data)
    elif event.kind == "episode":
        description = f"playing {data['side']}"
        bars.update(task, description=description, completed=data["done"], total=data["of"], status=data["world"])
    elif event.kind == "estimate":
        minutes = data["seconds"] / 60
        speed = f"{data['tokens_per_second']:.0f} tokens a second"
        context.console.print(f"Training: {data['steps']} steps, about {minutes:.1f} minutes ({speed})")
    elif event.kind == "step":
        status = f"loss {data['loss']:.3f}, {data['seconds_left'] / 60:.1f} minutes left {data['note']}"
        bars.update(task, description="training", completed=data["step"], total=data["of"], status=status)
    elif event.kind == "note":
        context.notes.print(data["text"], markup=False)


def print_survey(data: dict[str, Any]) -> None:
    """The data of a round: by kind, and by annotator where there are any."""
    kinds = ", ".join(f"{count} {kind}" for kind, count in data["by_kind"].items())
    people = ", ".join(f"{name} {count}" for name, count in data["by_annotator"].items())
    worlds = counted(len(data["by_world"]), "world")
    parts = [kinds, worlds, f"by {people}" if people else ""] if kinds else ["none needed"]
    context.console.print(f"Data: {'; '.join(filter(None, parts))}", markup=False)


def _expanded(given: list[str] | None) -> tuple[str, ...]:
    return tuple(each for reference in given or [] for each in collect.expand(reference))
