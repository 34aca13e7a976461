"""The only way to a session that is being played.

The rule: a session is made, used and closed on one thread, one job after the other, and nothing else touches it.
What a session lets another thread do is think: `decide` takes long and only reads, so it has a thread of its own,
and a person who acts meanwhile need not wait for it. Who asks for a job goes on; answers come back as events that
carry values. Which threads there are is up to whoever submits the jobs: the game in lines has one for all.

Cancelling thinking, or changing the state that it was for, counts up `generation`: an answer with an older number
is dropped, thinking that has not begun is skipped, and a model that writes stops before its next token.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from threading import Event
from time import monotonic
from typing import TYPE_CHECKING

from sandbox.errors import SandboxError
from sandbox.llm.streaming import StoppedError, streaming
from sandbox.session import moves
from sandbox.session.view import Camera

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.session.view import View
    from sandbox.types import Chooser, Decision

SPEAKING = "speaking"
OPENING, THINKING = "opening the game", "thinking"
"""Jobs that change nothing."""
SESSION, MIND, STUDY = "session", "mind", "study"
"""Threads: of the session, of agents that think, and of what needs neither."""

SessionFactory = Callable[[Callable[[str], None]], "Session"]
"""Opens a session. What it is given takes lines that say how far it is."""

Prepare = Callable[["Session", Callable[[], bool]], Callable[[], object] | None]
"""See `Driver.study`."""

_EVERY = 0.05
"""Seconds between two reports of what a model writes, at least."""


@dataclass(frozen=True, slots=True)
class Opening:
    """What is being done to open the session: a world compiled, a model loaded."""

    doing: str


@dataclass(frozen=True, slots=True)
class Loaded:
    """The session is open and can be played."""

    view: View


@dataclass(frozen=True, slots=True)
class Awaiting:
    """What the session waits for before it can go on, such as a database that is away."""

    text: str
    """Empty where that is over."""


@dataclass(frozen=True, slots=True)
class Decided:
    """The agent has made up its mind. Worth nothing when `generation` is not the driver's any more."""

    decision: Decision
    generation: int


@dataclass(frozen=True, slots=True)
class Streamed:
    """What the agent's language model has written so far, a text for each sample."""

    texts: tuple[str, ...]
    generation: int


@dataclass(frozen=True, slots=True)
class Changed:
    """Something was done to the session; this is how it stands."""

    view: View
    doing: str
    result: object
    """What the job gave: a turn, the feedback that was stored, a line to say."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What was asked about is known. `generation` is the driver's at the time of asking."""

    about: str
    answer: object
    generation: int


@dataclass(frozen=True, slots=True)
class Failed:
    """A job raised. The session stands as it did before."""

    error: BaseException
    """A `KeyboardInterrupt` where the thread is the program's own."""
    doing: str
    generation: int
    asked: bool = False
    """Whether it was a question, which changes nothing."""


@dataclass(frozen=True, slots=True)
class Spoken:
    """The agent says what it wants; nothing waits for it. Worth nothing with an older generation."""

    decision: Decision
    """With what has been said so far."""
    doubtful: frozenset[int]
    """Proposals whose words are not true, once all is said."""
    generation: int
    done: bool


GameEvent = Opening | Awaiting | Loaded | Decided | Spoken | Streamed | Changed | Answered | Failed


