"""A world with one seat as a Gymnasium environment."""

from __future__ import annotations

import sys
from typing import Any, ClassVar

import gymnasium
from gymnasium.error import ResetNeeded

from sandbox.envs.views import SpaceView, ViewName, make_view
from sandbox.errors import UsageError
from sandbox.types import Observation, World
from sandbox.world.registry import WorldLike, opened

SEEDS = 2**31
"""Episodes that are reset without a seed draw theirs below this."""


def only_seat(world: World[Any]) -> str:
    """The seat of a world for one. Raises `UsageError` where there are more."""
    if len(world.seats) != 1:
        raise UsageError(
            f"{world.name} has {len(world.seats)} seats",
            hint="use sandbox.envs.WorldParallelEnv or WorldAECEnv, made for several",
        )
    return world.seats[0]


class WorldEnv(gymnasium.Env[Any, Any]):
    """Any world with one seat, TextWorld games and stories too.

    Args:
        world: a world, a reference to one, or a function that makes one.
        view: `text`, `encoded` (bytes, and numbers of admissible commands), or a view of your own.
        render_mode: `ansi` returns the latest exchange as text, `human` prints it.
        max_turns: commands after which an episode is truncated; the world's own limit where it is None.
    """

    metadata: ClassVar[dict[str, Any]] = {"render_modes": ["ansi", "human"], "render_fps": 4}  # type: ignore[misc]

    def __init__(
        self,
        world: WorldLike,
        *,
        view: ViewName | SpaceView = "text",
        render_mode: str | None = None,
        max_turns: int | None = None,
    ) -> None:
        self.world, self._owned = opened(world)
        self.seat = only_seat(self.world)
        self.view = make_view(view)
        self.observation_space = self.view.observation_space()
        self.action_space = self.view.action_space()
        self.render_mode = render_mode
        self.max_turns = max_turns
        self._state: Any = None
        self._seen: Observation | None = None
        self._command = ""
        self._turns = 0

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode: the one of that seed, or the next in the sequence of the latest seed."""
        super().reset(seed=seed)
        episode = seed if seed is not None else int(self.np_random.integers(SEEDS))
        self._state = self.world.initial(episode)
        self._command, self._turns = "", 0
        seen = self._look()
        return self.view.show(seen), self.view.info(seen)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Carry out a command. One that the world does not understand is answered in the text."""
        if self._seen is None or self._seen.done:
            raise ResetNeeded("the episode is over: call reset() first")
        self._command = self.view.command(action, self._seen)
        step = self.world.step(self._state, self.seat, self._command)
        self._state = step.state
        self._turns += 1
        seen = self._look()
        truncated = step.truncated or (self._turns == self.max_turns and not step.terminated)
        reward = float(step.rewards.get(self.seat, 0.0))
        return self.view.show(seen), reward, step.terminated, truncated, self.view.info(seen)

    def render(self) -> str | None:
        """The latest exchange, as the render mode asks for it."""
        if self._seen is None or self.render_mode is None:
            return None
        exchange = f"> {self._command}\n\n{self._seen.text}\n" if self._command else f"{self._seen.text}\n"
        if self.render_mode == "ansi":
            return exchange
        sys.stdout.write(exchange)
        return None

    def close(self) -> None:
        if self._owned:
            self.world.close()
            self._owned = False

    def _look(self) -> Observation:
        self._seen = self.world.observe(self._state, self.seat)
        if self.render_mode == "human":
            self.render()
        return self._seen
