"""What answers in the process of a language model.

A thread for each program that is connected reads its questions; one thread computes. It takes all questions that
wait for the same adapter at once, so that many seats share passes of the network. Nobody waits for others to ask.
"""

from __future__ import annotations

import os
import secrets
import socket
import sys
import threading
import time
import traceback
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any, Protocol

from sandbox.errors import ModelError, NoMemoryError, SandboxError
from sandbox.llm.batching import ModelRequest, RequestQueue, answered
from sandbox.llm.questions import AdaptedModel, Continue
from sandbox.llm.service import wire
from sandbox.llm.service.client import bound_waiting
from sandbox.llm.service.place import ServicePlace
from sandbox.llm.state import state_of
from sandbox.llm.streaming import StoppedError, streaming
from sandbox.text import clean_line

KEY_BYTES = 32
UNUSED = 900.0
"""Seconds without a question after which the process ends although programs are connected."""
_TICK = 0.25
"""Seconds between two looks at whether it is to go on."""
_ALIVE = 5.0
"""Seconds between two signs of life to a program that waits."""
_GREETING = 30.0
"""Seconds for which nothing may come of what a program has begun to say, that it knows the key to begin with."""
_HEARING = 5.0
"""Seconds for which a program may take nothing of what it is told."""
_MOST = 128
"""Programs that may be connected at once."""


class ComputedModel(AdaptedModel, Protocol):
    """A model in this process: `LocalModel`."""

    def forget(self) -> None:
        """Free the memory that only saves time."""


@dataclass(eq=False, slots=True)
class _Job(ModelRequest):
    """A request of a program."""

    send: Callable[[bytes], None] = lambda data: None
    broken: bool = False
    """Whether something could not be sent, and nothing may be sent after it."""

    @property
    def texts(self) -> int:
        """How many texts are written for it."""
        return sum(max(question.n, 0) for question in self.questions if isinstance(question, Continue))


