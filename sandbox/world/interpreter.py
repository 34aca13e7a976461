"""The Z-machine interpreter as a pure function, whatever happens to the process that computes it.

Random play can freeze or crash a story's interpreter, so it lives in a process of its own. Each request carries
the snapshot that it starts from; a process that died is replaced by a new one, and nothing is lost.
"""

from __future__ import annotations

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import weakref
from dataclasses import dataclass
from typing import Any

from cachetools import LRUCache

from sandbox.errors import WorldError
from sandbox.processes import least_environment
from sandbox.world.interpreter_process import FRAME, frame
from sandbox.world.listings import NOTHING, Listing
from sandbox.world.story import StoryFile

_START_FACTOR = 10.0
"""Starting may take this many times as long as a command."""
_WALL_FACTOR = 20.0
"""The limit is CPU time; a process that gets no CPU for this many times as long is given up too."""
_REMEMBERED_FAILURES = 1024


class InterpreterError(Exception):
    """The interpreter could not carry out a request. The message is one sentence for the player."""


class _DiedError(Exception):
    """The process ended without an answer."""


@dataclass(frozen=True, slots=True, kw_only=True)
class InterpreterReply:
    """What a request led to."""

    snapshot: bytes
    """The state of the machine afterwards: opaque, exact, valid in any process with the same story."""
    text: str
    """What the story printed, as it printed it."""
    probes: tuple[str, ...]
    """What it printed for each probe, a command carried out on a copy of the state."""
    score: int | None
    """None where Jericho does not know the story."""
    won: bool
    over: bool
    world_hash: str
    wants_key: bool = False
    """Whether the story now waits for one key, not for a line. It is given no probes then."""


@dataclass(frozen=True, slots=True, kw_only=True)
class GameInfo:
    """What Jericho knows about a story."""

    supported: bool
    """Whether Jericho knows score, moves and endings of this very file."""
    max_score: int | None
    words: tuple[str, ...]
    """The dictionary, cut to the length that the story recognises."""
    verbs: tuple[str, ...]
    nouns: tuple[str, ...]
    """Words that can name a thing, cut likewise."""
    walkthrough: tuple[str, ...]


