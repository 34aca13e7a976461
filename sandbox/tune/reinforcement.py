"""Learning from reward by comparison within groups: GRPO and RLOO, on worlds and on text tasks.

What is sampled is learned from at once, so the gradient is that of the reward itself: the log-probability of each
token times the advantage of its sample over the others of its group.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import torch
from torch import Tensor

from sandbox.agent.cards import Card
from sandbox.llm.local import LocalModel
from sandbox.llm.questions import Continue
from sandbox.tune import loop, packing
from sandbox.tune.episodes import Player, SeededWorld
from sandbox.tune.errors import NothingLearnedError
from sandbox.tune.loop import StepGradient
from sandbox.tune.network import in_half_precision, token_losses
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings

_ALIKE = "all samples got the same reward: nothing to learn from"


@dataclass(frozen=True, slots=True)
class _Group:
    """Samples of one prompt, or episodes of one game."""

    sequences: Sequence[Encoded]
    """Each sample by itself, or all of them as branches of one."""
    sizes: Sequence[int]
    """Learned tokens of each sample."""
    rewards: Sequence[float]

    def advantages(self, settings: TrainingSettings) -> list[float]:
        """How much better than the others each sample was."""
        mean = statistics.fmean(self.rewards)
        if settings.method == "rloo":
            others = len(self.rewards) - 1
            return [(reward - mean) * (1 + 1 / others) for reward in self.rewards]
        spread = statistics.stdev(self.rewards) + 1e-4
        return [(reward - mean) / spread for reward in self.rewards]

    def weighted(self, by_sample: Sequence[float]) -> Iterator[Encoded]:
        """The sequences, each token with the weight of its sample."""
        weights = [w for w, size in zip(by_sample, self.sizes, strict=True) for _ in range(size)]
        for sequence in self.sequences:
            own, weights = weights[: len(sequence.learned)], weights[len(sequence.learned) :]
            yield replace(sequence, weights=tuple(own))


def on_worlds(
    tuned: Any,
    model: LocalModel,
    games: Sequence[SeededWorld],
    card: Card,
    settings: TrainingSettings,
    on_note: Callable[[str], None] = lambda text: None,
    **more: Any,
) -> None:
    """Play, and learn from how it went; a group is several episodes of one game. `more` as of `loop.descend`.

    Raises:
        Stopped: it was asked to stop.
        RoundError: the training went astray, or all episodes of every game went alike.
    """
    player = Player(model, card, settings)

    def rollout(game: SeededWorld, seeds: Sequence[np.random.SeedSequence]) -> _Group:
        played = [player.episode(game, np.random.default_rng(seed)) for seed in seeds]
        sequences = [each.sequence for each in played]
        return _Group(sequences, [len(each.learned) for each in sequences], [each.reward for each in played])

    def sample(batch: Sequence[SeededWorld], seeds: Sequence[np.random.SeedSequence]) -> list[_Group]:
        with torch.inference_mode():
            return [rollout(game, seed.spawn(settings.samples)) for game, seed in zip(batch, seeds, strict=True)]

    _reinforce(tuned, model, games, sample, settings, on_note, more)


def on_prompts(
    tuned: Any,
    model: LocalModel,
    prompts: Sequence[int],
    question: Callable[[int, int], Continue],
    reward: Callable[[int, str], float],
    settings: TrainingSettings,
    **more: Any,
) -> None:
    """A text task: a group is several completions of one prompt. `more` as of `loop.descend`.

    Args:
        tuned: the network with LoRA weights.
        model: the same network, as it is asked.
        prompts: their numbers.
        question: what is asked, by the number of the prompt and a seed.
        reward: what a completion is worth, by the number of its prompt.
        settings: how.
        more: for the loop.
    """

    def sample(batch: Sequence[int], seeds: Sequence[np.random.SeedSequence]) -> list[_Group]:
        asked = [question(each, int(seed.generate_state(1)[0])) for each, seed in zip(batch, seeds, strict=True)]
        groups = []
        for number, each, written in zip(batch, asked, model.write(asked), strict=True):
            tokens = [sample.tokens for sample in written]
            trunk = model.fit(each.prompt, reserve=each.max_tokens)
            rewards = [reward(number, sample.text) for sample in written]
            groups.append(_Group([packing.branches(trunk, tokens)], [len(each) for each in tokens], rewards))
        return groups

    _reinforce(tuned, model, prompts, sample, settings, lambda text: None, more)


def _reinforce(
    tuned: Any,
    model: LocalModel,
    rows: Sequence[Any],
    sample: Callable[[Sequence[Any], Sequence[np.random.SeedSequence]], list[_Group]],
    settings: TrainingSettings,
    on_note: Callable[[str], None],
    more: Mapping[str, Any],
) -> None:
    weights = loop.weights_of(tuned)
    reference = {name: weight.detach().clone() for name, weight in weights.items()}
    batches = loop.batches(rows, max(1, settings.batch // settings.samples), settings)
    alike = 0

    def learn(step: int, room: int) -> StepGradient:
        nonlocal alike
        batch = batches[step - 1]
        model.forget()
        tuned.eval()
        groups = sample(batch, np.random.SeedSequence((settings.seed, step)).spawn(len(batch)))
        tuned.train()
        nothing = all(len(set(group.rewards)) == 1 for group in groups)
        loss = _policy_gradient(tuned, groups, settings, room, weights, reference)
        alike += nothing
        return StepGradient(
            loss=loss,
            tokens=sum(len(sequence) for group in groups for sequence in group.sequences),
            measures={"reward": statistics.fmean(reward for group in groups for reward in group.rewards)},
            note=_ALIKE if nothing else "",
        )

    loop.descend(tuned, settings, len(batches), learn, **more)
    model.forget()
    if alike and all(torch.equal(reference[name], weight) for name, weight in weights.items()):
        raise NothingLearnedError(
            f"nothing was learned: in each of {alike} steps, all samples got the same reward",
            hint="choose --worlds that it wins now and then, or more --set samples=8 or --set turns=16",
        )
    if alike:
        on_note(f"in {alike} of {len(batches)} steps all samples got the same reward")


def _policy_gradient(
    network: Any,
    groups: Sequence[_Group],
    settings: TrainingSettings,
    room: int,
    weights: Mapping[str, Tensor],
    reference: Mapping[str, Tensor],
) -> float:
    """Add the gradient of the groups, pack by pack. Returns the loss: minus the mean advantage, and divergence.

    GRPO (Shao et al. 2024) takes the mean over all tokens of the step (as DAPO does, Yu et al. 2025), RLOO
    (Ahmadian et al. 2024) over the samples, each as a whole.
    """
    tokens = sum(size for group in groups for size in group.sizes)
    samples = sum(len(group.sizes) for group in groups)
    share = 1 / (samples if settings.method == "rloo" else tokens)
    sequences, loss = list[Encoded](), 0.0
    for group in groups:
        advantages = group.advantages(settings)
        sequences += group.weighted([advantage * share for advantage in advantages])
        loss -= math.fsum(a * size * share for a, size in zip(advantages, group.sizes, strict=True))
    if not settings.beta:
        sequences = [each for each in sequences if any(each.weights)]
    for pack in packing.pack(sequences, room):
        if settings.beta:
            with torch.no_grad(), in_half_precision(network), _in_place(weights, reference):
                before = token_losses(network, pack)
        with in_half_precision(network):
            found = token_losses(network, pack, room)
        gain = found.new_tensor([w for each in pack for w in each.weights])
        objective = (gain * found).sum()
        if settings.beta:
            change = found - before  # log-probability before, over that of now
            divergence = settings.beta * share * (change.exp() - change - 1).sum()
            objective = objective + divergence
            loss += divergence.item()
        objective.backward()  # type: ignore[no-untyped-call]
    return loss


@contextmanager
def _in_place(weights: Mapping[str, Tensor], others: Mapping[str, Tensor]) -> Iterator[None]:
    """Other values in the place of the weights while the block runs."""
    own = {name: weight.data for name, weight in weights.items()}
    try:
        for name, weight in weights.items():
            weight.data = others[name]
        yield
    finally:
        for name, weight in weights.items():
            weight.data = own[name]
