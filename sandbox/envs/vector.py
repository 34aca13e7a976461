"""Many episodes of one world at once. Worlds are pure, so that one object serves them all."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from gymnasium.error import ClosedEnvironmentError
from gymnasium.vector import AutoresetMode, VectorEnv
from gymnasium.vector.utils import batch_space, concatenate, create_empty_array, iterate

from sandbox.envs.single import CLOSED, SEEDS, only_seat
from sandbox.envs.views import SpaceView, ViewName, make_view, with_list
from sandbox.ranges import in_range
from sandbox.types import Observation
from sandbox.world.registry import WorldLike, opened

Flags = npt.NDArray[np.bool_]


class WorldVectorEnv(VectorEnv[Any, Any, Any]):
    """The vector of `WorldEnv`: same world, same view, `num_envs` episodes side by side.

    An episode that ended begins anew at the next step, whatever its action (Gymnasium's next-step autoreset).
    A seed n gives the episodes the seeds n, n + 1, ..., as `gymnasium.vector.SyncVectorEnv` does.

    Args:
        world: a world, a reference to one, or a function that makes one.
        num_envs: how many episodes.
        view: `text`, `encoded`, or a view of your own.
        max_turns: commands after which an episode is truncated; the world's own limit where it is None.
        render_mode: none is supported.
    """

    def __init__(
        self,
        world: WorldLike,
        num_envs: int = 1,
        *,
        view: ViewName | SpaceView = "text",
        max_turns: int | None = None,
        render_mode: None = None,
    ) -> None:
        if max_turns is not None:
            in_range("max_turns", max_turns, 1)
        self.world, self._owned = opened(world)
        self.seat = only_seat(self.world)
        self.view = make_view(view)
        self.num_envs = num_envs
        self.max_turns = max_turns
        self.metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}
        self.single_observation_space = self.view.observation_space()
        self.single_action_space = self.view.action_space()
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)
        self._generators = [np.random.default_rng() for _ in range(num_envs)]
        self._states: list[Any] = [None] * num_envs
        self._seen: list[Observation] = []
        self._turns = [0] * num_envs
        self._over: Flags = np.zeros(num_envs, dtype=np.bool_)

    def reset(
        self, *, seed: int | list[int | None] | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin all episodes."""
        if self.closed:
            raise ClosedEnvironmentError(CLOSED)
        seeds = (
            [seed + i for i in range(self.num_envs)] if isinstance(seed, int) else seed or [None] * self.num_envs
        )
        if len(seeds) != self.num_envs:
            raise ValueError(f"{len(seeds)} seeds for {self.num_envs} episodes")
        for i, each in enumerate(seeds):
            if each is not None:
                self._generators[i] = np.random.default_rng(each)
            self._begin(i, each)
        self._over[:] = False
        self._seen = [self._look(state) for state in self._states]
        return self._show(), self._info()

    def step(self, actions: Any) -> tuple[Any, npt.NDArray[np.float64], Flags, Flags, dict[str, Any]]:
        if self.closed:
            raise ClosedEnvironmentError(CLOSED)
        rewards = np.zeros(self.num_envs, dtype=np.float64)
        terminations: Flags = np.zeros(self.num_envs, dtype=np.bool_)
        truncations: Flags = np.zeros(self.num_envs, dtype=np.bool_)
        for i, action in enumerate(iterate(self.action_space, actions)):
            if self._over[i]:
                self._begin(i, None)
            else:
                step = self.world.step(self._states[i], self.seat, self.view.command(action, self._seen[i]))
                self._states[i] = step.state
                self._turns[i] += 1
                rewards[i] = step.rewards.get(self.seat, 0.0)
                terminations[i] = step.terminated
                truncations[i] = step.truncated or (self._turns[i] == self.max_turns and not step.terminated)
            self._seen[i] = self._look(self._states[i])
        self._over = terminations | truncations
        return self._show(), rewards, terminations, truncations, self._info()

    def close_extras(self, **kwargs: Any) -> None:
        if self._owned:
            self.world.close()

    def _look(self, state: Any) -> Observation:
        return with_list(self.world.observe(state, self.seat), self.view, self.world.verbs)

    def _begin(self, i: int, seed: int | None) -> None:
        self._states[i] = self.world.initial(int(self._generators[i].integers(SEEDS)) if seed is None else seed)
        self._turns[i] = 0

    def _show(self) -> Any:
        space = self.single_observation_space
        batch: Any = create_empty_array(space, self.num_envs)
        return concatenate(space, [self.view.show(seen) for seen in self._seen], batch)

    def _info(self) -> dict[str, Any]:
        infos: dict[str, Any] = {}
        for i, seen in enumerate(self._seen):
            infos = self._add_info(infos, self.view.info(seen), i)
        return infos
