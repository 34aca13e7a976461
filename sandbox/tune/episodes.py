"""Episodes for reinforcement: played by drawing commands, and learned from as tokens with a reward."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.agent import prompt
from sandbox.agent.cards import Card
from sandbox.llm import chatml
from sandbox.llm.local import LocalModel
from sandbox.rl import exploration
from sandbox.text import clean_line
from sandbox.tune.errors import RoundError
from sandbox.tune.examples import Moment, Origin, context_of, transcripts
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings
from sandbox.tune.starts import is_fixed
from sandbox.types import Exchange, World

STEP_COST = 0.01
"""Taken off an episode's reward for each command, so that of two wins the shorter one counts more."""


@dataclass(frozen=True, slots=True)
class PlayedEpisode:
    """An episode."""

    sequence: Encoded
    """Learned are the tokens of commands, and not what the world said."""
    reward: float


@dataclass(frozen=True, slots=True)
class SeededWorld:
    """A world with a seed. A group of episodes are all of one game."""

    world: World[Any]
    seed: int = 0


def games(worlds: Sequence[World[Any]], starts: int) -> list[SeededWorld]:
    """All games to learn from: so many of each world, but one where the seed makes no difference."""
    return [
        SeededWorld(world, seed)
        for world in worlds
        for seed in range(1 if is_fixed(world, range(min(starts, 4))) else starts)
    ]


class Player:
    """Draws commands as likely as the agent finds them: among the admissible ones, or else freely.

    Args:
        model: the language model that learns.
        card: of the agent that it plays for.
        settings: how many turns an episode may take, and how many tokens a command.
    """

    def __init__(self, model: LocalModel, card: Card, settings: TrainingSettings) -> None:
        self._model, self._card, self._settings = model, card, settings

    def episode(self, game: SeededWorld, rng: np.random.Generator) -> PlayedEpisode:
        """One episode of the first seat, up to its end, its limit, or another seat's turn. Raises `RoundError`."""
        world = game.world
        state = world.initial(game.seed)
        lived: list[Exchange] = []
        moments: list[Moment] = []
        said, total, seat = "", 0.0, world.seats[0]
        while world.to_move(state) == seat and len(moments) < self._settings.turns:
            observation = world.observe(state, seat)
            lived.append(Exchange(command=said, reply=observation.text))
            context = context_of(self._card, observation, lived, world.verbs)
            if observation.admissible:
                said = self._draw(context, observation.admissible, lived, rng)
            else:
                said = self._write(context, rng)
            moments.append(Moment(observation, tuple(lived), said))
            step = world.step(state, seat, said)
            state, total = step.state, total + step.rewards.get(seat, 0.0)
        if not moments:
            raise RoundError(f"{world.name} does not begin with its first seat", hint="choose other --worlds")
        return self._encoded(world, moments, total - STEP_COST * len(moments))

    def _draw(
        self, context: str, commands: Sequence[str], lived: Sequence[Exchange], rng: np.random.Generator
    ) -> str:
        combine = self._card.combine
        recent = [exchange.command for exchange in lived[-combine.repeat_window :]]
        scored = self._model.score(context, [prompt.option(each, context) for each in commands])
        liking = [
            each.mean - combine.repeat_penalty * recent.count(command)
            for each, command in zip(scored, commands, strict=True)
        ]
        if not np.isfinite(liking).all():
            raise RoundError(
                "the training has gone astray: commands have no likelihood any more",
                hint="try again with a lower --learning-rate",
            )
        return commands[exploration.sample_softmax(liking, 1.0, rng)]

    def _write(self, context: str, rng: np.random.Generator) -> str:
        (sample,) = self._model.sample(
            context, 1, seed=int(rng.integers(2**31)), max_tokens=self._settings.max_tokens
        )
        return clean_line(sample.text) or "..."

    def _written(self, told: str, more: str) -> str:
        """How the model's template writes what follows in a conversation; a transcript as it is."""
        if not chatml.is_chat(told) or not chatml.awaits_reply(told + more):
            return more
        template, (prompted, option) = self._model.template, told.rsplit(f"{chatml.START}assistant\n", 1)
        before = template.rendered(f"{prompted}{chatml.START}assistant\n") + template.reply(option)
        whole = template.rendered(told + more)
        if not whole.startswith(before):
            raise RoundError(
                "the chat template of the language model writes replies of the past in another way",
                hint="say `prompt: {form: transcript}` on the card, or take another method",
            )
        return whole.removeprefix(before)

    def _encoded(self, world: World[Any], moments: Sequence[Moment], reward: float) -> PlayedEpisode:
        episode = transcripts(self._card, moments, Origin(kind="selfplay"), verbs=world.verbs)[0]
        first, *rest = episode.segments
        tokens, commands, told = list(self._model.fit(first.text)), list[int](), first.text
        for text, learned, _ in rest:
            found = self._model.encode(self._written(told, text))
            told += text
            if learned:
                commands += range(len(tokens), len(tokens) + len(found))
            tokens += found
        return PlayedEpisode(Encoded(tuple(tokens), tuple(commands)), reward)
