"""A pool of Ray actors, on this machine or on a cluster.

Ray places them, starts them again, and moves what they send. A restarted actor has lost all it had, and what was
under way in it is not done. So a job is handed in again, with the items that had come: at least once for Ray,
exactly once for whoever reads the items.
"""

from __future__ import annotations

import logging
import os
import secrets
import shutil
import signal
import tempfile
import threading
import time
from collections import deque
from collections.abc import Hashable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, Self

from sandbox.errors import SandboxError, UsageError
from sandbox.scale.jobs import JobDone, JobItem, PoolJob, Workplace
from sandbox.text import clean_line

EXTRA = 'pip install "chat-agent-sandbox[ray]"'
_TRIES = 5
"""Workers that may die over one job."""
_PATIENCE = 120.0
"""Seconds for which there may be no worker at all."""
_OBJECTS = 128 * 2**20
"""Bytes of memory for what moves between processes of this machine."""
_ANSWERS = 5.0


def check_ray() -> None:
    """Raises `UsageError` where Ray is not installed."""
    try:
        os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
        os.environ.setdefault("RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO", "0")
        import ray  # noqa: F401
    except ImportError as error:
        raise UsageError("--engine ray needs Ray, which is not installed", hint=EXTRA) from error


class RaySession:
    """The place of this program in a cluster: one of its own on this machine, or the one at an address.

    Opened with `with`. One of its own takes nobody else, and is gone without a trace afterwards.

    Args:
        address: of a cluster, such as `10.0.0.1:6379`, or `auto`; None starts one here.
        cpus: processors that one started here counts on.
    """

    def __init__(self, address: str | None = None, cpus: int = 1) -> None:
        self._address = address
        self._cpus = cpus
        self._left = ExitStack()

    def __enter__(self) -> Self:
        check_ray()
        import ray

        if ray.is_initialized():
            raise UsageError("Ray cannot be used: this program has a place in a cluster already")
        with ExitStack() as opened:
            more: dict[str, Any] = {"address": self._address}
            if self._address is None:
                more = {
                    "address": "local",
                    "num_cpus": self._cpus,
                    "object_store_memory": _OBJECTS,
                    "include_dashboard": False,
                    "_temp_dir": opened.enter_context(_own_place()),
                }
            opened.callback(ray.shutdown)  # also of what an interrupted start has left
            try:
                with _own_signals():
                    ray.init(
                        namespace="sandbox",
                        log_to_driver=False,
                        logging_level=logging.CRITICAL,
                        **more,
                    )
            except Exception as error:  # of many kinds, plain ones among them
                told = (str(error).splitlines() or ["?"])[0]
                raise UsageError(
                    f"Ray cannot be used: {told}", hint="see that `ray status` finds the cluster of --address"
                ) from error
            self._left = opened.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._left.close()


@contextmanager
def _own_place() -> Iterator[str]:
    """A folder for a cluster that is started here, in which only this program has a place."""
    # The path of a socket may have 107 characters, of which Ray takes 63.
    short = tempfile.gettempdir() if len(tempfile.gettempdir()) < 20 else "/tmp"
    folder = tempfile.mkdtemp(prefix="sandbox-ray-", dir=short)
    # Ray listens to all networks, and takes whoever has its token: a new one, which goes into no file. It stays:
    # Ray's libraries read it once.
    os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def _own_signals() -> Iterator[None]:
    """What SIGTERM does stays as it was: Ray takes it up, on the main thread, where alone that can be done."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if before is not None and threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@dataclass(slots=True, eq=False)
class _Worker:
    """An actor, as the pool sees it."""

    handle: Any
    running: int = 0
    courses: set[Hashable] = field(default_factory=set)
    """Those that it did jobs of."""


@dataclass(slots=True, eq=False)
class _Running:
    """A job that is under way in a worker, or waits for one."""

    job: PoolJob
    """What was left of it when it was handed to its worker."""
    items: list[Any] = field(default_factory=list)
    """What has come since."""
    worker: _Worker | None = None
    died: int = 0


@dataclass(frozen=True, slots=True)
class _Failed:
    """A job has raised an error that a user is to see."""

    error: SandboxError


class _Handle:
    """A value in Ray's object store. Inside a job it is not fetched before somebody asks."""

    def __init__(self, ref: Any) -> None:
        self._ref = ref

    def get(self) -> Any:
        import ray

        return ray.get(self._ref)


class WorkerActor:
    """What a worker is made of: the actor's body."""

    def __init__(self, context: Any, number: int) -> None:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        self._place = Workplace(context, number)

    def ready(self) -> int:
        """The process, once it can be asked."""
        return os.getpid()

    def work(self, job: PoolJob) -> Iterator[Any]:
        """The items of a job, and at last a `_Failed` where it raised an error."""
        try:
            # A generator of our own: Ray sends into what it iterates, where a job knows nothing of that.
            yield from (item for item in job.work(self._place))
        except SandboxError as error:
            yield _Failed(SandboxError(error.message, where=error.where, line=error.line, hint=error.hint))