class Interpreter:
    """One story and, while it is needed, one process that plays it. Safe to share between threads.

    Args:
        story: a story that has passed the checks of `story.read`.
        cpu_seconds: CPU time that one request may take before it counts as frozen.
    """

    def __init__(self, story: StoryFile, *, cpu_seconds: float = 3.0) -> None:
        self.story = story
        self._cpu_seconds = cpu_seconds
        self._process: subprocess.Popen[bytes] | None = None
        self._owner = 0
        self.trying_seconds = 0.0
        """CPU time that the present process has spent on trying commands."""
        self._closed = False
        self._lock = threading.RLock()
        self._about: GameInfo | None = None
        self._failures: LRUCache[tuple[bytes, str], str] = LRUCache(_REMEMBERED_FAILURES)
        self._finalizer: weakref.finalize[[subprocess.Popen[bytes]], Interpreter] | None = None

    @property
    def pid(self) -> int | None:
        """Process id of the interpreter, None while there is none."""
        return None if self._process is None else self._process.pid

    @property
    def about(self) -> GameInfo:
        """Raises `WorldError` where the story cannot be started."""
        if self._about is None:
            try:
                reply, _ = self._request({"op": "describe"}, b"")
            except InterpreterError as error:
                raise self._cannot_start(error) from error
            self._about = GameInfo(
                supported=reply["supported"],
                max_score=reply["max_score"],
                words=tuple(reply["words"]),
                verbs=tuple(reply["verbs"]),
                nouns=tuple(reply["nouns"]),
                walkthrough=tuple(reply["walkthrough"]),
            )
        return self._about

    def start(self, seed: int, *, setup: tuple[str, ...] = (), probes: tuple[str, ...] = ()) -> InterpreterReply:
        """The opening, and the state after the setup's commands. Raises `WorldError` where there is none."""
        request = {"op": "start", "seed": seed, "setup": setup, "probes": probes}
        try:
            return self._reply(*self._request(request, b""))
        except InterpreterError as error:
            raise self._cannot_start(error) from error

    def step(
        self, snapshot: bytes, command: str, *, probes: tuple[str, ...] = (), press: bool = False
    ) -> InterpreterReply:
        """Carry out one line of commands from this state, or press one key there, by character or name.

        Raises `InterpreterError` where the interpreter froze or crashed over it; it will do so each time.
        """
        key = (snapshot, command)
        if key in self._failures:
            raise InterpreterError(self._failures[key])
        request = {"op": "press" if press else "step", "command": command, "probes": probes}
        try:
            return self._reply(*self._request(request, snapshot))
        except InterpreterError as error:
            self._failures[key] = str(error)
            raise

    def commands(
        self,
        snapshot: bytes,
        seen: str,
        inventory: str,
        *,
        limit: int,
        heard: tuple[str, ...] = (),
        known: Listing = NOTHING,
    ) -> Listing:
        """The commands that do something at this state, one for each effect, sorted; keys where it wants one.

        Args:
            snapshot: the state.
            seen: what can be read there, with the nouns to speak of.
            inventory: what is carried there.
            limit: commands that may be tried to find them.
            heard: words from before that are in sight nowhere; if given, only what is found with them is listed.
            known: what was found without them.
        """
        request = {
            "op": "list",
            "seen": seen,
            "inventory": inventory,
            "limit": limit,
            "heard": heard,
            "known": known,
        }
        try:
            reply, _ = self._request(request, snapshot)
        except InterpreterError:
            return NOTHING
        self.trying_seconds = reply["cpu_seconds"]
        return Listing(
            tuple(reply["commands"]), tuple(reply["things"]), tuple(reply["asked"]), tuple(reply["shown"])
        )

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._closed = True
            self._stop()

    def _cannot_start(self, error: InterpreterError) -> WorldError:
        return WorldError(
            f"the story cannot be started: {error}", where=self.story.path, hint="the file may be damaged"
        )

    @staticmethod
    def _reply(message: dict[str, Any], snapshot: bytes) -> InterpreterReply:
        return InterpreterReply(
            snapshot=snapshot,
            text=message["text"],
            probes=tuple(message["probes"]),
            score=message["score"],
            won=message["won"],
            over=message["over"],
            world_hash=message["world_hash"],
            wants_key=message["wants_key"],
        )

    def _request(self, message: dict[str, Any], blob: bytes) -> tuple[dict[str, Any], bytes]:
        with self._lock:
            if self._closed:
                raise InterpreterError("The world has been closed.")
            # Twice, so that a process killed from outside is not taken for a command that crashes it.
            for attempt in (1, 2):
                try:
                    process = self._running()
                    self._send(process, frame(message, blob))
                    reply, snapshot = self._receive(process, time.monotonic() + self._cpu_seconds * _WALL_FACTOR)
                    break
                except _DiedError as died:
                    frozen = self._stop() == -signal.SIGPROF
                    if frozen or attempt == 2:
                        what = "froze" if frozen else "stopped"
                        raise InterpreterError(f"The story's interpreter {what} over that.") from died
                except TimeoutError as error:
                    self._stop()
                    raise InterpreterError("The story's interpreter froze over that.") from error
        if "refused" in reply:
            raise InterpreterError(f"The story cannot go on from there: {reply['refused']}.")
        return reply, snapshot

    def _running(self) -> subprocess.Popen[bytes]:
        """The process, started where there is none, or where it belongs to the process we were forked from."""
        process = self._process
        if process is not None and self._owner == os.getpid() and process.poll() is None:
            return process
        if self._owner == os.getpid():
            self._stop()
        process = subprocess.Popen(
            [sys.executable, "-m", "sandbox.world.interpreter_process"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=least_environment(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1"),
        )
        self._process, self._owner = process, os.getpid()
        if self._finalizer is not None:
            self._finalizer.detach()
        self._finalizer = weakref.finalize(self, _end, process)
        greeting = {
            "cpu_seconds": self._cpu_seconds,
            "start_seconds": self._cpu_seconds * _START_FACTOR,
            "suffix": f".z{self.story.version}",
        }
        self._send(process, frame(greeting, self.story.data))
        return process

    def _stop(self) -> int | None:
        """End the process and give its exit status."""
        process, self._process = self._process, None
        if process is None or self._owner != os.getpid():
            return None
        return _end(process)

    @staticmethod
    def _send(process: subprocess.Popen[bytes], data: bytes) -> None:
        assert process.stdin is not None
        try:
            process.stdin.write(data)
            process.stdin.flush()
        except OSError as error:
            raise _DiedError from error

    @staticmethod
    def _receive(process: subprocess.Popen[bytes], deadline: float) -> tuple[dict[str, Any], bytes]:
        assert process.stdout is not None
        source = process.stdout.fileno()

        def exactly(size: int) -> bytes:
            parts: list[bytes] = []
            while size:
                if not select.select([source], [], [], max(0.0, deadline - time.monotonic()))[0]:
                    raise TimeoutError
                part = os.read(source, size)
                if not part:
                    raise _DiedError
                parts.append(part)
                size -= len(part)
            return b"".join(parts)

        body, blob = FRAME.unpack(exactly(FRAME.size))
        return json.loads(exactly(body)), exactly(blob)


def _end(process: subprocess.Popen[bytes]) -> int:
    """Close the pipes; kill the process where it does not end by itself at once."""
    for stream in (process.stdin, process.stdout):
        if stream is not None:
            with contextlib.suppress(OSError):
                stream.close()
    try:
        return process.wait(timeout=0.5)
    except subprocess.TimeoutExpired:
        process.kill()
        return process.wait()
