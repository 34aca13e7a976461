"""A world as a PettingZoo AEC environment (agent environment cycle): seats act one after the other."""

from __future__ import annotations

from typing import Any, ClassVar

from pettingzoo import AECEnv

from sandbox.envs.seats import METADATA, SeatsEnv


class WorldAECEnv(SeatsEnv, AECEnv):  # type: ignore[misc]
    """The seat to move is the world's own: `agent_selection`.

    Args:
        world: a world, a reference to one, or a function that makes one.
        view: `text`, `encoded`, or a view of your own.
        render_mode: `ansi` returns what was said as text, `human` prints it.
        max_turns: commands of all seats together after which the episode is truncated.
    """

    metadata: ClassVar[dict[str, Any]] = {**METADATA, "is_parallelizable": False}

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

    def _tell(self) -> None:
        self.infos = {agent: self._seats.view.info(self._seats.seen[agent]) for agent in self.agents}
        if self.render_mode == "human":
            self.render()
