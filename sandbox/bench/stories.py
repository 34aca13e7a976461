"""How good the commands are that are listed for Z-machine stories, and what finding them takes."""

from __future__ import annotations

import statistics
import tempfile
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from sandbox.bench.report import Figure, Report, machine, percentile
from sandbox.errors import UsageError, WorldError
from sandbox.world.story import SUFFIXES
from sandbox.world.zmachine import ZMachineState, ZMachineWorld

STATES = 50
"""Of each walkthrough, from its beginning."""


@dataclass(slots=True)
class StoryTally:
    """What was counted on one story."""

    states: int = 0
    """Those in which the walkthrough's command has an effect."""
    held: int = 0
    """Those of them whose list holds a command with that effect."""
    listed: int = 0
    effective: int = 0
    new: list[float] = field(default_factory=list)
    """CPU seconds of the interpreter for each list that had to be found."""
    waited: list[float] = field(default_factory=list)
    """Seconds by the clock for each of them."""
    known: list[float] = field(default_factory=list)

    @property
    def recall(self) -> float:
        return self.held / max(self.states, 1)


def run(folder: Path, *, quick: bool = False, progress: Callable[[str], None] = lambda message: None) -> Report:
    """Measure on every story of a folder that has a walkthrough. Raises `UsageError` where there is none."""
    started = time.perf_counter()
    tallies: dict[str, StoryTally] = {}
    for file in sorted(each for each in folder.glob("*") if each.suffix.lower() in SUFFIXES):
        with tempfile.TemporaryDirectory() as cache:
            world = ZMachineWorld(file, name=file.stem, cache=Path(cache))
            try:
                if world.walkthrough():
                    progress(f"playing {file.stem}")
                    tallies[file.stem] = measured(world, 10 if quick else STATES)
            except WorldError:
                continue
            finally:
                world.close()
    if not tallies:
        raise UsageError(
            f"there is no story with a known walkthrough in {folder}",
            hint="name a folder of story files that Jericho knows",
        )
    recalls = [tally.recall for tally in tallies.values()]
    new = [seconds for tally in tallies.values() for seconds in tally.new]
    waited = [seconds for tally in tallies.values() for seconds in tally.waited]
    known = [seconds for tally in tallies.values() for seconds in tally.known]
    listed = sum(tally.listed for tally in tallies.values())
    return Report(
        machine=machine(),
        seconds=time.perf_counter() - started,
        figures=(
            Figure.at_least("recall_mean", statistics.fmean(recalls), 0.9),
            Figure.at_least("recall_worst", min(recalls), 0.75),
            Figure.at_most("seconds_new_state_median", statistics.median(new), 0.5, "s"),
            Figure.at_most("seconds_new_state_p95", percentile(new, 95), 2, "s"),
            Figure("waited_new_state_median", statistics.median(waited), "s"),
            Figure("waited_new_state_p95", percentile(waited, 95), "s"),
            Figure.at_most("seconds_known_state", statistics.median(known), 0.005, "s"),
            Figure.at_least(
                "effective_share", sum(tally.effective for tally in tallies.values()) / max(listed, 1), 0.95
            ),
            *(figure for name, tally in tallies.items() for figure in _row(name, tally)),
        ),
    )


def measured(world: ZMachineWorld, states: int) -> StoryTally:
    """List the commands along the walkthrough, and carry each of them out."""
    tally = StoryTally()
    state = world.initial(0)
    seat = world.seats[0]
    for wanted in world.walkthrough()[:states]:
        began, used = time.perf_counter(), world.trying_seconds
        listed = world.commands(state)
        tally.waited.append(time.perf_counter() - began)
        tally.new.append(world.trying_seconds - used)
        began = time.perf_counter()
        world.commands(state)
        tally.known.append(time.perf_counter() - began)
        outcomes = [effect(state, world.step(state, seat, command).state) for command in listed]
        tally.listed += len(listed)
        tally.effective += sum(outcome is not None for outcome in outcomes)
        after = world.step(state, seat, wanted).state
        target = effect(state, after)
        if target is not None:
            tally.states += 1
            tally.held += target in outcomes
        state = after
        if state.done:
            break
    return tally


def effect(before: ZMachineState, after: ZMachineState) -> tuple[object, ...] | None:
    """What a command changed, or else the new text that it gave; None where it did neither."""
    if (after.world_hash, after.score, after.done) != (before.world_hash, before.score, before.done):
        return after.world_hash, after.score, after.done, after.won
    if after.text in (before.text, before.description, before.inventory):
        return None
    return (after.text,)


def _row(name: str, tally: StoryTally) -> Iterator[Figure]:
    yield Figure(f"stories/{name}/recall", tally.recall)
    yield Figure(f"stories/{name}/commands", tally.listed / max(len(tally.new), 1))
    yield Figure(f"stories/{name}/median", statistics.median(tally.new), "s")
    yield Figure(f"stories/{name}/p95", percentile(tally.new, 95), "s")
