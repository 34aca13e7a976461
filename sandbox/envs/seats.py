"""What the two PettingZoo environments share: one episode of a world, shown to all its seats."""

from __future__ import annotations

import sys
from typing import Any

import numpy as np
from gymnasium import spaces
from gymnasium.error import ClosedEnvironmentError

from sandbox.envs.single import CLOSED, SEEDS
from sandbox.envs.views import SpaceView, ViewName, make_view, with_list
from sandbox.ranges import in_range
from sandbox.types import Observation
from sandbox.world.registry import WorldLike, opened

METADATA: dict[str, Any] = {"name": "sandbox_world_v0", "render_modes": ["ansi", "human"], "render_fps": 4}


class Seats:
    """The running episode, and each seat's view of it.

    Args:
        world: a world, a reference to one, or a function that makes one.
        view: how observations and actions look.
        max_turns: commands of all seats together after which the episode is truncated.
    """

    def __init__(self, world: WorldLike, view: ViewName | SpaceView, max_turns: int | None) -> None:
        if max_turns is not None:
            in_range("max_turns", max_turns, 1)
        self.world, self._owned = opened(world)
        self.view = make_view(view)
        self.max_turns = max_turns
        self.observation_spaces: dict[str, spaces.Space[Any]] = {
            seat: self.view.observation_space() for seat in self.world.seats
        }
        self.action_spaces: dict[str, spaces.Space[Any]] = {
            seat: self.view.action_space() for seat in self.world.seats
        }
        self.seen: dict[str, Observation] = {}
        self.terminated = False
        self.truncated = False
        self._generator = np.random.default_rng()
        self._state: Any = None
        self._turns = 0
        self._said: list[str] = []
        self._closed = False

    def begin(self, seed: int | None) -> None:
        """Start the episode of this seed, or the next in the sequence of the latest seed."""
        self._check_open()
        if seed is not None:
            self._generator = np.random.default_rng(seed)
        self._state = self.world.initial(int(self._generator.integers(SEEDS)) if seed is None else seed)
        self.terminated = self.truncated = False
        self._turns = 0
        self._said = []
        self.look()

    def look(self) -> None:
        """Observe the state anew for every seat."""
        self.seen = {
            seat: with_list(self.world.observe(self._state, seat), self.view, self.world.verbs)
            for seat in self.world.seats
        }

    def to_move(self) -> str | None:
        return None if self.terminated or self.truncated else self.world.to_move(self._state)

    def act(self, seat: str, action: Any) -> dict[str, float]:
        """Carry out an action that was chosen on what was last seen; the rewards of all seats."""
        self._check_open()
        command = self.view.command(action, self.seen[seat])
        step = self.world.step(self._state, seat, command)
        self._state = step.state
        self._turns += 1
        self._said.append(f"{seat}> {command}")
        self.terminated = step.terminated
        self.truncated = step.truncated or (self._turns == self.max_turns and not step.terminated)
        return {each: float(reward) for each, reward in step.rewards.items()}

    def ended(self, seat: str) -> tuple[bool, bool]:
        """Whether the episode is terminated for a seat, and whether it is truncated."""
        terminated = self.terminated or (self.seen[seat].done and not self.truncated)
        return terminated, self.truncated and not terminated

    def render(self, mode: str | None) -> str | None:
        """What was said since the last time, and what each seat sees now."""
        if mode is None:
            return None
        lines = [*self._said, *(f"[{seat}] {seen.text}" for seat, seen in self.seen.items())]
        self._said = []
        text = "\n".join(lines) + "\n"
        if mode == "ansi":
            return text
        sys.stdout.write(text)
        return None

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedEnvironmentError(CLOSED)

    def close(self) -> None:
        self._closed = True
        if self._owned:
            self.world.close()
            self._owned = False


class SeatsEnv:
    """A base of both environments, before PettingZoo's own."""

    def __init__(
        self,
        world: WorldLike,
        *,
        view: ViewName | SpaceView = "text",
        render_mode: str | None = None,
        max_turns: int | None = None,
    ) -> None:
        super().__init__()
        self._seats = Seats(world, view, max_turns)
        self.possible_agents = list(self._seats.world.seats)
        self.agents: list[str] = []
        self.render_mode = render_mode

    def observation_space(self, agent: str) -> spaces.Space[Any]:
        return self._seats.observation_spaces[agent]

    def action_space(self, agent: str) -> spaces.Space[Any]:
        return self._seats.action_spaces[agent]

    def render(self) -> str | None:
        return self._seats.render(self.render_mode)

    def close(self) -> None:
        self._seats.close()
