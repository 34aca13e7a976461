"""The loop that all methods share: steps, learning rate, checkpoints, and what is told of them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from sandbox.errors import NoMemoryError
from sandbox.llm import device
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.errors import RoundError, Stopped
from sandbox.tune.settings import TrainingSettings

T = TypeVar("T")
OnPhase = Callable[[str, int, int], None]
"""Told what is being done, how much of it is, and of how much."""
FIRST_STEP = "taking the first step"

_LEAST_PACK = 64
_SMALLER = "take a smaller model, shorter transcripts, or a smaller --batch"


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingProgress:
    """Where a training stands after a step."""

    step: int
    steps: int
    loss: float
    """As the method defines it; of `sft` the mean over the learned tokens of the step, in nats."""
    tokens: int
    """Tokens that went through the network in this step."""
    seconds: float
    """Wall-clock time of this step."""
    measures: Mapping[str, float] = field(default_factory=dict)
    """What else was measured in the step, such as `reward`, `accuracy`, `kl`."""
    note: str = ""
    """The measures, and what is worth knowing besides, for a person."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StepGradient:
    """What a step came to, once its gradient is in the weights."""

    loss: float
    tokens: int
    measures: Mapping[str, float] = field(default_factory=dict)
    note: str = ""


def weights_of(network: Any) -> dict[str, Tensor]:
    """The weights that are trained, by name."""
    return {name: weight for name, weight in network.named_parameters() if weight.requires_grad}


def descend(
    network: Any,
    settings: TrainingSettings,
    steps: int,
    learn: Callable[[int, int], StepGradient],
    *,
    checkpoint: Checkpoint | None = None,
    on_step: Callable[[TrainingProgress], None] = lambda progress: None,
    stop: Callable[[], bool] = lambda: False,
) -> None:
    """Train the weights that require a gradient, in place, from the checkpoint on if there is one.

    With the same data, settings and number of threads the outcome is the same to the bit, interrupted or not.

    Args:
        network: with LoRA weights.
        settings: how.
        steps: how many.
        learn: adds the gradient of a step, counted from 1, to the weights, with at most so many tokens in the
            network at once. It depends on nothing else but the weights: where memory is short it is asked again.
        checkpoint: where to go on from, and where to write to about once a minute.
        on_step: told after each step.
        stop: asked before each step; where it says yes, a checkpoint is written.

    Raises:
        Stopped: `stop` said yes.
        RoundError: loss or gradient is not a number any more.
        NoMemoryError: there is too little memory for a single example, with all that saves some.
    """
    weights = weights_of(network)
    optimiser = torch.optim.AdamW(
        weights.values(), lr=settings.learning_rate, betas=(0.9, 0.99), weight_decay=settings.weight_decay
    )
    done = checkpoint.restore(weights, optimiser) if checkpoint else 0
    saved, room = time.monotonic(), settings.pack
    savings = _savings(network, room)
    network.train()
    for step in range(done + 1, steps + 1):
        if stop():
            if checkpoint:
                checkpoint.save(step - 1, weights, optimiser)
            raise Stopped(f"stopped after step {step - 1} of {steps}")
        started = time.perf_counter()
        for group in optimiser.param_groups:
            group["lr"] = settings.learning_rate * ramp(step, steps, settings.warmup)
        saving = ""
        while (learned := _attempt(weights, learn, step, room)) is None:
            device.release(network.device)
            room, saving = next(savings)
        gradient = float(torch.nn.utils.clip_grad_norm_(weights.values(), settings.clip))
        if not math.isfinite(learned.loss + gradient):
            raise RoundError(
                f"the training has gone astray: the loss is {learned.loss} at step {step}, "
                f"its gradient {gradient}",
                hint="try again with a lower --learning-rate",
            )
        optimiser.step()
        if checkpoint and time.monotonic() - saved > settings.checkpoint_seconds:
            checkpoint.save(step, weights, optimiser)
            saved = time.monotonic()
        notes = [*(f"{name} {value:.3g}" for name, value in learned.measures.items()), learned.note, saving]
        on_step(
            TrainingProgress(
                step=step,
                steps=steps,
                loss=learned.loss,
                tokens=learned.tokens,
                seconds=time.perf_counter() - started,
                measures=learned.measures,
                note=", ".join(filter(None, notes)),
            )
        )


def _attempt(
    weights: Mapping[str, Tensor], learn: Callable[[int, int], StepGradient], step: int, room: int
) -> StepGradient | None:
    """A step's gradient; None where memory was too short for it."""
    for weight in weights.values():
        weight.grad = torch.zeros_like(weight)
    try:
        return learn(step, room)
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


def ramp(step: int, steps: int, warmup: float) -> float:
    """Up linearly over the first share of the steps, then down to nearly nothing."""
    rising = max(1, round(steps * warmup))
    return step / rising if step <= rising else (steps - step + 1) / (steps - rising + 1)


def batches(rows: Sequence[T], size: int, settings: TrainingSettings) -> list[list[T]]:
    """What each step learns from, `size` of the rows: all of them in a random order, then in another.

    As many as `settings.steps`, else as many as `settings.epochs` takes.
    """
    steps = settings.steps or -(-settings.epochs * len(rows) // size)
    order: list[int] = []
    while len(order) < steps * size:
        order += np.random.default_rng((settings.seed, len(order))).permutation(len(rows)).tolist()
    return [[rows[i] for i in order[start : start + size]] for start in range(0, steps * size, size)]
