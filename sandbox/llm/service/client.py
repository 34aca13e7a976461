"""A language model that another process computes, as the agents need it."""

from __future__ import annotations

import json
import os
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any

from sandbox.errors import ModelError, NoMemoryError, SandboxError
from sandbox.files import read_bytes
from sandbox.llm.questions import Answering, Question
from sandbox.llm.service.place import ServicePlace
from sandbox.llm.state import ServerState
from sandbox.llm.streaming import tell
from sandbox.processes import least_environment
from sandbox.text import clean_line
from sandbox.types import Progress, silent

IDLE = 60.0
"""Seconds for which the process stays where no program that plays with it is left."""
SILENCE = 120.0
"""Seconds without a sign of life after which a process that was asked is given up."""
_TICK = 0.05
"""Seconds between two looks at whether the answer is still wanted."""
_STARTING = 180.0
"""Seconds that a process may take until it can be asked; the model is loaded after that."""
_LONGEST_REST = 30.0
_FIRST_REST = 0.5
"""Seconds before a second process is started where the first ended at once, in peace; doubled each time."""
_LONGEST_LOG = 1 << 18
"""Bytes from which on what earlier processes have printed is thrown away."""
_GIB = 1.5
"""Address space without which torch and transformers cannot be loaded."""
_PASSED_ON = ("OMP_", "MKL_", "KMP_", "CUDA_", "HIP_", "ROCR_", "PYTORCH_", "TORCH_", "SANDBOX_CACHE")
"""How the names begin of what the libraries read in the environment."""


class _LostError(Exception):
    """The process does not answer any more."""


