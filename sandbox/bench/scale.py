"""What many workers come to: decisions a second with one, two and four of them, the writer's limit, memory.

A decision takes a fixed time, as with a language model elsewhere, and next to nothing of this machine: what is
measured is what goes on around it, so that two cores can tell for four workers.
"""

from __future__ import annotations

import gc
import os
import random
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sandbox.bench.report import Figure, Report, machine
from sandbox.bench.soak import resident
from sandbox.bench.store import BenchClerk, BenchHouse
from sandbox.paths import Home
from sandbox.scale.cluster import RayPool, RaySession
from sandbox.scale.collecting import Course, collect, write_once
from sandbox.scale.jobs import Pool, Workplace
from sandbox.session.runner import Episode
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.types import Decision, History, Observation
from sandbox.world import registry

DELAY = 0.5
"""Seconds of a decision."""
WORKERS = (1, 2, 4)
_STEPS = 10


class _Thinker(BenchClerk):
    """An agent whose decisions take their time."""

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        time.sleep(DELAY)
        return super().decide(observation, history, seed=seed, explore=explore)


@dataclass(frozen=True)
class _Thinking:
    """The context of the workers."""

    def open(self, world: str, seed: int, place: Workplace) -> Session:
        return Session.create(Store.memory(), BenchHouse(), {"player": _Thinker()}, seed=seed, learn=False)


def run(home: Home, *, quick: bool, progress: Callable[[str], None]) -> Report:
    """Measure with real Ray workers on this machine.

    Args:
        home: where the world is that memory is measured with.
        quick: fewer episodes and turns.
        progress: told what is being measured, in a word or two.
    """
    started = time.perf_counter()
    found: dict[int, float] = {}
    with RaySession(cpus=max(WORKERS)):
        for workers in WORKERS:
            progress(f"{workers} workers")
            with RayPool(_Thinking(), workers=workers) as pool:
                _play(pool, workers, steps=1)  # they start
                begin = time.perf_counter()
                decisions = _play(pool, workers * (1 if quick else 3), steps=_STEPS)
                found[workers] = decisions / (time.perf_counter() - begin)
    progress("the writer")
    written = _written(200 if quick else 1_000)
    progress("memory")
    world = _memory(home, 20 if quick else 100)
    return Report(
        machine(),
        time.perf_counter() - started,
        (
            *(Figure(f"decisions_per_second_{n}", found[n], "1/s") for n in WORKERS),
            Figure.at_least("efficiency_4", found[4] / (4 * found[1]), 0.85),
            Figure("writer_turns_per_second", written, "1/s"),
            Figure("memory_per_world", world / 2**20, "MiB"),
        ),
    )


def _play(pool: Pool, episodes: int, *, steps: int) -> int:
    """Episodes that nobody learns from. Returns how many decisions they took."""
    session = _Thinking().open("", 0, Workplace(None))
    played: list[Episode] = []

    def begin(number: int) -> None:
        session.new_episode(seed=number)
        session.drop_earlier()

    def courses() -> Iterator[Course]:
        yield Course(
            number=0,
            pool=pool,
            session=session,
            first=0,
            episodes=episodes,
            seed=0,
            max_steps=steps,
            staleness=0,
            begin=begin,
            ended=played.append,
        )

    collect(pool, courses())
    return sum(episode.steps for episode in played)


def _written(turns: int) -> float:
    """Turns of twenty proposals that one writer takes in a second, into a save on the disk, learning from each."""
    there = Session.create(Store.memory(), BenchHouse(), {"player": BenchClerk()}, seed=0)
    with tempfile.TemporaryDirectory(prefix="sandbox-bench-") as place:
        here = Session.create(Store.create(Path(place) / "save"), BenchHouse(), {"player": BenchClerk()}, seed=0)
        took = 0.0
        with closing(here):
            for number in range(turns):
                if number % 100 == 99:
                    for session in (there, here):
                        session.new_episode(seed=number)
                    there.drop_earlier()
                turn = there.step()
                begin = time.perf_counter()
                write_once(here, turn)
                took += time.perf_counter() - begin
    return turns / took


def _memory(home: Home, worlds: int) -> float:
    """Bytes that one more game of `honey` takes in a worker, after thirty commands."""

    def opened() -> Session:
        world = registry.open_world("honey", home=home)
        return Session.create(Store.memory(), world, dict.fromkeys(world.seats), seed=0)

    kept = [_walked(opened()) for _ in range(3)]  # what is loaded once
    gc.collect()
    before = resident(os.getpid())
    kept += [_walked(opened()) for _ in range(worlds)]
    gc.collect()
    grown = resident(os.getpid()) - before
    for session in kept:
        session.close()
    return grown / worlds


def _walked(session: Session) -> Session:
    chance = random.Random(0)
    for _ in range(30):
        if not session.done:
            session.act(chance.choice(session.observation().admissible or ("look",)))
    return session
