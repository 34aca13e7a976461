"""Worlds over simulators that only go forwards: a state is the way that leads there, and going back replays it.

For games that can neither be copied nor saved. A simulator that froze or crashed is ended and made anew, so that
nothing is lost. One that does not come back to the same place by the same commands is an error.
"""

from __future__ import annotations

import hashlib
import json
import os
import threading
import weakref
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, ClassVar, Protocol, TypeVar

from cachetools import LRUCache

from sandbox.errors import SaveError, WorldError
from sandbox.text import clean, clean_line
from sandbox.types import Observation, Step
from sandbox.world.envelope import Sealed, decode, encode, seal, unseal

SEAT = "player"
T = TypeVar("T")
MAX_COMMAND = 120
"""Characters of a command that reach a simulator."""
_MAX_TEXT = 20_000
_MAX_LISTED = 5_000
_REMEMBERED = 512
"""Steps whose outcome is kept, so that looking at a few alternatives replays nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Prospect:
    """How a simulator stands: what `sandbox.types.Observation` says of it. Texts may be as they come."""

    description: str = ""
    inventory: str = ""
    goal: str = ""
    score: float = 0.0
    max_score: float | None = None
    admissible: tuple[str, ...] | None = None
    done: bool = False
    won: bool = False


class Simulator(Protocol):
    """A game that stands somewhere and goes forwards. Whatever it raises is taken as having died of the command.

    The same commands lead to the same place and the same texts, in any process.
    """

    def begin(self) -> str:
        """Start anew; the opening text."""

    def give(self, command: str) -> str:
        """Carry out a command; the reply."""

    def prospect(self) -> Prospect:
        """How it stands."""

    def walkthrough(self) -> tuple[str, ...]:
        """Commands that win from the start; empty where none are known. It may stand anywhere afterwards."""

    def kill(self) -> None:
        """End it at once, from any thread, also amid a command and more than once."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReplayedState:
    """A moment of a game and the way there."""

    way: tuple[str, ...]
    """The commands that the simulator was given, oldest first."""
    turn: int
    text: str
    prospect: Prospect
    said: str
    """Digest of what the simulator said last: by it a replay is known to have come to the same place."""
    cut: bool = False
    """Whether the longest way has been reached."""

    @property
    def done(self) -> bool:
        return self.cut or self.prospect.done


class _StoredWay(Sealed):
    goal: str
    admissible: list[str] | None
    said: str
    cut: bool


class _UnansweredError(Exception):
    """The simulator did not carry out a command. The message is a sentence for the player."""


class _EndedError(_UnansweredError):
    """It ended without an answer."""