class RayPool:
    """See `Pool`. Made inside a `RaySession`.

    Args:
        context: what the jobs find in their workplace; sent to every worker.
        workers: how many actors.
        batch: jobs that are under way at once in each.
        cpus: processors that each takes from the cluster.
    """

    def __init__(self, context: Any = None, *, workers: int, batch: int = 1, cpus: float = 1) -> None:
        import ray

        self._ray = ray
        self._batch = batch
        made = ray.remote(WorkerActor).options(
            num_cpus=cpus,
            max_restarts=-1,
            max_task_retries=0,
            max_concurrency=batch + 1,
            scheduling_strategy="SPREAD",
        )
        self._workers = [_Worker(made.remote(context, number)) for number in range(workers)]
        self._present: list[_Worker] = []
        self._calls: dict[Any, _Worker] = {}
        """Workers that are to say that they are there, by the call."""
        self._streams: dict[Any, _Running] = {}
        self._waiting: deque[_Running] = deque()
        self._alone_since = time.monotonic()
        self._why = ""
        for worker in self._workers:
            self._call(worker)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for worker in self._workers:
            with suppress(Exception):
                self._ray.kill(worker.handle)

    @property
    def slots(self) -> int:
        return self._batch * len(self._workers)

    @property
    def free(self) -> int:
        """Jobs for workers that are still starting wait for them."""
        return self.slots - len(self._streams) - len(self._waiting)

    @property
    def busy(self) -> bool:
        return bool(self._streams or self._waiting)

    def share(self, value: Any) -> _Handle:
        return _Handle(self._ray.put(value))

    def submit(self, job: PoolJob) -> None:
        self._waiting.append(_Running(job))

    def next(self) -> JobItem | JobDone:
        while True:
            self._assign()
            ready = self._ready()
            if ready in self._calls:
                self._answered(ready)
            elif ready is not None and (event := self._came(ready)) is not None:
                return event

    def _assign(self) -> None:
        """Give what waits to workers that have room, to those that know the course where that is so."""
        while self._waiting:
            roomy = [worker for worker in self._present if worker.running < self._batch]
            if not roomy:
                return
            running = self._waiting.popleft()
            course = running.job.course
            worker = min(roomy, key=lambda each: (course not in each.courses, each.running))
            worker.courses.add(course)
            worker.running += 1
            running.worker, running.items = worker, []
            stream = worker.handle.work.options(num_returns="streaming").remote(running.job)
            self._streams[stream] = running

    def _ready(self) -> Any:
        """A call or a stream that has something; None where nothing came for a while."""
        asked = [*self._streams, *self._calls]
        if not asked:
            raise SandboxError(
                f"no worker can begin: {self._why}", hint="see that all machines have the same program"
            )
        found, _ = self._ray.wait(asked, num_returns=1, timeout=_ANSWERS, fetch_local=False)
        if self._present:
            self._alone_since = time.monotonic()
        elif time.monotonic() - self._alone_since > _PATIENCE:
            raise SandboxError(
                f"no worker has been there for {_PATIENCE:.0f} s",
                hint="see that the cluster runs, and has a processor for each worker: `ray status`",
            )
        return found[0] if found else None

    def _call(self, worker: _Worker) -> None:
        """Hear of a worker as soon as Ray has started it, or started it again."""
        self._calls[worker.handle.ready.options(max_task_retries=-1).remote()] = worker

    def _answered(self, call: Any) -> None:
        worker = self._calls.pop(call)
        try:
            self._ray.get(call)
        except self._ray.exceptions.RayActorError as error:
            self._workers.remove(worker)  # for good: it could not even begin
            self._why = clean_line((str(error).strip().splitlines() or [""])[-1], 200)
        else:
            self._present.append(worker)

    def _came(self, stream: Any) -> JobItem | JobDone | None:
        """What a stream has: an item, its end, or nothing, since its worker has died."""
        running = self._streams[stream]
        try:
            value = self._ray.get(next(stream))
        except StopIteration:
            self._end(stream)
            return JobDone(running.job.key)
        except self._ray.exceptions.RayTaskError as error:
            self._end(stream)
            raise error.cause or error from None
        except self._ray.exceptions.RayError:
            self._died(stream)
            return None
        if isinstance(value, _Failed):
            self._end(stream)
            raise value.error
        running.items.append(value)
        return JobItem(running.job.key, value)

    def _end(self, stream: Any) -> _Worker:
        worker = self._streams.pop(stream).worker
        assert worker is not None, "it was assigned"
        worker.running -= 1
        return worker

    def _died(self, stream: Any) -> None:
        """Have what is left of a job done by another worker, or the same, once it is there again."""
        running = self._streams[stream]
        worker = self._end(stream)
        if worker in self._present:
            self._present.remove(worker)
            worker.courses.clear()
            self._call(worker)
        running.died += 1
        if running.died == _TRIES:
            raise SandboxError(f"{_TRIES} workers have died over the same work: {running.job.key}")
        running.job = running.job.after(running.items)
        self._waiting.appendleft(running)


def processors() -> int:
    """How many workers a cluster is for: one for each processor, but for one that a language model may take."""
    import ray

    return max(1, int(ray.cluster_resources().get("CPU", 1)) - 1)