class ModelProcess(Answering):
    """A local model whose process is started when it is first asked, and shared with other programs.

    Where the process ends in the middle of a question, it is started again and asked once more: the same question
    has the same answer. Where that helps nothing, the model is away, and is not asked again for some seconds.
    Safe to call from several threads.

    Args:
        stem: the model's name, without the adapter.
        folder: of the model.
        loading: what else `LocalModel.load` is given; numbers and strings.
        on_note: told before a process is started, which takes seconds.
        idle: seconds for which the process stays where nobody is left who could ask.
    """

    def __init__(
        self,
        stem: str,
        folder: Path,
        loading: Mapping[str, Any],
        on_note: Progress = silent,
        idle: float = IDLE,
    ) -> None:
        self._stem = stem
        self._folder = folder.absolute()
        self._loading = {"name": stem, **loading}
        self._on_note = on_note
        self._idle = idle
        self._lock = threading.Lock()
        self._starting = threading.Lock()
        self._unused: list[Connection] = []
        self._child: subprocess.Popen[bytes] | None = None
        self._width = 0
        self._chats = False
        self._failure = self._slow = ""
        self._failures = 0
        self._rests_until = 0.0

    @property
    def name(self) -> str:
        return f"{self._stem}@base"

    @property
    def chats(self) -> bool:
        """Whether it has a chat template. Raises `ModelError`."""
        if not self._width:
            self.answer([])
        return self._chats

    @property
    def width(self) -> int:
        """Numbers in the features of one option. Raises `ModelError`."""
        if not self._width:
            self.answer([])
        return self._width

    @property
    def state(self) -> ServerState:
        """`away` from a failure on until an answer comes again; `slow` where the model says that it is."""
        with self._lock:
            if self._failure:
                return ServerState("away", self._failure)
            return ServerState("slow", self._slow) if self._slow else ServerState()

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        return self.answer_with(None, questions)

    def answer_with(self, adapter: Path | None, questions: Sequence[Question]) -> list[Any]:
        """The answers with an adapter merged in.

        Raises:
            ModelError: the model is away, cannot be loaded, or cannot answer this.
            NoMemoryError: it ran out of memory.
        """
        from sandbox.llm.service import wire

        try:
            data = wire.packed_request(adapter, questions)
        except ValueError as error:
            raise ModelError(
                "the question is too long", hint="shorten the prompt, or the list of commands"
            ) from error
        self._check_rest()
        for again in (True, False):
            try:
                reply = self._exchange(data)
                if "error" in reply:
                    raise wire.error_of(reply["error"])
                answers = wire.answers_of(reply, questions)
            except NoMemoryError as error:
                self._fails(error.message)
                raise
            except (_LostError, ValueError, KeyError, TypeError) as error:
                reason = str(error) if isinstance(error, _LostError) else "its reply makes no sense"
                self._fails(reason)
                if not again:
                    raise self._away(reason) from error
            else:
                with self._lock:
                    self._width, self._chats = int(reply["width"]), bool(reply["chats"])
                    self._failure, self._failures, self._slow = "", 0, str(reply["slow"])
                return answers
        raise AssertionError("the second try returns or raises")

    def _exchange(self, data: bytes) -> dict[str, Any]:
        """Ask, and wait for the reply; what is written meanwhile is told to whoever listens on this thread."""
        from sandbox.llm.service import wire

        connection, whole = self._taken(), False
        try:
            connection.send_bytes(data)
            heard = time.monotonic()
            while True:
                if not connection.poll(_TICK):
                    if time.monotonic() - heard > SILENCE:
                        raise _LostError("its process does not answer")
                    tell(())
                    continue
                reply = json.loads(connection.recv_bytes(wire.MAX_REPLY))
                heard = time.monotonic()
                if not isinstance(reply, dict):
                    raise _LostError("its reply makes no sense")
                if "said" not in reply:
                    whole = True
                    return reply
                if reply["said"]:
                    tell([str(text) for text in reply["said"]])
        except (OSError, EOFError) as error:
            raise _LostError(self._ending()) from error
        finally:
            if whole:
                with self._lock:
                    self._unused.append(connection)
            else:
                _hang_up(connection)

    def _taken(self) -> Connection:
        """A connection for one question. Raises `_LostError`, `ModelError`, `NoMemoryError`."""
        while True:
            with self._lock:
                connection = self._unused.pop() if self._unused else None
            if connection is None:
                return self._connected()
            with suppress(OSError):
                if not connection.poll(0):  # nothing is to be read but the end
                    return connection
            connection.close()

    def _connected(self) -> Connection:
        """A new connection, to a process that is started where there is none."""
        place = ServicePlace.of(self._folder, self._loading)
        until, own, rest, not_before = time.monotonic() + _STARTING, None, _FIRST_REST, 0.0
        while True:
            connection = _connect(place)
            if connection is not None:
                return connection
            with self._starting:
                if self._child is None or self._child.poll() is not None:
                    if self._child is own is not None and own.returncode:
                        raise _LostError(f"its process does not start: {_last_line(place.log)}")
                    if own is None:
                        NoMemoryError.check_room(_GIB, "a language model")
                        self._on_note(f"loading the language model {self._stem}")
                    if time.monotonic() >= not_before:
                        self._child = own = self._started(place)
                        not_before, rest = time.monotonic() + rest, 2 * rest
            if time.monotonic() > until:
                raise _LostError("its process does not answer")
            tell(())
            time.sleep(_TICK)

    def _started(self, place: ServicePlace) -> subprocess.Popen[bytes]:
        """A new process. Where another serves the model already, it ends at once."""
        passed_on = {name: value for name, value in os.environ.items() if name.startswith(_PASSED_ON)}
        words = ["--folder", str(self._folder), "--place", str(place.folder), place.name]
        words += ["--idle", str(self._idle), "--loading", json.dumps(self._loading)]
        try:
            with place.log.open("ab") as log:
                if log.tell() > _LONGEST_LOG:
                    log.truncate(0)
                return subprocess.Popen(
                    [sys.executable, "-m", "sandbox.llm.service", *words],
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    cwd="/",
                    env=least_environment(**passed_on),
                    start_new_session=True,
                )
        except OSError as error:
            raise _LostError(f"its process does not start: {error}") from error

    def _ending(self) -> str:
        """How the process ended, in a few words."""
        with self._starting:
            child = self._child
            with suppress(subprocess.TimeoutExpired):
                code = None if child is None else child.wait(0.5)
                if code is not None and code < 0:
                    return f"its process was ended by {signal.Signals(-code).name}"
        return "its process has ended"

    def _fails(self, reason: str) -> None:
        with self._lock:
            self._failure = clean_line(reason, 200)
            self._failures += 1
            rest = min(2.0 ** (self._failures - 2), _LONGEST_REST) if self._failures > 1 else 0.0
            self._rests_until = time.monotonic() + rest

    def _check_rest(self) -> None:
        """Raises `ModelError` where it failed a moment ago: not every turn shall wait for it in vain."""
        if time.monotonic() < self._rests_until:
            raise self._away(self._failure)

    def _away(self, reason: str) -> SandboxError:
        return ModelError(f"the language model is away: {reason}", hint="it is started again at the next turns")


def _connect(place: ServicePlace) -> Connection | None:
    """A connection to the process that is there; None where there is none, or not the one that it should be."""
    found = place.find()
    if found is None:
        return None
    with socket.socket(socket.AF_UNIX) as plain, suppress(OSError):
        plain.connect(str(place.socket))
        bound_waiting(plain, receiving=SILENCE, sending=SILENCE)
        connection = Connection(plain.detach())
        try:
            answer_challenge(connection, found.key)
            deliver_challenge(connection, found.key)
        except Exception:  # whatever it is, it is no process of ours
            connection.close()
            return None
        return connection
    return None


def bound_waiting(plain: socket.socket, *, receiving: float, sending: float) -> None:
    """Have reading and writing fail where nothing moves for so many seconds."""
    for way, seconds in ((socket.SO_RCVTIMEO, receiving), (socket.SO_SNDTIMEO, sending)):
        plain.setsockopt(socket.SOL_SOCKET, way, struct.pack("ll", int(seconds), 0))


def _hang_up(connection: Connection) -> None:
    """Close it for the other side too, whoever has inherited this side."""
    with suppress(OSError), socket.socket(fileno=os.dup(connection.fileno())) as plain:
        plain.shutdown(socket.SHUT_RDWR)
    connection.close()


def _last_line(log: Path) -> str:
    with suppress(OSError):
        lines = read_bytes(log, 2 * _LONGEST_LOG).decode("utf-8", "replace").strip().splitlines()
        if lines:
            return clean_line(lines[-1], 200)
    return "it says nothing"
