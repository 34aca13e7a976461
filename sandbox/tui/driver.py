"""The only way from the screen to the session.

The rule: a session is made, used and closed on one thread, one job after the other, and nothing else touches it.
What a session lets another thread do is think: `decide` takes long and only reads, so it has a thread of its own,
and a person who acts meanwhile need not wait for it. The screen asks for jobs and goes on; answers come back as
messages that carry values.

Cancelling thinking, or changing the state that it was for, counts up `generation`: an answer with an older number
is dropped, thinking that has not begun is skipped, and a model that writes stops before its next token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Executor, ThreadPoolExecutor
from contextlib import suppress
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from sandbox.errors import SandboxError
from sandbox.llm.listening import StoppedError, listening
from sandbox.session import moves
from sandbox.session.view import Camera
from sandbox.tui.messages import Answered, Changed, Decided, Failed, Heard, Loaded, Opening

if TYPE_CHECKING:
    from textual.message import Message

    from sandbox.session.session import Session
    from sandbox.types import Chooser, Decision

OPENING, THINKING = "opening the game", "thinking"
"""Jobs that change nothing."""

SessionFactory = Callable[[Callable[[str], None]], "Session"]
"""Opens a session. What it is given takes lines that say how far it is."""

Prepare = Callable[["Session", Callable[[], bool]], Callable[[], object] | None]
"""See `Driver.study`."""

_EVERY = 0.05
"""Seconds between two reports of what a model writes, at least."""


class Driver:
    """Runs jobs off the screen's thread and posts what came of them. Its methods are for the screen's thread.

    Args:
        factory: opens the session; called on the session's thread, where it may take its time.
        post: delivers a message to the screen from any thread.
    """

    def __init__(self, factory: SessionFactory, post: Callable[[Message], object]) -> None:
        self.generation = 0
        self._factory = factory
        self._post = post
        self._play: Executor = ThreadPoolExecutor(1, "session")
        self._think: Executor = ThreadPoolExecutor(1, "mind")
        self._study: Executor = ThreadPoolExecutor(1, "study")
        self._closed = Event()
        self._asked = 0
        """Decisions asked for so far."""
        self._session: Session | None = None
        self._camera: Camera | None = None

    def load(self) -> None:
        """Make the session. Answered by `Loaded`."""

        def say(doing: str) -> None:
            self._post(Opening(doing))

        def job() -> None:
            self._session = self._factory(say)
            self._camera = Camera(self._session)
            self._post(Loaded(self._camera.view()))

        self._submit(self._play, job, OPENING)

    def decide(self) -> None:
        """Let the agent that is to move think. Answered by `Decided`, unless it is cancelled."""
        generation, heard_at = self.generation, 0.0
        self._asked += 1

        def hear(texts: Sequence[str]) -> None:
            nonlocal heard_at
            if generation != self.generation:
                raise StoppedError
            if texts and monotonic() - heard_at > _EVERY:
                heard_at = monotonic()
                self._post(Heard(texts, generation))

        def job() -> None:
            if generation == self.generation and self._session is not None:
                with suppress(StoppedError), listening(hear):
                    self._post(Decided(self._session.decide(), generation))

        self._submit(self._think, job, THINKING)

    def cancel(self) -> None:
        """Forget the decision that is being made."""
        self.generation += 1

    def act(
        self, seat: str | None, command: str, *, decision: Decision | None = None, chooser: Chooser = "person"
    ) -> None:
        """Carry out a command of the seat to move. Answered by `Changed`, as every change is."""
        self.change(
            f"> {command}",
            lambda session: moves.act(session, seat, command, decision=decision, chooser=chooser),
        )

    def change(self, doing: str, job: Callable[[Session], object], *, keeps: bool = False) -> None:
        """Do something to the session. Unless it keeps the state, the decision that is being made is dropped."""
        if not keeps:
            self.cancel()

        def run() -> None:
            if self._session is None or self._camera is None:
                raise SandboxError("no game is open")
            result = job(self._session)
            self._post(Changed(self._camera.view(result), doing))

        self._submit(self._play, run, doing)

    def ask(self, about: str, question: Callable[[Session], object]) -> None:
        """Have something looked up or worked out that changes nothing. Answered by `Answered`."""
        generation = self.generation

        def run() -> None:
            if self._session is not None:
                self._post(Answered(about, question(self._session), generation))

        self._submit(self._play, run, about, asked=True)

    def study(self, about: str, prepare: Prepare) -> None:
        """Have something worked out that takes long: on a thread of its own, without the session.

        `prepare` may look at the session, and gives what to call there, or None for nothing. It is also given a
        function that says whether anyone still waits. Answered by `Answered`.
        """
        self._prepared(self._study, about, prepare, self._closed.is_set)

    def ponder(self, about: str, prepare: Prepare) -> None:
        """The same on the thread where agents think, for what has them think. Nobody waits for it any more as soon
        as a decision is asked for.
        """
        asked = self._asked
        self._prepared(self._think, about, prepare, lambda: self._closed.is_set() or self._asked != asked)

    def _prepared(self, thread: Executor, about: str, prepare: Prepare, unwanted: Callable[[], bool]) -> None:
        generation = self.generation

        def run() -> None:
            work = prepare(self._session, unwanted) if self._session is not None else None
            if work is None or self._closed.is_set():
                return

            def answer() -> None:
                self._post(Answered(about, work(), generation))

            self._submit(thread, answer, about, asked=True)

        self._submit(self._play, run, about, asked=True)

    def close(self) -> None:
        """Close the session and wait until that is done. Thinking comes to its end by itself, unheard."""
        self.cancel()
        self._closed.set()
        self._think.shutdown(wait=False)
        self._study.shutdown(wait=False)
        self._play.submit(lambda: self._session.close() if self._session else None)
        self._play.shutdown(wait=True)

    def _submit(self, thread: Executor, job: Callable[[], None], doing: str, *, asked: bool = False) -> None:
        generation = self.generation

        def run() -> None:
            try:
                job()
            except Exception as error:
                self._post(Failed(error, doing, generation, asked=asked))

        thread.submit(run)
