"""A world as a PettingZoo parallel environment: all seats act at once."""

from __future__ import annotations

from typing import Any, ClassVar

from pettingzoo import ParallelEnv

from sandbox.envs.seats import METADATA, SeatsEnv


class WorldParallelEnv(SeatsEnv, ParallelEnv):  # type: ignore[misc]
    """All seats choose on the same observation; the world carries their commands out in its own order of turns.

    In a world of turns a later seat's command may thus meet a state that an earlier one has changed. Each seat
    acts at most once a step; the command of a seat whose turn does not come is dropped.

    Args:
        world: a world, a reference to one, or a function that makes one.
        view: `text`, `encoded`, or a view of your own.
        render_mode: `ansi` returns what was said as text, `human` prints it.
        max_turns: commands of all seats together after which the episode is truncated.
    """

    metadata: ClassVar[dict[str, Any]] = {**METADATA, "is_parallelizable": True}

    def reset(
        self, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[dict[str, Any], dict[str, dict[str, Any]]]:
        """Begin an episode: the one of that seed, or the next in the sequence of the latest seed."""
        self._seats.begin(seed)
        self.agents = self.possible_agents[:]
        self._draw()
        return self._observations(), self._infos()

    def step(
        self, actions: dict[str, Any]
    ) -> tuple[dict[str, Any], dict[str, float], dict[str, bool], dict[str, bool], dict[str, dict[str, Any]]]:
        """Carry out one action of each seat that is still in play."""
        if missing := [agent for agent in self.agents if agent not in actions]:
            raise ValueError(f"no action for {', '.join(missing)}")
        seats = self._seats
        waiting = {agent: actions[agent] for agent in self.agents}
        rewards = dict.fromkeys(self.agents, 0.0)
        while (seat := seats.to_move()) in waiting:
            for agent, reward in seats.act(seat, waiting.pop(seat)).items():
                if agent in rewards:
                    rewards[agent] += reward
        seats.look()
        observations, infos = self._observations(), self._infos()
        ended = {agent: seats.ended(agent) for agent in self.agents}
        self.agents = [agent for agent in self.agents if not any(ended[agent])]
        self._draw()
        return (
            observations,
            rewards,
            {agent: terminated for agent, (terminated, _) in ended.items()},
            {agent: truncated for agent, (_, truncated) in ended.items()},
            infos,
        )

    def _draw(self) -> None:
        if self.render_mode == "human":
            self.render()

    def _observations(self) -> dict[str, Any]:
        return {agent: self._seats.view.show(self._seats.seen[agent]) for agent in self.agents}

    def _infos(self) -> dict[str, dict[str, Any]]:
        return {agent: self._seats.view.info(self._seats.seen[agent]) for agent in self.agents}
