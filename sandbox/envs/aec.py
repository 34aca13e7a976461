"""A world as a PettingZoo AEC environment (agent environment cycle): seats act one after the other."""

from __future__ import annotations

from typing import Any, ClassVar

from gymnasium import spaces
from pettingzoo import AECEnv

from sandbox.envs.seats import METADATA, Seats
from sandbox.envs.views import SpaceView, ViewName
from sandbox.world.registry import WorldLike


class WorldAECEnv(AECEnv):  # type: ignore[misc]
    """The seat to move is the world's own: `agent_selection`.

    Args:
        world: a world, a reference to one, or a function that makes one.
        view: `text`, `encoded`, or a view of your own.
        render_mode: `ansi` returns what was said as text, `human` prints it.
        max_turns: commands of all seats together after which the episode is truncated.
    """

    metadata: ClassVar[dict[str, Any]] = {**METADATA, "is_parallelizable": False}

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

    def observe(self, agent: str) -> Any:
        return self._seats.view.show(self._seats.seen[agent])

    def reset(self, seed: int | None = None, options: dict[str, Any] | None = None) -> None:
        """Begin an episode: the one of that seed, or the next in the sequence of the latest seed."""
        self._seats.begin(seed)
        self.agents = self.possible_agents[:]
        self.rewards = dict.fromkeys(self.agents, 0.0)
        self._cumulative_rewards = dict.fromkeys(self.agents, 0.0)
        self.terminations = dict.fromkeys(self.agents, False)
        self.truncations = dict.fromkeys(self.agents, False)
        self._skip_agent_selection = None
        self.agent_selection = self._seats.to_move() or self.agents[0]
        self._tell()

    def step(self, action: Any) -> None:
        """Carry out the action of the selected seat; a seat that has ended takes None, and leaves."""
        agent = self.agent_selection
        if self.terminations[agent] or self.truncations[agent]:
            self._was_dead_step(action)
            return
        self._cumulative_rewards[agent] = 0.0
        self._clear_rewards()
        for seat, reward in self._seats.act(agent, action).items():
            if seat in self.rewards:
                self.rewards[seat] = reward
        self._seats.look()
        for seat in self.agents:
            self.terminations[seat], self.truncations[seat] = self._seats.ended(seat)
        self._accumulate_rewards()
        self.agent_selection = self._seats.to_move() or agent
        self._deads_step_first()
        self._tell()

    def render(self) -> str | None:
        return self._seats.render(self.render_mode)

    def close(self) -> None:
        self._seats.close()

    def _tell(self) -> None:
        self.infos = {agent: self._seats.view.info(self._seats.seen[agent]) for agent in self.agents}
        if self.render_mode == "human":
            self.render()
