"""Episodes for reinforcement: played by drawing commands, and handed to the trainer as tokens with a reward."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.agent import prompt
from sandbox.agent.cards import Card
from sandbox.llm.local import LocalModel
from sandbox.rl import exploration
from sandbox.tune.errors import RoundError
from sandbox.tune.examples import Moment, Origin, context_of, transcripts
from sandbox.types import Exchange, World

STEP_COST = 0.01
"""Taken off an episode's reward for each command, so that of two wins the shorter one counts more."""


@dataclass(frozen=True, slots=True)
class Played:
    """An episode."""

    prompt: list[int]
    completion: list[int]
    mask: list[int]
    """1 for the tokens of commands, 0 for what the world said."""
    reward: float


class Player:
    """Draws commands, among the admissible ones, as likely as the agent finds them.

    Args:
        model: the language model that learns.
        card: of the agent that it plays for.
        turns: commands that an episode may take.
        worlds: by name.
    """

    def __init__(self, model: LocalModel, card: Card, turns: int, worlds: Mapping[str, World[Any]]) -> None:
        self._model, self._card, self._turns, self._worlds = model, card, turns, worlds

    def group(self, names: Sequence[str], size: int, seed: tuple[int, ...]) -> list[Played]:
        """Episodes of worlds by name, in groups of `size` that share a world and its start."""
        played = []
        for number, name in enumerate(names):
            start = np.random.default_rng((*seed, number // size))
            rng = np.random.default_rng((*seed, number // size, number % size))
            played.append(self.episode(self._worlds[name], int(start.integers(2**31)), rng))
        return played

    def episode(self, world: World[Any], seed: int, rng: np.random.Generator) -> Played:
        """One episode of the first seat, up to its end, its limit, or another seat's turn. Raises `RoundError`."""
        state = world.initial(seed)
        lived: list[Exchange] = []
        moments: list[Moment] = []
        said, total, seat = "", 0.0, world.seats[0]
        while world.to_move(state) == seat and len(moments) < self._turns:
            observation = world.observe(state, seat)
            if not observation.admissible:
                break
            lived.append(Exchange(command=said, reply=observation.text))
            said = self._draw(
                context_of(self._card, observation, lived, world.verbs), observation.admissible, lived, rng
            )
            moments.append(Moment(observation, tuple(lived), said))
            step = world.step(state, seat, said)
            state, total = step.state, total + step.rewards.get(seat, 0.0)
        if not moments:
            raise RoundError(
                f"{world.name} lists no admissible commands to draw from", mend="choose other --worlds"
            )
        return self._encoded(world, moments, total - STEP_COST * len(moments))

    def _draw(
        self, context: str, commands: Sequence[str], lived: Sequence[Exchange], rng: np.random.Generator
    ) -> str:
        combine = self._card.combine
        recent = [exchange.command for exchange in lived[-combine.repeat_window :]]
        scored = self._model.score(context, [prompt.option(each) for each in commands])
        liking = [
            each.mean - combine.repeat_penalty * recent.count(command)
            for each, command in zip(scored, commands, strict=True)
        ]
        if not np.isfinite(liking).all():
            raise RoundError(
                "the training has gone astray: commands have no likelihood any more",
                mend="try again with a lower --learning-rate",
            )
        return commands[exploration.sample_softmax(liking, 1.0, rng)]

    def _encoded(self, world: World[Any], moments: Sequence[Moment], reward: float) -> Played:
        episode = transcripts(self._card, moments, Origin(kind="selfplay"), verbs=world.verbs)[0]
        first, *rest = episode.segments
        completion, mask = list[int](), list[int]()
        for text, learned in rest:
            tokens = self._model.encode(text)
            completion += tokens
            mask += [int(learned)] * len(tokens)
        return Played(list(self._model.fit(first.text)), completion, mask, reward)