class ReplayedWorld:
    """A deterministic simulator for one seat, `player`, as a world. The reward is the change in score.

    Going on from where the simulator stands costs one command; from anywhere else all commands that led there.
    Nobody's play goes back often; a searcher's does, and pays for it.

    Args:
        make: starts a simulator; may be pickled. Raises `WorldError` where it cannot.
        name: the reference that leads back to this world.
        title: what a person calls it.
        fingerprint: what the simulator is and what it plays, versions included.
        verbs: see `sandbox.types.World`.
        seconds: wall-clock time that a command may take before it counts as frozen; a replay ten times that.
        longest: commands after which an episode is cut off, which bounds what a replay may cost.
    """

    seats: ClassVar[tuple[str, ...]] = (SEAT,)

    def __init__(
        self,
        make: Callable[[], Simulator],
        *,
        name: str,
        title: str,
        fingerprint: str,
        verbs: tuple[str, ...] = (),
        seconds: float = 30.0,
        longest: int = 500,
    ) -> None:
        self.name, self.title, self.verbs = name, title, verbs
        self.fingerprint = hashlib.sha256(fingerprint.encode()).hexdigest()
        self._made = partial(
            type(self),
            make,
            name=name,
            title=title,
            fingerprint=fingerprint,
            verbs=verbs,
            seconds=seconds,
            longest=longest,
        )
        self._longest = longest
        self._runner = _Runner(make, seconds, name)
        self._opening: ReplayedState | None = None
        self._steps: LRUCache[tuple[tuple[str, ...], str], ReplayedState] = LRUCache(_REMEMBERED)
        self._walkthrough: tuple[str, ...] | None = None

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, here or in another process, is made as this one was, with a simulator of its own."""
        return self._made, ()

    def initial(self, seed: int) -> ReplayedState:
        """The start. The simulator is deterministic: the seed makes no difference."""
        if self._opening is None:
            try:
                said, prospect = self._runner.go((), "")
            except _UnansweredError as error:
                raise WorldError(f"it cannot be started: {error}", where=self.name) from error
            self._opening = ReplayedState(way=(), turn=0, text=_clean(said), prospect=prospect, said=_digest(said))
        return self._opening

    def to_move(self, state: ReplayedState) -> str | None:
        return None if state.done else SEAT

    def observe(self, state: ReplayedState, seat: str) -> Observation:
        now = state.prospect
        return Observation(
            seat=seat,
            turn=state.turn,
            text=state.text,
            description=now.description,
            inventory=now.inventory,
            goal=now.goal,
            score=now.score,
            max_score=now.max_score,
            admissible=() if state.done else now.admissible,
            done=state.done,
            won=now.won,
        )

    def step(self, state: ReplayedState, seat: str, command: str) -> Step[ReplayedState]:
        """Play one command. One that the simulator dies of changes nothing and says so."""
        if state.done:
            return Step(state=state, terminated=not state.cut, truncated=state.cut)
        line = clean_line(command[: 8 * MAX_COMMAND], MAX_COMMAND)
        after = self._steps.get((state.way, line))
        if after is None:
            try:
                said, prospect = self._runner.go(state.way, state.said, line)
            except _UnansweredError as error:
                return Step(state=replace(state, turn=state.turn + 1, text=f"{error} Nothing has changed."))
            way = (*state.way, line)
            cut = len(way) >= self._longest and not prospect.done
            after = ReplayedState(
                way=way, turn=0, text=_clean(said), prospect=prospect, said=_digest(said), cut=cut
            )
            self._steps[state.way, line] = after
        after = replace(after, turn=state.turn + 1)
        reward = after.prospect.score - state.prospect.score
        return Step(
            state=after,
            rewards={seat: reward} if reward else {},
            terminated=after.prospect.done,
            truncated=after.cut,
        )

    def walkthrough(self) -> tuple[str, ...]:
        """Commands that win from the start; empty where the simulator knows none, or fails to tell."""
        if self._walkthrough is None:
            self._walkthrough = tuple(clean_line(each, MAX_COMMAND) for each in self._runner.walkthrough())
        return self._walkthrough

    def dump(self, state: ReplayedState) -> bytes:
        now = state.prospect
        return seal(
            _StoredWay(
                world=self.fingerprint,
                machine=encode(json.dumps(state.way).encode()),
                turn=state.turn,
                text=state.text,
                description=now.description,
                inventory=now.inventory,
                score=now.score,
                max_score=now.max_score,
                done=now.done,
                won=now.won,
                goal=now.goal,
                admissible=None if now.admissible is None else list(now.admissible),
                said=state.said,
                cut=state.cut,
            )
        )

    def load(self, data: bytes) -> ReplayedState:
        stored = unseal(data, _StoredWay, self.fingerprint, self.name)
        try:
            way = json.loads(decode(stored.machine))
        except ValueError:
            way = None
        if not isinstance(way, list) or len(way) > self._longest or not all(_is_line(each) for each in way):
            raise SaveError(f"a stored state of {self.name} holds no commands", hint="go back to an earlier turn")
        prospect = Prospect(
            description=stored.description,
            inventory=stored.inventory,
            goal=stored.goal,
            score=stored.score,
            max_score=stored.max_score,
            admissible=None if stored.admissible is None else tuple(stored.admissible),
            done=stored.done,
            won=stored.won,
        )
        return ReplayedState(
            way=tuple(way), turn=stored.turn, text=stored.text, prospect=prospect, said=stored.said, cut=stored.cut
        )

    def close(self) -> None:
        self._runner.close()


@dataclass(slots=True)
class _Place:
    """A running simulator and where it stands."""

    simulator: Simulator
    owner: int
    """The process that started it: one that was forked from it leaves it alone."""
    way: tuple[str, ...] | None = None
    """None where it is nowhere in particular."""
    frozen: bool = False


class _Runner:
    """One simulator, brought to wherever a command is to be given. Safe to share between threads."""

    def __init__(self, make: Callable[[], Simulator], seconds: float, name: str) -> None:
        self._make = make
        self._name = name
        self._seconds = seconds
        self._place: _Place | None = None
        self._closed = False
        self._lock = threading.RLock()
        self._failures: LRUCache[tuple[tuple[str, ...], str | None], str] = LRUCache(_REMEMBERED)
        self._finalizer: weakref.finalize[[], _Runner] | None = None

    def go(self, way: tuple[str, ...], said: str, command: str | None = None) -> tuple[str, Prospect]:
        """Give a command behind a way, or come to the end of the way; the reply, and how it stands.

        Raises `_UnansweredError` where the simulator froze or crashed, as it will each time, and `WorldError`
        where it did not come back.
        """
        with self._lock:
            if (way, command) in self._failures:
                raise _UnansweredError(self._failures[way, command])
            try:
                try:
                    return self._attempt(way, said, command)
                except _EndedError:  # perhaps not of the command: it may have been killed from outside
                    return self._attempt(way, said, command)
            except _UnansweredError as error:
                self._failures[way, command] = str(error)
                raise

    def walkthrough(self) -> tuple[str, ...]:
        with self._lock:
            place = self._running()
            place.way = None
            try:
                return self._watched(place, 10, place.simulator.walkthrough)
            except Exception:
                self._stop()
                return ()

    def close(self) -> None:
        with self._lock:
            self._closed = True
            self._stop()

    def _attempt(self, way: tuple[str, ...], said: str, command: str | None) -> tuple[str, Prospect]:
        place = self._running()
        try:
            return self._went(place, way, said, command)
        except WorldError:
            raise
        except Exception as error:
            self._stop()
            if place.frozen:
                raise _UnansweredError("The simulator froze over that.") from error
            raise _EndedError("The simulator stopped over that.") from error

    def _went(self, place: _Place, way: tuple[str, ...], said: str, command: str | None) -> tuple[str, Prospect]:
        last = ""
        if place.way != way or command is None:
            place.way = None
            last = self._watched(place, 10, lambda: _replayed(place.simulator, way))
            if said and _digest(last) != said:
                raise WorldError(
                    f"the simulator said something else on the same {len(way)} commands", where=self._name
                )
        place.way = None
        if command is not None:
            last = self._watched(place, 1, lambda: place.simulator.give(command))
            way = (*way, command)
        prospect = _clean_prospect(self._watched(place, 1, place.simulator.prospect))
        place.way = way
        return last, prospect

    def _watched(self, place: _Place, times: int, call: Callable[[], T]) -> T:
        """The outcome of a call, which ends with the simulator where it takes too long."""

        def late() -> None:
            place.frozen = True
            place.simulator.kill()

        watch = threading.Timer(self._seconds * times, late)
        watch.daemon = True
        watch.start()
        try:
            return call()
        finally:
            watch.cancel()

    def _running(self) -> _Place:
        if self._closed:
            raise _UnansweredError("The world has been closed.")
        if self._place is None or self._place.owner != os.getpid():
            simulator = self._make()
            self._place = _Place(simulator, os.getpid())
            if self._finalizer is not None:
                self._finalizer.detach()
            self._finalizer = weakref.finalize(self, simulator.kill)
        return self._place

    def _stop(self) -> None:
        place, self._place = self._place, None
        if place is not None and place.owner == os.getpid():
            with suppress(Exception):
                place.simulator.kill()


def _replayed(simulator: Simulator, way: tuple[str, ...]) -> str:
    """Have it go a way from the start; what it said last."""
    said = simulator.begin()
    for command in way:
        said = simulator.give(command)
    return said


def _clean_prospect(prospect: Prospect) -> Prospect:
    """The same, safe to show, to store and to put into a prompt; listed commands sorted, each once."""
    listed = prospect.admissible
    if listed is not None:
        lines = {clean_line(each, MAX_COMMAND) for each in listed} - {""}
        listed = () if prospect.done else tuple(sorted(lines))[:_MAX_LISTED]
    return replace(
        prospect,
        description=_clean(prospect.description),
        inventory=_clean(prospect.inventory),
        goal=_clean(prospect.goal),
        admissible=listed,
    )


def _clean(text: str) -> str:
    return clean(text)[:_MAX_TEXT].strip()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="replace")).hexdigest()[:16]


def _is_line(command: object) -> bool:
    return isinstance(command, str) and clean_line(command, MAX_COMMAND) == command
