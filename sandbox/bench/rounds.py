"""Whether the loop closes: rounds from demonstrations and from self-play, before and after, on games never seen.

Also how fast the training is, against a padded `transformers.Trainer` on the same sequences, and what it costs to
learn from preferences and ratings.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.bench.report import Figure, Report, machine
from sandbox.paths import Home
from sandbox.processes import search_path
from sandbox.scale.crew import HERE, Crew
from sandbox.tune import collect, rounds
from sandbox.tune.collect import Source
from sandbox.tune.errors import RoundError
from sandbox.tune.gate import GateResult
from sandbox.tune.rounds import Round, RoundEvent, RoundPlan
from sandbox.tune.settings import TrainingSettings
from sandbox.types import Progress
from sandbox.world import registry

MODEL = "smollm2-135m-instruct"
CARD = f"""\
persona: You are playing a text adventure. Explore, and do what the goal asks.
model: {MODEL}
combine:
  method: prior
  repeat_penalty: 0.5
"""
TRAINING = "tw:custom?quest=3..6&seed=1..20"
UNSEEN = "tw:custom?quest=3..6&seed=1001..1005"
QUICK_TRAINING = "tw:custom?quest=3..4&seed=1..5"
QUICK_UNSEEN = "tw:custom?quest=3..4&seed=1001..1002"

if TYPE_CHECKING:
    from sandbox.tune.cost import CostMethod


@dataclass(frozen=True, slots=True)
class _Setting:
    outcome: GateResult
    minutes: float
    memory: float
    """GiB, at most."""


def run(kept: Path, *, quick: bool, speed_only: bool, progress: Progress, crew: Crew = HERE) -> Report:
    """Measure.

    Args:
        kept: where the rounds are, from which a bench that was interrupted goes on.
        quick: ten training games and four others, from demonstrations only: about five minutes, and no targets.
        speed_only: nothing but the speed of training, and its cost.
        progress: told what is going on.
        crew: who explores and plays.
    """
    started = time.perf_counter()
    figures: list[Figure] = []
    if not speed_only:
        demonstrations = _round("demonstrations", kept, quick, progress, crew)
        figures += _figures(
            demonstrations, None if quick else _round("selfplay", kept, quick, progress, crew), quick
        )
    figures.append(Figure.at_least("train_speedup_vs_trainer", _speedup(quick, progress), 2.0, "times"))
    methods: tuple[CostMethod, ...] = ("dpo",) if quick else ("dpo", "kto")
    for method in methods:
        progress(f"learning from feedback by {method}")
        cost = _cost(method)
        figures.append(Figure.at_most(f"{method}_peak_gib", cost["peak_gib"], 3, "GiB"))
        figures.append(Figure(f"{method}_seconds_per_pair", cost["seconds_per_pair"], "s"))
    return Report(machine(), time.perf_counter() - started, figures)


def _figures(demonstrations: _Setting, selfplay: _Setting | None, quick: bool) -> list[Figure]:
    before, after = demonstrations.outcome.before, demonstrations.outcome.after
    games = before.episodes
    figures = [Figure(f"won_before_of_{games}", before.won, "games")]
    name, minutes = f"won_after_demonstrations_of_{games}", demonstrations.minutes
    figures.append(Figure(name, after.won, "games") if quick else Figure.at_least(name, after.won, 19, "games"))
    figures += _bounds("won_more_after_demonstrations", demonstrations.outcome)
    figures.append(Figure.at_most("minutes_demonstrations", minutes, 30, "minutes"))
    figures.append(Figure("steps_on_average_before", before.steps, "commands"))
    figures.append(Figure("steps_on_average_demonstrations", after.steps, "commands"))
    figures.append(Figure("steps_when_won_demonstrations", after.steps_won or 0.0, "commands"))
    memory = demonstrations.memory
    if selfplay is not None:
        after = selfplay.outcome.after
        figures.append(Figure.at_least(f"won_after_selfplay_of_{games}", after.won, 18, "games"))
        figures += _bounds("won_more_after_selfplay", selfplay.outcome)
        figures.append(Figure.at_most("minutes_selfplay", selfplay.minutes, 30, "minutes"))
        figures.append(Figure.below("steps_on_average_selfplay", after.steps, 6.5, "commands"))
        figures.append(Figure("steps_when_won_selfplay", after.steps_won or 0.0, "commands"))
        memory = max(memory, selfplay.memory)
    figures.append(Figure("peak_memory_gib", memory, "GiB"))
    return figures


def _bounds(name: str, outcome: GateResult) -> list[Figure]:
    """The 95 % confidence interval of the paired difference, in games."""
    games = outcome.before.episodes
    return [Figure(f"{name}_{side}", getattr(outcome.won, side) * games, "games") for side in ("low", "high")]


def _round(source: Source, home: Path, quick: bool, progress: Progress, crew: Crew) -> _Setting:
    """One whole round, or what is left of it. The games are compiled before the clock starts."""
    training = worlds_of(QUICK_TRAINING if quick else TRAINING)
    unseen = worlds_of(QUICK_UNSEEN if quick else UNSEEN)
    plan = RoundPlan(
        home=home,
        save=home / "saves" / source,
        card=CARD,
        model=MODEL,
        sources=(source,),
        worlds=training,
        eval_worlds=unseen,
        settings=TrainingSettings(),
    )
    earlier = next((each for each in rounds.rounds_of(plan.save) if each.plan == plan), None)
    if earlier is None or earlier.state != "finished":
        for number, world in enumerate((*training, *unseen), start=1):
            progress(f"compiling games, {number} of {len(training) + len(unseen)}")
            registry.open_world(world).close()
        earlier = rounds.start(plan, crew=crew) if earlier is None else rounds.resume(earlier, crew=crew)
        follow(earlier, source, progress)
    return measured(earlier, source)


def follow(round_: Round, source: Source, progress: Progress) -> None:
    try:
        for event in round_.follow():
            done, of = event.data.get("done", event.data.get("step", "")), event.data.get("of", "")
            progress(f"{source}: {event.data.get('what', event.kind)} {done} of {of}" if of else event.kind)
    except BaseException:
        round_.cancel()
        raise


def measured(round_: Round, source: Source) -> _Setting:
    events = round_.events()
    last = events[-1]
    if last.kind != "finished":
        raise RoundError(f"the round from {source} failed: {last.data.get('message', 'without a word')}")
    gate = next(event for event in reversed(events) if event.kind == "gate")
    return _Setting(GateResult.model_validate(gate.data["outcome"]), _minutes(events), last.data["memory_gib"])


def _minutes(events: Sequence[RoundEvent]) -> float:
    """Time that a round was at work, without the pauses before it was gone on with."""
    spent, since, before = 0.0, events[0].at, events[0].at
    for event in events:
        if event.kind == "started":
            spent, since = spent + before - since, event.at
        before = event.at
    return (spent + before - since) / 60


def worlds_of(reference: str) -> tuple[str, ...]:
    return tuple(registry.resolve(each).canonical for each in collect.expand(reference))


def _cost(method: CostMethod) -> dict[str, float]:
    """Memory and time of learning from feedback, in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-m", "sandbox.tune.cost", method, MODEL],
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": search_path()},
    )
    found: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return found


def _speedup(quick: bool, progress: Progress) -> float:
    """Tokens a second of a round's training, as a multiple of a padded trainer's."""
    from sandbox.tune import speed

    return speed.speedup(CARD, worlds_of(TRAINING)[: 8 if quick else 16], MODEL, Home(Path()), progress)