class ModelService:
    """Answers at a place until nobody is there to ask.

    Args:
        place: where; the caller holds its lock.
        load: loads the model; called once, on the thread that computes.
        idle: seconds after which it ends where no program is connected.
        unused: seconds after which it ends where programs are connected but ask nothing.
    """

    def __init__(
        self, place: ServicePlace, load: Callable[[], ComputedModel], *, idle: float, unused: float = UNUSED
    ) -> None:
        self._place, self._load = place, load
        self._idle, self._unused = idle, unused
        self._key = secrets.token_bytes(KEY_BYTES)
        self._jobs: RequestQueue[_Job] = RequestQueue()
        self._news = threading.Condition()
        self._connected = 0
        self._used = time.monotonic()
        self._ended = threading.Event()

    def end(self) -> None:
        """Answer nobody any more."""
        self._ended.set()

    def run(self) -> None:
        """Answer until the end. Raises `OSError` where the place cannot be used."""
        with socket.socket(socket.AF_UNIX) as listening:
            with suppress(OSError):
                self._place.socket.unlink()
            listening.bind(str(self._place.socket))
            self._place.socket.chmod(0o600)
            listening.listen(_MOST)
            listening.settimeout(_TICK)
            try:
                self._place.write(self._key)
                threading.Thread(target=self._compute, name="compute", daemon=True).start()
                while not self._ended.is_set() and self._wanted():
                    with suppress(TimeoutError):
                        self._welcome(listening.accept()[0])
            finally:
                self._ended.set()
                self._place.leave()

    def _wanted(self) -> bool:
        """Whether to go on: somebody may ask, and the record still leads here."""
        with self._news:
            waiting = bool(self._jobs)
            connected, quiet = self._connected, time.monotonic() - self._used
        if not waiting and quiet > (self._unused if connected else self._idle):
            return False
        found = self._place.find()
        return found is not None and found.pid == os.getpid() and found.key == self._key

    # Programs.

    def _welcome(self, plain: socket.socket) -> None:
        plain.setblocking(True)
        bound_waiting(plain, receiving=_GREETING, sending=_HEARING)
        with self._news:
            if self._connected >= _MOST:
                plain.close()
                return
            self._connected += 1
        connection = Connection(plain.detach())
        threading.Thread(target=self._attend, args=(connection,), name="program", daemon=True).start()

    def _attend(self, connection: Connection) -> None:
        """Take the questions of one program until it hangs up, or says what makes no sense."""
        try:
            deliver_challenge(connection, self._key)
            answer_challenge(connection, self._key)
            while not self._ended.is_set():
                connection.poll(None)
                self._take(connection, wire.Request.read(connection.recv_bytes(wire.MAX_REQUEST)))
        except Exception as error:  # of a stranger, anything may come
            if not isinstance(error, EOFError):
                sys.stderr.write(f"hung up on a program: {type(error).__name__}\n")
        finally:
            with suppress(OSError):
                connection.close()
            with self._news:
                self._connected -= 1
                self._used = time.monotonic()

    def _take(self, connection: Connection, request: wire.Request) -> None:
        """Have a request answered, and wait for that. Raises `EOFError` where the program hangs up meanwhile."""
        sending = threading.Lock()

        def send(data: bytes) -> None:
            with sending:
                try:
                    if not job.broken:
                        connection.send_bytes(data)
                except OSError:
                    job.over = job.broken = True

        adapter = None if request.adapter is None else Path(request.adapter)
        job = _Job(adapter, [asked.question for asked in request.asked], send=send)
        with self._news:
            self._jobs.add(job)
            self._used = time.monotonic()
            self._news.notify_all()
        try:
            while not connection.poll(_ALIVE) and not job.over and not self._ended.is_set():
                send(wire.packed(said=[]))
            if job.broken or not job.over:
                raise EOFError
        finally:
            job.over = True

    # The model.

    def _compute(self) -> None:
        """Load the model, and answer. Where it cannot be loaded, say so to those who wait, and end."""
        try:
            try:
                model = self._load()
            except Exception as error:
                for job in self._next(wait=_GREETING):
                    self._reply(job, wire.packed_error(_told(error)))
                return
            while True:
                self._answer(model, self._next())
                self._used = time.monotonic()
        finally:
            self.end()  # whatever it was: those who wait would hear signs of life for ever

    def _next(self, wait: float | None = None) -> list[_Job]:
        """Wait for questions, and take what is to be answered together."""
        with self._news:
            self._news.wait_for(lambda: bool(self._jobs), wait)
            return self._jobs.take()

    def _answer(self, model: ComputedModel, jobs: list[_Job]) -> None:
        """Answer requests, and let go of memory where it was that which lacked."""

        def ask(jobs: Sequence[_Job]) -> list[Any]:
            def hear(texts: Sequence[str]) -> None:
                if all(job.over for job in jobs) or self._ended.is_set():
                    raise StoppedError
                at = 0
                for job in jobs if texts else ():
                    said, at = texts[at : at + job.texts], at + job.texts
                    if said and not job.over:
                        job.send(wire.packed(said=said))

            try:
                with streaming(hear):
                    return model.answer_with(jobs[0].adapter, [each for job in jobs for each in job.questions])
            except Exception as error:
                if NoMemoryError.of(error) is not None:
                    model.forget()
                raise

        for job, found in answered(jobs, ask):
            if isinstance(found, StoppedError):
                continue
            if isinstance(found, Exception):
                self._reply(job, wire.packed_error(_told(found)))
            else:
                state = state_of(model)
                slow = state.reason if state.kind == "slow" else ""
                self._reply(job, wire.packed_answers(found, model.width, model.chats, slow))

    def _reply(self, job: _Job, data: bytes) -> None:
        if not job.over:
            job.over = True  # before it is sent: what the program sends next is its next request
            job.send(data)


def _told(error: Exception) -> SandboxError:
    """An error as the program is told of it."""
    lacking = NoMemoryError.of(error)
    if lacking is not None:
        return lacking
    if isinstance(error, SandboxError):
        return error
    traceback.print_exception(error)
    return ModelError(f"it fails: {type(error).__name__}: {clean_line(str(error), 200)}")
