"""Learning which of two commands is better, or whether one is good: DPO and KTO.

Both ask how much likelier the network finds a command than it did before the training, as the *reference*, whose
log-probabilities are worked out once. A prompt goes through the network once for all that follows it, and the
output layer runs on the commands only.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from sandbox.llm.local import LocalModel
from sandbox.tune import loop, packing
from sandbox.tune.examples import Label, PreferencePair
from sandbox.tune.loop import FIRST_STEP, OnPhase, StepGradient
from sandbox.tune.network import in_half_precision, token_losses
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings

TRUTH_SHARE = 0.5
"""How much all that was judged by the world's facts weighs at most, where what people judged weighs 1."""
_REFERENCE = "rating the commands before training"


@dataclass(frozen=True, slots=True)
class _Choice:
    """Two continuations of a prompt, and what the reference thinks of them."""

    sequence: Encoded
    lengths: tuple[int, int]
    reference: Tensor
    """Log-probabilities, `[2]`."""
    good: bool = True
    """Of a rating: whether the first is good. The second is then another rating's."""
    weight: float = 1.0


def weights(examples: Sequence[PreferencePair | Label]) -> list[float]:
    """How much each example counts in the loss.

    Judgements by the facts of a world cost nothing and are many times as many as people's. Where there are both,
    each weighs at most `TRUTH_SHARE` of a person's, and all of them together `TRUTH_SHARE` of all people's.
    """
    of_world = [each.origin.kind == "truth" for each in examples]
    people, world = of_world.count(False), of_world.count(True)
    share = TRUTH_SHARE * min(1.0, people / world) if people and world else 1.0
    return [share if by_facts else 1.0 for by_facts in of_world]


def dpo(
    tuned: Any,
    model: LocalModel,
    pairs: Sequence[PreferencePair],
    settings: TrainingSettings,
    *,
    on_phase: OnPhase = lambda what, done, of: None,
    **more: Any,
) -> None:
    """Direct preference optimisation (Rafailov et al. 2023); `more` as of `loop.descend`.

    The loss of a pair is `-log sigmoid(beta (chosen - rejected))`, each as its log-probability over that of the
    reference.
    """
    made = [_encoded(model, pair.prompt, pair.chosen, pair.rejected) for pair in pairs]
    choices = [
        _Choice(*each, reference, weight=weight)
        for each, reference, weight in zip(made, _references(tuned, made, on_phase), weights(pairs), strict=True)
    ]
    batches = loop.batches(choices, settings.batch, settings)

    def learn(step: int, room: int) -> StepGradient:
        batch, total, margins = batches[step - 1], 0.0, list[float]()
        for pack in _packs(batch, room):
            ratios = _ratios(tuned, pack, room)
            margin = settings.beta * (ratios[:, 0] - ratios[:, 1])
            weight = margin.new_tensor([each.weight for each in pack])
            loss = -(weight * functional.logsigmoid(margin)).sum() / len(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
            margins += margin.tolist()
        return StepGradient(
            loss=total,
            tokens=sum(len(each.sequence) for each in batch),
            measures={"accuracy": sum(each > 0 for each in margins) / len(margins)},
        )

    loop.descend(tuned, settings, len(batches), learn, **more)


def kto(
    tuned: Any,
    model: LocalModel,
    labels: Sequence[Label],
    settings: TrainingSettings,
    *,
    on_phase: OnPhase = lambda what, done, of: None,
    **more: Any,
) -> None:
    """Kahneman-Tversky optimisation (Ethayarajh et al. 2024), the rarer side weighted up; `more` as above.

    The loss of a good command is `1 - sigmoid(beta (ratio - kl))`, of a bad one `1 - sigmoid(beta (kl - ratio))`.
    `kl`, the divergence from the reference, is estimated over the batch from prompts with the commands of others.
    Which ones is drawn once, and it has no gradient.
    """
    counts = weights(labels)
    good = sum(count for count, each in zip(counts, labels, strict=True) if each.good)
    bad = sum(counts) - good
    sides = {True: max(1.0, bad / good), False: max(1.0, good / bad)}
    order = np.random.default_rng(settings.seed).permutation(len(labels)).tolist()
    other = {one: labels[another].completion for one, another in zip(order, order[1:] + order[:1], strict=True)}
    made = [_encoded(model, label.prompt, label.completion, other[i]) for i, label in enumerate(labels)]
    references = _references(tuned, made, on_phase)
    choices = [
        _Choice(*each, reference, label.good, count * sides[label.good])
        for each, reference, label, count in zip(made, references, labels, counts, strict=True)
    ]
    batches = loop.batches(choices, max(2, settings.batch), settings)

    def learn(step: int, room: int) -> StepGradient:
        batch, total, right = batches[step - 1], 0.0, 0
        with torch.no_grad():
            divergences = [_ratios(tuned, pack)[:, 1] for pack in _packs(batch, room)]
        kl = torch.cat(divergences).mean().clamp(min=0)
        for pack in _packs(batch, room):
            sign = kl.new_tensor([1.0 if each.good else -1.0 for each in pack])
            weight = kl.new_tensor([each.weight for each in pack])
            gain = sign * (_ratios(tuned, pack, room)[:, 0] - kl)
            loss = (weight * (1 - torch.sigmoid(settings.beta * gain))).sum() / len(batch)
            loss.backward()  # type: ignore[no-untyped-call]
            total += loss.item()
            right += int((gain > 0).sum())
        return StepGradient(
            loss=total,
            tokens=sum(len(each.sequence) for each in batch),
            measures={"accuracy": right / len(batch), "kl": kl.item()},
        )

    loop.descend(tuned, settings, len(batches), learn, **more)


def _encoded(model: LocalModel, prompt: str, first: str, second: str) -> tuple[Encoded, tuple[int, int]]:
    """The tokens that are read in play."""
    one, other = model.encode(first), model.encode(second)
    return packing.branches(model.fit(prompt), (one, other)), (len(one), len(other))


def _references(network: Any, made: Sequence[tuple[Encoded, tuple[int, int]]], on_phase: OnPhase) -> list[Tensor]:
    found = []
    for number, (sequence, lengths) in enumerate(made):
        on_phase(_REFERENCE, number, len(made))
        with torch.no_grad(), in_half_precision(network):
            found.append(_logprobs(token_losses(network, [sequence]), [lengths])[0])
    on_phase(FIRST_STEP, 0, 0)
    return found


def _packs(batch: Sequence[_Choice], room: int) -> list[list[_Choice]]:
    """A batch in parts that go through the network together."""
    own = {id(each.sequence): each for each in batch}
    return [[own[id(each)] for each in pack] for pack in packing.pack([each.sequence for each in batch], room)]


def _ratios(network: Any, pack: Sequence[_Choice], room: int = 0) -> Tensor:
    """Log-probability of both continuations over that of the reference, `[pack, 2]`."""
    with in_half_precision(network):
        losses = token_losses(network, [each.sequence for each in pack], room)
    return _logprobs(losses, [each.lengths for each in pack]) - torch.stack([each.reference for each in pack])


def _logprobs(losses: Tensor, lengths: Iterable[tuple[int, int]]) -> Tensor:
    parts = torch.split(losses, [length for both in lengths for length in both])
    return -torch.stack([part.sum() for part in parts]).view(-1, 2)
