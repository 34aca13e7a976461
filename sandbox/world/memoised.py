"""A world made fast for training: states from which the same can happen are one, and each step is taken once."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, replace
from typing import Any

from sandbox.abilities import Enumerable
from sandbox.types import Observation, Step


@dataclass(frozen=True, slots=True)
class MemoisedState:
    """A state of the world below that stands for all with the same key, and the points scored on the way here."""

    key: Hashable
    points: tuple[float, ...]


class MemoisedWorld:
    """What a learner needs of a deterministic world: `initial`, `to_move`, `observe` and `step`, from memory.

    The text of an observation is that of the first time the state was reached; description, inventory, admissible
    commands and points are exact. Has no limit of its own on rounds, and neither may the world below.
    """

    def __init__(self, world: Enumerable[Any]) -> None:
        self.below = world
        self.name, self.title, self.seats = world.name, world.title, world.seats
        self.fingerprint, self.verbs = world.fingerprint, world.verbs
        self._states: dict[Hashable, Any] = {}
        self._seen: dict[tuple[Hashable, str], Observation] = {}
        self._steps: dict[tuple[Hashable, str, str], tuple[Hashable, tuple[float, ...], bool]] = {}

    def initial(self, seed: int) -> MemoisedState:
        return MemoisedState(self._meet(self.below.initial(seed)), (0.0,) * len(self.seats))

    def to_move(self, state: MemoisedState) -> str | None:
        return self.below.to_move(self._states[state.key])

    def observe(self, state: MemoisedState, seat: str) -> Observation:
        seen = self._seen.get((state.key, seat))
        if seen is None:
            seen = self._seen[state.key, seat] = self.below.observe(self._states[state.key], seat)
        return replace(seen, score=state.points[self.seats.index(seat)])

    def step(self, state: MemoisedState, seat: str, command: str) -> Step[MemoisedState]:
        known = self._steps.get((state.key, seat, command))
        if known is None:
            step = self.below.step(self._states[state.key], seat, command)
            rewards = tuple(step.rewards.get(each, 0.0) for each in self.seats)
            known = self._steps[state.key, seat, command] = (self._meet(step.state), rewards, step.terminated)
        key, rewards, terminated = known
        points = tuple(a + b for a, b in zip(state.points, rewards, strict=True))
        given = dict(zip(self.seats, rewards, strict=True))
        return Step(state=MemoisedState(key, points), rewards=given, terminated=terminated)

    def dump(self, state: MemoisedState) -> bytes:
        return self.below.dump(self._states[state.key])

    def load(self, data: bytes) -> MemoisedState:
        state = self.below.load(data)
        return MemoisedState(
            self._meet(state), tuple(self.below.observe(state, seat).score for seat in self.seats)
        )

    def close(self) -> None:
        self.below.close()

    def _meet(self, state: Any) -> Hashable:
        key = self.below.solver_key(state)
        self._states.setdefault(key, state)
        return key
