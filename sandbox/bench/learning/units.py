"""Units of work: independent, run side by side, and kept as they finish, so that a run can be resumed."""

from __future__ import annotations

import functools
import hashlib
import json
import os
import time
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from contextlib import ExitStack, contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, field
from multiprocessing import get_context
from pathlib import Path
from typing import Any, NamedTuple, Protocol, runtime_checkable

import sandbox
from sandbox.bench.learning.plot import Panel
from sandbox.bench.report import Figure
from sandbox.errors import UsageError
from sandbox.llm import registry
from sandbox.llm.cached import CachedModel
from sandbox.llm.catalogue import ModelSource
from sandbox.llm.questions import Question, Read, ScoreQuestion
from sandbox.paths import Home
from sandbox.scale.crew import HERE, Crew
from sandbox.scale.jobs import PiecesJob, Workplace, results
from sandbox.scale.models import PlacedModels

Result = dict[str, Any]
"""What a unit found: plain values, as JSON has them."""


class Unit(Protocol):
    """A piece of work that depends on nothing but its fields: a frozen dataclass of plain values.

    The fields, and the name of the class, are what its result is found again by.
    """

    @property
    def label(self) -> str:
        """What a person reads while it runs."""

    @property
    def place(self) -> str:
        """What it has in common with others, such as the world: these are run in one process, one by one."""

    def run(self, home: Home) -> Result: ...


@dataclass(frozen=True, slots=True)
class Findings:
    """What a part found out."""

    figures: Sequence[Figure]
    panels: Sequence[Panel] = ()
    """Curves for the plot."""


class BenchQuestion(NamedTuple):
    """One question of the benchmark."""

    units: Sequence[Unit]
    """The work that answers it."""
    show: Callable[[list[Result]], Findings]
    """What the results mean; they are parallel to the units."""


@dataclass(frozen=True, slots=True)
class UnitContext:
    """What every part is told."""

    home: Home
    quick: bool = False
    workers: int = 2
    """Processes; 1 works in this one."""
    kept: Path | None = None
    """The JSON-lines file of finished units; None keeps nothing."""
    progress: Callable[[str], None] = field(default=lambda message: None)
    crew: Crew = HERE
    """Who works in place of these processes, where it is shared."""

    def finish(self, units: Sequence[Unit]) -> list[Result]:
        """The results of all units, in their order; those that are kept from an earlier run are not run again.

        Args:
            units: the work, longest first where that matters.
        """
        found = _read(self.kept)
        left = {key: unit for unit in units if (key := _key(unit)) not in found}
        started = time.perf_counter()
        for number, (key, result) in enumerate(self._run(left), start=1):
            found[key] = result
            if self.kept is not None:
                _append(self.kept, key, left[key], result)
            minutes = (time.perf_counter() - started) / 60 * (len(left) - number) / number
            done = len(units) - len(left) + number
            self.progress(f"{done} of {len(units)}, about {minutes:.0f} min left; {left[key].label}")
        return [found[_key(unit)] for unit in units]

    def _run(self, units: Mapping[str, Unit]) -> Iterator[tuple[str, Result]]:
        """Results as they come."""
        if not self.crew.shared:
            yield from _run(units, self.home, self.workers)
            return
        with self.crew.joined() as placed, self.crew.pool(UnitStage(self.home, placed)) as pool:
            asked = {unit.model for unit in units.values() if isinstance(unit, AsksModel)}
            assert placed is not None, "it is shared"
            for name in filter(None, asked):
                placed.local(*_loaded(name))  # it lives as long as this program
            jobs = (UnitJob(key=key, pieces=(unit,)) for key, unit in units.items())
            for key, result in results(pool, jobs):
                yield str(key), result


@runtime_checkable
class AsksModel(Protocol):
    """A unit whose agents may have a language model."""

    @property
    def model(self) -> str | None:
        """Its name in the catalogue; None where they have none."""


@dataclass(frozen=True, slots=True)
class UnitStage:
    """The context of a pool that works off units."""

    home: Home
    placed: PlacedModels | None


