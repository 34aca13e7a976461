"""What work for other processes is: a job that yields items, and a pool that has jobs done, wherever that is.

A worker may die in the middle of a job. What it had sent is kept, and another does what is left: so a job has to
say what that is, and its items have to be the same whoever makes them.
"""

from __future__ import annotations

import threading
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any, Generic, Protocol, Self, TypeVar

T = TypeVar("T")


class Workplace:
    """What a worker has: the context that its pool was opened with, and what jobs leave behind for the next ones.

    Several jobs may be under way in a worker, each on a thread of its own.
    """

    def __init__(self, context: Any, number: int = 0) -> None:
        self.context = context
        self.number = number
        """Of the worker, counted from 0."""
        self._kept: dict[Hashable, list[Any]] = {}
        self._lock = threading.Lock()

    @contextmanager
    def lent(self, key: Hashable, make: Callable[[], T]) -> Iterator[T]:
        """Something that takes time to make, for one job at a time. What a job failed with is not kept."""
        with self._lock:
            kept = self._kept.get(key)
            found = kept.pop() if kept else None
        thing: T = make() if found is None else found
        yield thing
        with self._lock:
            self._kept.setdefault(key, []).append(thing)


class PoolJob(Protocol):
    """Work that can be done anywhere, and again. Travels as a pickle."""

    @property
    def key(self) -> Hashable:
        """Tells it from all others of its pool."""

    @property
    def course(self) -> Hashable:
        """Jobs of one course go to one worker where that is free: it may have left something behind."""

    def work(self, place: Workplace) -> Iterator[Any]:
        """Do it, item by item. May raise `SandboxError`."""

    def after(self, items: Sequence[Any]) -> Self:
        """What is left of it where these items have come."""


@dataclass(frozen=True, kw_only=True)
class PiecesJob(ABC, Generic[T]):
    """A job of several pieces, with one item for each, in order: what is left is the pieces that have none yet."""

    key: Hashable
    pieces: tuple[T, ...]

    @property
    def course(self) -> Hashable:
        return type(self).__name__

    @abstractmethod
    def work(self, place: Workplace) -> Iterator[Any]: ...

    def after(self, items: Sequence[Any]) -> Self:
        return replace(self, pieces=self.pieces[len(items) :])


@dataclass(frozen=True, slots=True)
class JobItem:
    """A job has yielded something. No item comes twice, and they come in their order."""

    key: Hashable
    value: Any


@dataclass(frozen=True, slots=True)
class JobDone:
    """A job is done: all of its items have come."""

    key: Hashable


class Shared(Protocol):
    """A value that several jobs carry with them, sent to a worker only when it asks."""

    def get(self) -> Any: ...


class Pool(Protocol):
    """Workers. Opened with `with`; used from one thread."""

    @property
    def slots(self) -> int:
        """Jobs that can be under way at once."""

    @property
    def free(self) -> int:
        """Jobs that could begin at once."""

    @property
    def busy(self) -> bool:
        """Whether anything is under way, or waits for a worker."""

    def share(self, value: Any) -> Shared: ...

    def submit(self, job: PoolJob) -> None: ...

    def next(self) -> JobItem | JobDone:
        """Wait for what comes next from any job. Raises `SandboxError` where a job did, or nobody works."""


def results(pool: Pool, jobs: Iterator[PoolJob]) -> Iterator[tuple[Hashable, Any]]:
    """The items of many jobs as they come, each with the key of its job; no more are begun than have room."""
    return ((event.key, event.value) for event in _events(pool, jobs) if isinstance(event, JobItem))


def in_order(pool: Pool, jobs: Iterable[PoolJob]) -> Iterator[Any]:
    """The items of many jobs, those of the first job first: what comes early waits."""
    came: dict[Hashable, deque[Any]] = {}
    done: set[Hashable] = set()

    def noted() -> Iterator[PoolJob]:
        for job in jobs:
            came[job.key] = deque()
            yield job

    for event in _events(pool, noted()):
        if isinstance(event, JobItem):
            came[event.key].append(event.value)
        else:
            done.add(event.key)
        while came:
            first = next(iter(came))
            while came[first]:
                yield came[first].popleft()
            if first not in done:
                break
            del came[first]


def _events(pool: Pool, jobs: Iterator[PoolJob]) -> Iterator[JobItem | JobDone]:
    left: PoolJob | None = next(jobs, None)
    while left is not None or pool.busy:
        while left is not None and pool.free:
            pool.submit(left)
            left = next(jobs, None)
        yield pool.next()