class Driver:
    """Has jobs done to a session, and posts what came of them. Its methods are for one thread, the controller's.

    Args:
        factory: opens the session; called on the session's thread, where it may take its time.
        submit: has a job run on the thread of that name, where jobs run one after the other.
        post: takes events, from any thread.
        speaks: whether agents say what they want, where they can.
    """

    def __init__(
        self,
        factory: SessionFactory,
        submit: Callable[[str, Callable[[], None]], object],
        post: Callable[[GameEvent], object],
        *,
        speaks: bool = True,
    ) -> None:
        self.generation = 0
        self._speaks = speaks
        self._factory = factory
        self._submit_to = submit
        self._post = post
        self._closed = Event()
        self._asked = 0
        """Decisions asked for so far."""
        self._session: Session | None = None
        self._camera: Camera | None = None

    def load(self) -> None:
        """Make the session. Answered by `Loaded`."""

        def job() -> None:
            def say(doing: str) -> None:
                self._post(Opening(doing))

            def wait(text: str) -> None:
                self._post(Awaiting(text))

            self._session = self._factory(say)
            self._session.store.on_wait = wait
            self._camera = Camera(self._session)
            self._post(Loaded(self._camera.view()))

        self._submit(SESSION, job, OPENING)

    def decide(self, again: int = 0) -> None:
        """Let the agent that is to move think. Answered by `Decided`, unless it is cancelled, then by `Spoken`.

        Args:
            again: how often it was asked anew; each time its words, and what it writes, come out otherwise.
        """
        generation, streamed_at = self.generation, 0.0
        self._asked += 1

        def stream(texts: Sequence[str]) -> None:
            nonlocal streamed_at
            if generation != self.generation:
                raise StoppedError
            if texts and monotonic() - streamed_at > _EVERY:
                streamed_at = monotonic()
                self._post(Streamed(tuple(texts), generation))

        def job() -> None:
            if generation == self.generation and self._session is not None:
                with suppress(StoppedError), streaming(stream):
                    decision = self._session.decide(again=again)
                    self._post(Decided(decision, generation))
                    if self._speaks:
                        self._submit(MIND, partial(self._speak, decision, again, generation), SPEAKING, asked=True)

        self._submit(MIND, job, THINKING)

    def _speak(self, decision: Decision, again: int, generation: int) -> None:
        """Have the agent put its decision into words. For the thread where it thinks."""
        from sandbox.session import talk  # a language model's arithmetic, which the screen begins without

        session = self._session
        if session is None or generation != self.generation:
            return
        turn, said_at = session.current, 0.0

        def stream(texts: Sequence[str]) -> None:
            nonlocal said_at
            if generation != self.generation:
                raise StoppedError
            if texts and monotonic() - said_at > _EVERY:
                said_at = monotonic()
                self._post(Spoken(talk.partly(decision, texts), frozenset(), generation, done=False))

        with suppress(StoppedError), streaming(stream):
            spoken = talk.speak(session, decision, turn, again=again)
            if spoken is not decision:
                doubtful = talk.false_lines(session, spoken, turn)
                self._post(Spoken(spoken, doubtful, generation, done=True))

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
            self._post(Changed(self._camera.view(result), doing, result))

        self._submit(SESSION, run, doing)

    def ask(self, about: str, question: Callable[[Session], object]) -> None:
        """Have something looked up or worked out that changes nothing. Answered by `Answered`."""
        generation = self.generation

        def run() -> None:
            if self._session is not None:
                self._post(Answered(about, question(self._session), generation))

        self._submit(SESSION, run, about, asked=True)

    def study(self, about: str, prepare: Prepare) -> None:
        """Have something worked out that takes long: on a thread of its own, without the session.

        `prepare` may look at the session, and gives what to call there, or None for nothing. It is also given a
        function that says whether anyone still waits. Answered by `Answered`.
        """
        self._prepared(STUDY, about, prepare, self._closed.is_set)

    def ponder(self, about: str, prepare: Prepare) -> None:
        """The same on the thread where agents think, for what has them think. Nobody waits for it any more as soon
        as a decision is asked for.
        """
        asked = self._asked
        self._prepared(MIND, about, prepare, lambda: self._closed.is_set() or self._asked != asked)

    def _prepared(self, thread: str, about: str, prepare: Prepare, unwanted: Callable[[], bool]) -> None:
        generation = self.generation

        def run() -> None:
            work = prepare(self._session, unwanted) if self._session is not None else None
            if work is not None and not self._closed.is_set():
                self._submit(thread, lambda: self._post(Answered(about, work(), generation)), about, asked=True)

        self._submit(SESSION, run, about, asked=True)

    def close(self) -> None:
        """Drop what is being thought; nothing is answered any more. The session is closed by `end`."""
        self.cancel()
        self._closed.set()
        if self._session is not None:
            self._session.store.give_up()

    def end(self) -> None:
        """Close the session. For its thread, as the last job there."""
        if self._session is not None:
            self._session.close()

    def _submit(self, thread: str, job: Callable[[], object], doing: str, *, asked: bool = False) -> None:
        generation = self.generation

        def run() -> None:
            try:
                job()
            except (Exception, KeyboardInterrupt) as error:
                self._post(Failed(error, doing, generation, asked))

        self._submit_to(thread, run)
