"""Supervised fine-tuning, top to bottom: sequences in, a better network out, with a checkpoint to come back to."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from sandbox.errors import NoMemoryError
from sandbox.llm import device
from sandbox.tune import packing
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.errors import RoundError, Stopped
from sandbox.tune.network import token_losses
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings

_LEAST_PACK = 64
_SMALLER = "take a smaller model, shorter transcripts, or a smaller --batch"


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
        NoMemoryError: there is too little memory for a single sequence, with all that saves some.
    """
    weights = {name: weight for name, weight in network.named_parameters() if weight.requires_grad}
    optimiser = torch.optim.AdamW(
        weights.values(), lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay
    )
    done = checkpoint.restore(weights, optimiser) if checkpoint else 0
    steps = steps_of(len(sequences), settings)
    saved, room = time.monotonic(), settings.pack
    savings = _savings(network, room)
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
        note = ""
        while (loss := _attempt(network, chosen, rehearsed, settings, room)) is None:
            optimiser.zero_grad()
            device.release(network.device)
            room, note = next(savings)
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
                note=note,
            )
        )


def _batches(count: int, settings: TrainingSettings) -> list[list[int]]:
    return [
        batch
        for number in range(settings.epochs)
        for batch in packing.epoch(count, settings.batch, seed=settings.seed, number=number)
    ]


def _attempt(
    network: Any,
    learned: Sequence[Encoded],
    rehearsed: Sequence[Encoded],
    settings: TrainingSettings,
    room: int,
) -> float | None:
    """The loss of one step, as `_accumulate` gives it; None where memory was too short for the gradient."""
    try:
        return _accumulate(network, learned, rehearsed, settings, room)
    except Exception as error:
        if NoMemoryError.of(error) is None:
            raise
        return None


def _savings(network: Any, room: int) -> Iterator[tuple[int, str]]:
    """What saves memory, one thing after the other: how many tokens may go through the network at once, and words.

    First what is computed on the way is not kept but computed again (Chen et al. 2016), then packs get smaller.
    Raises `NoMemoryError` where nothing is left to do.
    """
    with suppress(ValueError):  # not all families can
        network.activation_checkpointing_enable({"use_reentrant": False})
        yield room, "memory is short: from here on activations are computed twice"
    while room > _LEAST_PACK:
        room //= 2
        yield room, f"memory is short: from here on {room} tokens at once"
    raise NoMemoryError("there is not enough memory to train on one example", hint=_SMALLER)


def _accumulate(
    network: Any,
    learned: Sequence[Encoded],
    rehearsed: Sequence[Encoded],
    settings: TrainingSettings,
    room: int,
) -> float:
    """Add up the gradient of one step, pack by pack. Returns the mean loss over the learned tokens."""
    weights = {id(each): 1 / packing.learned_weight(learned) for each in learned}
    weights |= {id(each): settings.rehearsal / packing.learned_weight(rehearsed) for each in rehearsed}
    rehearsing = {id(each) for each in rehearsed}
    total = 0.0
    for pack in packing.pack([*learned, *rehearsed], room):
        with torch.autocast(network.device.type, torch.bfloat16, enabled=_in_bfloat16(settings, network.device)):
            found = token_losses(network, pack)
        losses = torch.split(found, [len(each.learned) for each in pack])
        parts = [_weighted(part, each) * weights[id(each)] for part, each in zip(losses, pack, strict=True)]
        torch.stack(parts).sum().backward()  # type: ignore[no-untyped-call]
        total += sum(part.item() for part, each in zip(parts, pack, strict=True) if id(each) not in rehearsing)
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


def ramp(step: int, steps: int, warmup: float) -> float:
    """Up linearly over the first share of the steps, then down to nearly nothing."""
    rising = max(1, round(steps * warmup))
    return step / rising if step <= rising else (steps - step + 1) / (steps - rising + 1)
