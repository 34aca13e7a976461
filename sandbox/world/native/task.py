"""Text tasks behind the protocol of worlds: one turn, a free answer, a reward."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path

from sandbox.errors import SandboxError, SaveError
from sandbox.text import clean
from sandbox.types import Observation, Step
from sandbox.world.native.languages import language
from sandbox.world.native.loader import Source
from sandbox.world.native.prose import Template
from sandbox.world.native.schema import Task
from sandbox.world.native.schema.tasks import measure_key
from sandbox.world.native.task_measures import MAX_ANSWER, Item, reward, worth


@dataclass(frozen=True, slots=True)
class TaskState:
    """A moment of a text task: before an answer, or after the last."""

    item: int
    """Number of the item among the task's data."""
    answers: tuple[str, ...] = ()
    score: float = 0.0
    text: str = ""
    """What the seat was told about its latest answer."""

    @property
    def answer(self) -> str | None:
        """The latest answer."""
        return self.answers[-1] if self.answers else None


class TaskWorld:
    """A world of one turn, or a few, whose commands are texts of any length up to `MAX_ANSWER` characters."""

    def __init__(self, source: Source, name: str = "") -> None:
        if not isinstance(source.definition, Task):
            raise TypeError("not a text task")
        self.source = source
        self.definition: Task = source.definition
        self._name = name or Path(source.file).parent.name or source.file
        self._messages = language(self.definition.language).messages
        self._list = language(self.definition.language).grammar.listing
        self._prompts = (self.definition.prompt, *(further.prompt for further in self.definition.then))

    @property
    def name(self) -> str:
        """The reference that leads back to this world."""
        return self._name

    @property
    def title(self) -> str:
        """What a person calls it."""
        return self.definition.title

    @property
    def seats(self) -> tuple[str, ...]:
        """The only seat."""
        return (self.definition.seat,)

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the world file."""
        return self.source.fingerprint

    @property
    def file(self) -> Path:
        """The world file."""
        return Path(self.source.file)

    @property
    def verbs(self) -> tuple[str, ...]:
        """There are none: any text is an answer."""
        return ()

    def initial(self, seed: int) -> TaskState:
        """The task with the item that the seed chooses: seed modulo their count."""
        return TaskState(seed % len(self.definition.items))

    def initials(self) -> tuple[tuple[float, TaskState], ...]:
        """One state an item, all equally likely."""
        count = len(self.definition.items)
        return tuple((1 / count, TaskState(number)) for number in range(count))

    def to_move(self, state: TaskState) -> str | None:
        """The seat, until it has answered all there is to answer."""
        return None if self._is_over(state) else self.definition.seat

    def observe(self, state: TaskState, seat: str) -> Observation:
        """The prompt, after an answer with what that was worth; at the end that alone."""
        self._check(seat)
        task = self.definition
        done = self._is_over(state)
        prompt = self._fill(self._prompts[min(len(state.answers), len(self._prompts) - 1)], state)
        return Observation(
            seat=seat,
            turn=len(state.answers),
            text=state.text if done else "\n\n".join(text for text in (state.text, prompt) if text),
            description=prompt,
            goal=self._fill(task.goal, state),
            score=state.score,
            max_score=task.points,
            done=done,
            won=done and state.score >= task.win_at * task.points - 1e-9,
        )

    def step(self, state: TaskState, seat: str, command: str) -> Step[TaskState]:
        """Rate the answer. One after the last is passed over."""
        self._check(seat)
        if self._is_over(state):
            return Step(state=replace(state, text=self._messages["over"]), terminated=True)
        answer = clean(command)[:MAX_ANSWER]
        turn = len(state.answers)
        score, shares = reward(self.definition, self.item(state), answer, turn)
        measures = [
            self._messages["task_measure"]
            .replace("{measure}", self._messages[f"task_{measure_key(rule)}"])
            .replace("{share}", f"{100 * share:.0f}")
            for rule, share in shares
        ]
        text = (
            self._messages["task_result"]
            .replace("{score}", f"{score:.3g}")
            .replace("{max}", f"{worth(self.definition, turn):.4g}")
            .replace("{list}", self._list(measures))
        )
        after = TaskState(state.item, (*state.answers, answer), state.score + score, text)
        return Step(state=after, rewards={seat: score} if score else {}, terminated=self._is_over(after))

    def outcomes(self, state: TaskState, seat: str, command: str) -> tuple[tuple[float, Step[TaskState]], ...]:
        """The one thing that can happen."""
        return ((1.0, self.step(state, seat, command)),)

    def solver_key(self, state: TaskState) -> TaskState:
        """The state: there is nothing in it but what matters."""
        return state

    def item(self, state: TaskState) -> Item:
        """The data of the episode."""
        return self.definition.items[state.item]

    def dump(self, state: TaskState) -> bytes:
        """The state as JSON."""
        return json.dumps([state.item, state.answers, state.score, state.text], ensure_ascii=False).encode()

    def load(self, data: bytes) -> TaskState:
        """Raises `SaveError` where the bytes are not a state of this task."""
        try:
            item, answers, score, text = json.loads(data.decode())
            if not isinstance(answers, list):  # earlier saves have one answer, or none
                answers = [] if answers is None else [answers]
            known = type(item) is int and 0 <= item < len(self.definition.items) and isinstance(text, str)
            known &= len(answers) <= len(self._prompts) and {*map(type, answers)} <= {str}
            if not known or not isinstance(score, (int, float)):
                raise ValueError("another kind of data")
        except (ValueError, TypeError, RecursionError) as error:
            raise SaveError(f"not a state of the task {self._name!r}", hint="the save is damaged") from error
        return TaskState(item, tuple(answers), float(score), text)

    def close(self) -> None:
        """Nothing is held open."""

    def _is_over(self, state: TaskState) -> bool:
        return len(state.answers) >= len(self._prompts)

    def _fill(self, text: str, state: TaskState) -> str:
        item = {"answer": state.answer or "", **self.item(state)}
        parts: list[str] = []
        for part in Template(text).parts:
            value = part if isinstance(part, str) else item[part[1]]
            parts.append(value if isinstance(value, str) else self._list(value))
        return "".join(parts)

    def _check(self, seat: str) -> None:
        if seat != self.definition.seat:
            raise SandboxError(f"{self.title!r} has no seat {seat!r}", hint=f"its seat: {self.definition.seat}")
