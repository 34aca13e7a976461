"""Supervised fine-tuning, top to bottom: sequences in, a better network out, with a checkpoint to come back to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sandbox.tune import packing
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.errors import RoundError, Stopped
from sandbox.tune.network import token_losses
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """Where a training stands after a step."""

    step: int
    steps: int
    loss: float
    """Mean over the learned tokens of the step, in nats."""
    tokens: int
    """Tokens that went through the network in this step."""
    seconds: float
    """Wall-clock time of this step."""
    note: str = ""


def steps_of(examples: int, settings: TrainingSettings) -> int:
    """How many optimiser steps a training takes."""
    return settings.epochs * -(-examples // settings.batch)


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
    With the same data, settings and number of threads the outcome is the same to the bit, interrupted or not.

    Args:
        network: with LoRA weights and packed attention.
        sequences: what is learned.
        settings: how.
        rehearsal: texts of the model's own, one of which joins each step, so that it forgets less.
        checkpoint: where to go on from, and where to write to about once a minute.
        on_step: told after each step.
        stop: asked before each step; where it says yes, a checkpoint is written.

    Raises:
        Stopped: `stop` said yes.
        RoundError: the loss is not a number any more.
    """
    weights = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    optimiser = torch.optim.AdamW(
        weights.values(), lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay
    )
    done = checkpoint.restore(weights, optimiser) if checkpoint else 0
    steps = steps_of(len(sequences), settings)
    saved = time.monotonic()
    network.train()
    for step, batch in enumerate(_batches(len(sequences), settings), start=1):
        if step <= done:
            continue
        if stop():
            if checkpoint:
                checkpoint.save(step - 1, weights, optimiser)
            raise Stopped(f"stopped before step {step} of {steps}")
        started = time.perf_counter()
        chosen = [sequences[i] for i in batch]
        rehearsed = [rehearsal[step % len(rehearsal)]] if rehearsal else []
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * ramp(step, steps, settings.warmup)
        loss = _accumulate(network, chosen, rehearsed, settings)
        if not math.isfinite(loss):
            raise RoundError(
                f"the loss is {loss} at step {step}: the training has gone astray",
                hint="try again with a lower --learning-rate",
            )
        torch.nn.utils.clip_grad_norm_(weights.values(), settings.clip)
        optimiser.step()
        optimiser.zero_grad()
        if checkpoint and time.monotonic() - saved > settings.checkpoint_seconds:
            checkpoint.save(step, weights, optimiser)
            saved = time.monotonic()
        on_step(
            TrainingProgress(
                step=step,
                steps=steps,
                loss=loss,
                tokens=sum(map(len, (*chosen, *rehearsed))),
                seconds=time.perf_counter() - started,
            )
        )


def _batches(count: int, settings: TrainingSettings) -> list[list[int]]:
    return [
        batch
        for number in range(settings.epochs)
        for batch in packing.epoch(count, settings.batch, seed=settings.seed, number=number)
    ]


def _accumulate(
    network: Any, learned: Sequence[Encoded], rehearsed: Sequence[Encoded], settings: TrainingSettings
) -> float:
    """Add up the gradient of one step, pack by pack. Returns the mean loss over the learned tokens."""
    weights = {id(each): 1 / packing.learned_weight(learned) for each in learned}
    weights |= {id(each): settings.rehearsal / packing.learned_weight(rehearsed) for each in rehearsed}
    rehearsing = {id(each) for each in rehearsed}
    total = 0.0
    for pack in packing.pack([*learned, *rehearsed], settings.pack):
        with torch.autocast("cpu", torch.bfloat16, enabled=_in_bfloat16(settings)):
            found = token_losses(network, pack)
        losses = torch.split(found, [len(each.learned) for each in pack])
        parts = [_weighted(part, each) * weights[id(each)] for part, each in zip(losses, pack, strict=True)]
        torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
        total += sum(part.item() for part, each in zip(parts, pack, strict=True) if id(each) not in rehearsing)
    return total


def _weighted(losses: Tensor, sequence: Encoded) -> Tensor:
    return (losses * torch.tensor(sequence.weights)).sum() if sequence.weights else losses.sum()


def _in_bfloat16(settings: TrainingSettings) -> bool:
    """Whether matrices are multiplied in bfloat16: without instructions for it, that would be slower."""
    if settings.precision != "auto":
        return settings.precision == "bfloat16"
    return torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported()


def ramp(step: int, steps: int, warmup: float) -> float:
    """Up linearly over the first share of the steps, then down to nearly nothing."""
    rising = max(1, round(steps * warmup))
    return step / rising if step <= rising else (steps - step + 1) / (steps - rising + 1)