@dataclass(frozen=True, kw_only=True)
class UnitJob(PiecesJob[Unit]):
    """Units of one place; an item is the result of one."""

    @property
    def course(self) -> Hashable:
        return self.pieces[0].place if self.pieces else ""

    def work(self, place: Workplace) -> Iterator[Result]:
        stage: UnitStage = place.context
        _PLACED.set(None if stage.placed is None else stage.placed.of_worker(place.number))
        return (unit.run(stage.home) for unit in self.pieces)


class _Reader(CachedModel):
    """Scores come with the features, as a reading does: agents with a Q-head and those without share the cache."""

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        asked = [Read(q.prompt, q.options) if isinstance(q, ScoreQuestion) else q for q in questions]
        answers = super().answer(asked)
        return [a.scores if isinstance(q, ScoreQuestion) else a for q, a in zip(questions, answers, strict=True)]


_PLACED: ContextVar[PlacedModels | None] = ContextVar("placed", default=None)
"""Models of a cluster, in its workers."""


@functools.cache
def model(name: str) -> CachedModel:
    """The language model of this process, by its name in the catalogue, with a cache of decisions."""
    from sandbox.llm.local import LocalModel

    placed = _PLACED.get()
    return _Reader(LocalModel.load(name, threads=1) if placed is None else placed.local(*_loaded(name)))


def _loaded(name: str) -> tuple[ModelSource, Mapping[str, Any]]:
    return registry.resolve(name), {"threads": 1, "device": "auto", "dtype": "auto"}


def _key(unit: Unit) -> str:
    text = json.dumps([sandbox.__version__, type(unit).__name__, _fields(unit)], sort_keys=True)
    return hashlib.sha256(text.encode()).hexdigest()[:24]


def _fields(unit: Unit) -> Mapping[str, Any]:
    return asdict(unit)  # type: ignore[call-overload, no-any-return]


def _read(file: Path | None) -> dict[str, Result]:
    """Results by key. A line that a killed run left unfinished is passed over."""
    if file is None or not file.exists():
        return {}
    found = {}
    for line in file.read_text(encoding="utf-8").splitlines():
        try:
            record = json.loads(line)
            found[str(record["key"])] = dict(record["result"])
        except (ValueError, TypeError, KeyError):
            continue
    return found


def _append(file: Path, key: str, unit: Unit, result: Result) -> None:
    record = {"key": key, "unit": type(unit).__name__, **_fields(unit), "result": result}
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with file.open("a", encoding="utf-8") as stream:
            stream.write("\n" + json.dumps(record, ensure_ascii=False))
    except OSError as error:
        raise UsageError(
            f"results cannot be kept here: {error.strerror or error}", where=file, hint="choose another --out"
        ) from error


def _run(units: Mapping[str, Unit], home: Home, workers: int) -> Iterator[tuple[str, Result]]:
    """Results as they come. Units of one place run in one process: what it knows of the place serves all."""
    places: dict[str, dict[str, Unit]] = {}
    for key, unit in units.items():
        places.setdefault(unit.place, {})[key] = unit
    if workers < 2 or len(places) < 2:
        for key, unit in units.items():
            yield key, unit.run(home)
        return
    waiting = list(places.values())
    with ExitStack() as pools:
        running: dict[Future[Result], tuple[str, ProcessPoolExecutor]] = {}
        for _ in range(min(workers, len(places))):
            pool = pools.enter_context(_one_process())
            running |= {pool.submit(unit.run, home): (key, pool) for key, unit in waiting.pop(0).items()}
        while running:
            for future in wait(running, return_when=FIRST_COMPLETED).done:
                key, pool = running.pop(future)
                if waiting and all(busy is not pool for _, busy in running.values()):
                    running |= {pool.submit(unit.run, home): (key, pool) for key, unit in waiting.pop(0).items()}
                yield key, future.result()


@contextmanager
def _one_process() -> Iterator[ProcessPoolExecutor]:
    """A process with one thread. What has not begun is dropped when the caller stops early."""
    pool = ProcessPoolExecutor(1, mp_context=get_context("spawn"), initializer=_one_thread)
    try:
        yield pool
    finally:
        pool.shutdown(wait=True, cancel_futures=True)


def _one_thread() -> None:
    os.environ["OMP_NUM_THREADS"] = "1"
    os.environ["TOKENIZERS_PARALLELISM"] = "false"
