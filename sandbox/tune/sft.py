"""Supervised fine-tuning, top to bottom: sequences in, a better network out, with a checkpoint to come back to."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor

from sandbox.llm import device
from sandbox.tune import loop, packing
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.loop import StepGradient, TrainingProgress
from sandbox.tune.network import divergence, token_losses
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings


def train(
    network: Any,
    sequences: Sequence[Encoded],
    settings: TrainingSettings,
    *,
    rehearsal: Sequence[Encoded] = (),
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[TrainingProgress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train the weights that require a gradient, in place, from the checkpoint on if there is one.

    A step is `settings.batch` sequences, packed without padding; its loss is the mean over their learned tokens.

    Args:
        network: with LoRA weights and packed attention.
        sequences: what is learned.
        settings: how.
        rehearsal: texts of the model's own. At each step the network is held to what it expects in one of them
            without its adapter, so that it forgets less.
        checkpoint: where to go on from, and where to write to about once a minute.
        on_step: told after each step.
        stop: asked before each step; where it says yes, a checkpoint is written.

    Raises:
        Stopped: `stop` said yes.
        RoundError: the loss is not a number any more.
        NoMemoryError: there is too little memory for a single sequence, with all that saves some.
    """
    batches = _batches(len(sequences), settings)

    def learn(step: int, room: int) -> StepGradient:
        chosen = [sequences[i] for i in batches[step - 1]]
        loss = _accumulate(network, chosen, settings, room)
        tokens = sum(map(len, chosen))
        if rehearsal:
            held = rehearsal[step % len(rehearsal)]
            (settings.rehearsal * divergence(network, held)).backward()  # type: ignore[no-untyped-call]
            tokens += 2 * len(held)
        return StepGradient(loss=loss, tokens=tokens)

    loop.descend(network, settings, len(batches), learn, checkpoint=checkpoint, on_step=on_step, stop=stop)


def _batches(count: int, settings: TrainingSettings) -> list[list[int]]:
    return [
        batch
        for number in range(settings.epochs)
        for batch in packing.epoch(count, settings.batch, seed=settings.seed, number=number)
    ]


def _accumulate(network: Any, learned: Sequence[Encoded], settings: TrainingSettings, room: int) -> float:
    """Add up the gradient of one step, pack by pack. Returns the mean loss over the learned tokens."""
    weight = packing.learned_weight(learned)
    total = 0.0
    for pack in packing.pack(learned, room):
        with torch.autocast(network.device.type, torch.bfloat16, enabled=_in_bfloat16(settings, network.device)):
            found = token_losses(network, pack, room)
        losses = torch.split(found, [len(each.learned) for each in pack])
        parts = [_weighted(part, each) for part, each in zip(losses, pack, strict=True)]
        loss = torch.stack(parts).sum() / weight
        loss.backward()  # type: ignore[no-untyped-call]
        total += loss.item()
    return total


def _weighted(losses: Tensor, sequence: Encoded) -> Tensor:
    return (
        (losses * torch.tensor(sequence.weights, device=losses.device)).sum() if sequence.weights else losses.sum()
    )


def _in_bfloat16(settings: TrainingSettings, where: torch.device) -> bool:
    """Whether matrices are multiplied in bfloat16."""
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    return device.multiplies_bfloat16(where)
