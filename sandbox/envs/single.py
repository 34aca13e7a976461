"""A world with one seat as a Gymnasium environment."""

from __future__ import annotations

import copy
import json
import sys
from typing import Any, ClassVar, Literal

import gymnasium
import numpy as np
import numpy.typing as npt
from gymnasium import spaces
from gymnasium.error import ClosedEnvironmentError, ResetNeeded
from pydantic import BaseModel, ConfigDict

from sandbox.envs.views import MAX_COMMANDS, SpaceView, ViewName, make_view, mask, with_list
from sandbox.errors import SaveError, UsageError
from sandbox.ranges import in_range
from sandbox.types import Observation, World
from sandbox.world.registry import WorldLike, opened

CLOSED = "the environment has been closed: make a new one"
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


class Lease:
    """A world that several environments use, closed with the last of them where it was made for the first.

    Args:
        world: the world.
        owned: whether it is to be closed at all.
    """

    def __init__(self, world: World[Any], owned: bool) -> None:
        self.world = world
        self._owned = owned
        self._users = 1

    def share(self) -> None:
        """One more uses it."""
        self._users += 1

    def end(self) -> None:
        """One less uses it."""
        self._users -= 1
        if not self._users and self._owned:
            self.world.close()


class _EpisodeHead(BaseModel):
    """What an environment knows of its episode besides the world's own state."""

    model_config = ConfigDict(extra="forbid")

    version: Literal[1]
    turns: int
    command: str
    generator: dict[str, Any]


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
        if max_turns is not None:
            in_range("max_turns", max_turns, 1)
        self._source = world
        self._lease = Lease(*opened(world))
        self.world = self._lease.world
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
        self._closed = False

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode: the one of that seed, or the next in the sequence of the latest seed."""
        self._check_open()
        super().reset(seed=seed)
        episode = seed if seed is not None else int(self.np_random.integers(SEEDS))
        self._state = self.world.initial(episode)
        self._command, self._turns = "", 0
        seen = self._look()
        return self.view.show(seen), self.view.info(seen)

    def step(self, action: Any) -> tuple[Any, float, bool, bool, dict[str, Any]]:
        """Carry out a command. One that the world does not understand is answered in the text."""
        self._check_open()
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

    def action_masks(self) -> npt.NDArray[np.bool_]:
        """Which actions stand for a command now, as sb3-contrib's `MaskablePPO` asks for it. For `encoded`."""
        size = self.action_space.n if isinstance(self.action_space, spaces.Discrete) else MAX_COMMANDS
        return mask(self._seen.admissible if self._seen else (), int(size)).astype(np.bool_)

    def get_state(self) -> bytes:
        """All of the episode as it stands, its generator included; `set_state` goes back to it, in any process."""
        self._check_open()
        if self._seen is None:
            raise ResetNeeded("there is no episode yet: call reset() first")
        head = {
            "version": 1,
            "turns": self._turns,
            "command": self._command,
            "generator": self.np_random.bit_generator.state,
        }
        return json.dumps(head).encode() + b"\n" + self.world.dump(self._state)

    def set_state(self, state: bytes) -> tuple[Any, dict[str, Any]]:
        """Go back to a state of `get_state`, and show it as `reset` would. Raises `SaveError` where it is none."""
        self._check_open()
        line, _, dumped = state.partition(b"\n")
        try:
            head = _EpisodeHead.model_validate_json(line)
            generator = np.random.default_rng()
            generator.bit_generator.state = head.generator
        except (ValueError, KeyError, TypeError, OverflowError) as error:
            raise SaveError("this is no state of an environment", hint="give what get_state() gave") from error
        self._state = self.world.load(dumped)
        self._turns, self._command, self.np_random = head.turns, head.command, generator
        seen = self._look()
        return self.view.show(seen), self.view.info(seen)

    def __deepcopy__(self, memo: dict[int, Any]) -> WorldEnv:
        """A copy that goes on by itself from the same moment. Worlds are pure, so both use one."""
        twin = type(self).__new__(type(self))
        memo[id(self)] = twin
        vars(twin).update(vars(self))
        twin._np_random = copy.deepcopy(self._np_random, memo)
        twin.spec = copy.deepcopy(self.spec, memo)
        self._lease.share()
        return twin

    def __getstate__(self) -> dict[str, Any]:
        """For pickle: how it was made, and the state of its episode."""
        made = {"world": self._source, "view": self.view, "render_mode": None, "max_turns": self.max_turns}
        running = None if self._closed or self._seen is None else self.get_state()
        return {
            "made": made,
            "running": running,
            "closed": self._closed,
            "mode": self.render_mode,
            "spec": self.spec,
        }

    def __setstate__(self, stored: dict[str, Any]) -> None:
        WorldEnv.__init__(self, **stored["made"])
        if stored["running"] is not None:
            self.set_state(stored["running"])
        self.render_mode, self.spec = stored["mode"], stored["spec"]
        if stored["closed"]:
            self.close()

    def close(self) -> None:
        if not self._closed:
            self._closed = True
            self._lease.end()

    def _check_open(self) -> None:
        if self._closed:
            raise ClosedEnvironmentError(CLOSED)

    def _look(self) -> Observation:
        self._seen = with_list(self.world.observe(self._state, self.seat), self.view, self.world.verbs)
        if self.render_mode == "human":
            self.render()
        return self._seen
