"""Steps that were taken before, kept: worlds are pure, and random play gives most commands again and again.

What a listed command leads to depends on the core of a state and on which rooms the seat has seen how, and on
nothing else unless chance is asked; the rest of a seat's memory follows from the command. So moments that agree in
that are one *scene*. A scene keeps what it looks like and what its commands led to. Only for worlds with one seat.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from sandbox.types import Observation, Step
from sandbox.world.native.state import Core, Pages, ParsedCommand, SeatMemory, State

MAX_ROOMS_RECALLED = 100
"""Larger worlds keep nothing: there one seldom comes to the same scene again."""
MAX_SCENES = 10_000
"""Scenes that are kept; then all are forgotten."""

_Key = tuple[Core, Pages[tuple[int, ...] | None], tuple[tuple[int, str], ...], tuple[int, ...]]


class RecalledStep(NamedTuple):
    """What a command led to."""

    to: RecalledState
    command: ParsedCommand
    heard: str
    rounds: int
    rewards: Mapping[str, float]
    terminated: bool


class RecalledState:
    """One moment, without what makes no difference to how it goes on."""

    __slots__ = ("core", "edges", "left", "owner", "rooms", "seen", "shown")

    def __init__(self, owner: TransitionMemory, key: _Key) -> None:
        self.owner = owner
        self.core, self.rooms, self.left, self.shown = key
        self.seen: Observation | None = None
        self.edges: dict[str, RecalledStep] = {}


class TransitionMemory:
    """The scenes of a world.

    Args:
        observe: what the seat perceives in a state, made out anew.
        take: carries out a line, for the first time.
        known: listed commands by their text.
        remember: a seat's memory after a command, as far as it follows from that.
        limit: rounds after which an episode is cut off, if it is.
    """

    def __init__(
        self,
        observe: Callable[[State], Observation],
        take: Callable[[State, str], Step[State]],
        known: Mapping[str, ParsedCommand],
        remember: Callable[[SeatMemory, ParsedCommand], SeatMemory],
        limit: int | None,
    ) -> None:
        self._observe, self._take, self._known, self._remember = observe, take, known, remember
        self._limit = limit
        self._scenes: dict[_Key, RecalledState] = {}

    def scene(self, state: State) -> RecalledState:
        """The scene of a state."""
        found = state.scene
        if isinstance(found, RecalledState) and found.owner is self:
            return found
        memory = state.memory[0]
        key = (state.core, memory.rooms, memory.left, memory.shown)
        scene = self._scenes.get(key)
        if scene is None:
            if len(self._scenes) >= MAX_SCENES:
                self._scenes.clear()
            scene = self._scenes[key] = RecalledState(self, key)
        object.__setattr__(state, "scene", scene)
        return scene

    def observe(self, state: State) -> Observation:
        """What the seat perceives."""
        scene = self.scene(state)
        if scene.seen is None:
            scene.seen = self._observe(state)
        seen, memory = scene.seen, state.memory[0]
        return Observation(
            seat=seen.seat,
            turn=memory.turns,
            text=memory.heard,
            description=seen.description,
            inventory=seen.inventory,
            goal=seen.goal,
            score=seen.score,
            max_score=seen.max_score,
            admissible=seen.admissible,
            done=seen.done,
            won=seen.won,
        )

    def step(self, state: State, line: str) -> Step[State]:
        """Carry out a line: from memory where it is a listed command that was given in this scene before."""
        scene = state.scene
        cut = self._limit is not None and state.round + 1 >= self._limit
        if cut or not isinstance(scene, RecalledState) or scene.owner is not self or scene.seen is None:
            return self._take(state, line)
        edge = scene.edges.get(line)
        if edge is None:
            return self._first(state, scene, scene.seen, line)
        before = self._remember(state.memory[0], edge.command)
        turns, to = before.turns + 1, edge.to
        memory = SeatMemory(
            turns,
            edge.heard,
            to.rooms,
            before.pronouns,
            None,
            None,
            line,
            to.left,
            before.group,
            before.hinted,
            to.shown,
        )
        after = State(to.core, (memory,), state.rng, state.round + edge.rounds, to)
        return Step(state=after, rewards=edge.rewards, terminated=edge.terminated)

    def _first(self, state: State, scene: RecalledState, seen: Observation, line: str) -> Step[State]:
        """Carry out a line, and keep what it leads to if that will always be the same."""
        step = self._take(state, line)
        after = step.state
        if after.rng == state.rng and line in (seen.admissible or ()) and line in self._known:
            scene.edges[line] = RecalledStep(
                self.scene(after),
                self._known[line],
                after.memory[0].heard,
                after.round - state.round,
                step.rewards,
                step.terminated,
            )
        return step
