"""What worlds over a story file share: the interpreter, and a turn that cannot fail.

`textworld` adds what a generated game's `.json` knows, `zmachine` what can be found out about any other story.
"""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Generic, TypeVar

from sandbox.types import Step
from sandbox.world import printed, story
from sandbox.world.interpreter import Interpreter, InterpreterError, InterpreterReply

SEAT = "player"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryState:
    """What is known of a moment of any story. `machine` is the interpreter's own snapshot."""

    machine: bytes
    turn: int
    text: str
    description: str
    inventory: str
    score: float
    done: bool = False
    won: bool = False


S = TypeVar("S", bound=StoryState)


class StoryWorld(Generic[S]):
    """A story for one seat, `player`. The reward is the change in score.

    Args:
        file: the story file.
        name: the reference that leads back to this world.
        title: what a person calls it.
        cpu_seconds: CPU time that a command may take before it counts as frozen.
    """

    seats: ClassVar[tuple[str, ...]] = (SEAT,)

    def __init__(self, file: Path, *, name: str, title: str = "", cpu_seconds: float = 3.0) -> None:
        self.name = name
        self.title = title or file.stem
        self._made: tuple[Path, dict[str, Any]] = (
            file,
            {"name": name, "title": title, "cpu_seconds": cpu_seconds},
        )
        self._interpreter = Interpreter(story.read(file), cpu_seconds=cpu_seconds)

    def __reduce__(self) -> tuple[Any, ...]:
        """A copy, here or in another process, is the same file opened again, with an interpreter of its own."""
        file, options = self._made
        return partial(type(self), file.absolute(), **options), ()

    def to_move(self, state: S) -> str | None:
        return None if state.done else SEAT

    def step(self, state: S, seat: str, command: str) -> Step[S]:
        """Play one command. What the interpreter refuses, or fails at, changes nothing and says so."""
        if state.done:
            return Step(state=state, terminated=True)
        line, answer = self._heard(state, command)
        if not answer:
            try:
                reply = self._interpreter.step(
                    state.machine, line, probes=self._probes, press=self._presses(state)
                )
            except InterpreterError as error:
                answer = f"{error} Nothing has changed."
        if answer:
            return Step(state=replace(state, turn=state.turn + 1, text=answer))
        after = self._after(state, reply)
        reward = after.score - state.score
        return Step(state=after, rewards={seat: reward} if reward else {}, terminated=after.done)

    def close(self) -> None:
        self._interpreter.close()

    def _heard(self, state: S, command: str) -> tuple[str, str]:
        """What is passed on to the story, and why it is not, empty where it is."""
        line = printed.one_command(command)
        return line, printed.refusal(line)

    def _presses(self, state: S) -> bool:
        """Whether the story reads a key here, not a line."""
        return False

    @property
    @abstractmethod
    def _probes(self) -> tuple[str, ...]:
        """Commands asked after each turn on a copy of the machine, so that they cost no turn."""

    @abstractmethod
    def _after(self, state: S, reply: InterpreterReply) -> S:
        """The state that a reply leads to."""
