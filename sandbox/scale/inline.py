"""A pool of nobody but this process: jobs are done one after the other, in the order in which they came."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Self

from sandbox.scale.jobs import JobDone, JobItem, PoolJob, Workplace


@dataclass(frozen=True, slots=True)
class LocalValue:
    """A shared value that is where it was."""

    value: Any

    def get(self) -> Any:
        return self.value


class InlinePool:
    """See `Pool`. Does in this process what others do in many, with the same outcome.

    Args:
        context: what the jobs find in their workplace.
        slots: jobs that are taken at once.
    """

    def __init__(self, context: Any = None, slots: int = 1) -> None:
        self.slots = slots
        self._place = Workplace(context)
        self._jobs: deque[tuple[PoolJob, Iterator[Any]]] = deque()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._jobs.clear()

    @property
    def free(self) -> int:
        return self.slots - len(self._jobs)

    @property
    def busy(self) -> bool:
        return bool(self._jobs)

    def share(self, value: Any) -> LocalValue:
        return LocalValue(value)

    def submit(self, job: PoolJob) -> None:
        self._jobs.append((job, job.work(self._place)))

    def next(self) -> JobItem | JobDone:
        job, items = self._jobs[0]
        for value in items:
            return JobItem(job.key, value)
        self._jobs.popleft()
        return JobDone(job.key)
