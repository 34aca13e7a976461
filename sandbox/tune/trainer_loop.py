"""What the trainers of TRL share: the order of the data, optimiser, learning rate, checkpoints, and what is told.

TRL's own checkpoints are folders with pickles in them, and are not written at once. So a training that goes on
from a checkpoint is one over the data that are left, with an optimiser and a rate that are where they were.
"""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Generic, TypeVar

import numpy as np
import torch
from transformers import PrinterCallback, TrainerCallback

from sandbox.errors import NoMemoryError
from sandbox.llm import device
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.errors import RoundError, Stopped
from sandbox.tune.settings import TrainingSettings
from sandbox.tune.sft import TrainingProgress, ramp

T = TypeVar("T")


class TrainerLoop(Generic[T]):
    """One training by a trainer of TRL.

    With the same data, settings and threads the outcome is the same, interrupted or not, but for rounding.

    Args:
        tuned: a `PeftModel`.
        settings: how to train.
        rows: what there is to learn from.
        per_step: how many rows a step takes.
        checkpoint: where to go on from, and where to write to about once a minute.
        on_step: told after every step.
        on_note: told what is worth knowing.
        stop: asked between steps.
    """

    def __init__(
        self,
        tuned: Any,
        settings: TrainingSettings,
        rows: Sequence[T],
        per_step: int,
        *,
        checkpoint: Checkpoint | None = None,
        on_step: Callable[[TrainingProgress], None],
        on_note: Callable[[str], None],
        stop: Callable[[], bool],
    ) -> None:
        self.settings = settings
        self.on_step, self.on_note, self.stop = on_step, on_note, stop
        self.checkpoint = checkpoint
        self.done = checkpoint.step() if checkpoint else 0
        """Steps that were done before the checkpoint."""
        self.steps = settings.steps or -(-settings.epochs * len(rows) // per_step)
        self.rows = _in_order(rows, self.steps * per_step, settings)[self.done * per_step :]
        """What is left to be learned from, in order: `per_step` for each step."""
        self.weights = {name: weight for name, weight in tuned.named_parameters() if weight.requires_grad}
        self._twice = False
        self.optimiser = torch.optim.AdamW(
            self.weights.values(), lr=settings.learning_rate, weight_decay=settings.weight_decay
        )

    def arguments(self, scratch: str, batch: int) -> dict[str, Any]:
        """Arguments that all trainers share."""
        place = next(iter(self.weights.values())).device
        return {
            "output_dir": scratch,
            "per_device_train_batch_size": batch,
            "max_steps": self.steps - self.done,
            "max_grad_norm": self.settings.clip,
            "seed": self.settings.seed,
            "use_cpu": place.type == "cpu",
            "bf16": place.type != "cpu" and device.multiplies_bfloat16(place),
            "gradient_checkpointing": self._twice,
            "report_to": "none",
            "save_strategy": "no",
            "logging_steps": 1,
            "logging_nan_inf_filter": False,
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
        }

    def optimisers(self) -> tuple[Any, Any]:
        """The optimiser, and the schedule of its learning rate, for the trainer."""
        before = self.done

        def factor(step: int) -> float:
            return ramp(before + step + 1, self.steps, self.settings.warmup)

        return self.optimiser, torch.optim.lr_scheduler.LambdaLR(self.optimiser, factor)

    def run(self, make: Callable[[str, TrainerCallback], Any]) -> None:
        """Train.

        Args:
            make: the trainer, given a folder for its output and what is to be its callback. It may take what the
                weights are now for its reference: what a checkpoint has comes after.

        Raises:
            Stopped: `stop` said yes.
            RoundError: the loss is not a number any more, or nothing was learned.
        """
        fresh = {name: weight.detach().clone() for name, weight in self.weights.items()}
        told = _TrainerWatch(self)
        if self.checkpoint and self.done == self.steps:
            self.checkpoint.restore(self.weights, self.optimiser)
        else:
            with tempfile.TemporaryDirectory() as scratch:
                if not self._tried(make, scratch, told):
                    self._begin_anew(fresh)
                    told = _TrainerWatch(self)
                    self._tried(make, scratch, told)
        if told.alike and all(torch.equal(fresh[name], weight) for name, weight in self.weights.items()):
            raise RoundError(
                f"nothing was learned: in each of {told.alike} steps, all samples got the same reward",
                hint="choose --worlds that it wins now and then, or more --set samples=8 or --set turns=16",
            )
        if told.alike:
            self.on_note(f"in {told.alike} of {self.steps} steps all samples got the same reward")

    def _tried(self, make: Callable[[str, TrainerCallback], Any], scratch: str, told: _TrainerWatch) -> bool:
        """Train; False where memory did not suffice, and there is something left that saves some."""
        before = self.done
        try:
            trainer = make(scratch, told)
            trainer.remove_callback(PrinterCallback)  # it prints what `_TrainerWatch` tells
            if self.checkpoint:
                self.checkpoint.restore(self.weights, self.optimiser)
            trainer.train()
        except Exception as error:
            begun = self.done > before
            if self._twice or begun or NoMemoryError.of(error) is None:
                raise
            return False
        return True

    def _begin_anew(self, fresh: Mapping[str, torch.Tensor]) -> None:
        """Take the weights that there were, and compute on the way back what was computed on the way there."""
        with torch.no_grad():
            for name, weight in self.weights.items():
                weight.copy_(fresh[name])
                weight.grad = None
        self.optimiser.state.clear()
        self._twice = True
        device.release(next(iter(self.weights.values())).device)
        self.on_note("memory is short: begun anew, computing activations twice")


class _TrainerWatch(TrainerCallback):  # type: ignore[misc]
    """Passes on what a trainer logs, keeps the checkpoint, and stops it."""

    def __init__(self, loop: TrainerLoop[Any]) -> None:
        self._loop = loop
        self._before = loop.done
        self._since = self._saved = time.monotonic()
        self._tokens = 0
        self.alike = 0
        """Steps in which all samples got the same reward."""

    def on_step_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        self._since = time.monotonic()
        if self._loop.stop():
            self._save()
            raise Stopped(f"stopped after step {self._loop.done} of {self._loop.steps}")

    def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, Any] | None = None, **_: Any) -> None:
        if not logs or "loss" not in logs:
            return
        loop, loss, gradient = self._loop, float(logs["loss"]), float(logs.get("grad_norm", 0.0))
        loop.done = self._before + state.global_step
        if not np.isfinite(loss + gradient):
            raise RoundError(
                f"the training has gone astray at step {loop.done}: the loss is {loss}, its gradient {gradient}",
                hint="try again with a lower --learning-rate",
            )
        notes = [f"{name} {logs[name]:.3g}" for name in ("reward", "rewards/accuracies") if name in logs]
        if logs.get("frac_reward_zero_std", 0) == 1:
            self.alike += 1
            notes.append("all samples got the same reward: nothing to learn from")
        if time.monotonic() - self._saved > loop.settings.checkpoint_seconds:
            self._save()
        tokens = int(logs.get("num_tokens", 0))
        loop.on_step(
            TrainingProgress(
                step=loop.done,
                steps=loop.steps,
                loss=loss,
                tokens=tokens - self._tokens,
                seconds=time.monotonic() - self._since,
                note=", ".join(notes),
            )
        )
        self._tokens = tokens

    def _save(self) -> None:
        if self._loop.checkpoint:
            self._loop.checkpoint.save(self._loop.done, self._loop.weights, self._loop.optimiser)
        self._saved = time.monotonic()


def _in_order(rows: Sequence[T], count: int, settings: TrainingSettings) -> list[T]:
    """So many rows: all of them in a random order, then in another."""
    order: list[int] = []
    while len(order) < count:
        order += np.random.default_rng((settings.seed, len(order))).permutation(len(rows)).tolist()
    return [rows[i] for i in order[:count]]
