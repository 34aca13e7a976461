"""A Q-head: the value of a command, read off what a language model makes of it.

The network is small and stands on hidden states that the language model computes anyway when it scores a command;
the model itself is frozen. Offline, such heads steer language models in ILQL (Snell et al., ICLR 2023). Here one
learns online, as DRRN does (He et al., ACL 2016), with the model in place of its encoders: `NeuralQ` trains it,
with a slowly moving target network (Lillicrap et al. 2016). A head that was never rewarded finds everything worth
exactly 0.

Replay keeps features, not texts, so that a gradient step costs nothing next to a pass of the language model: there
are several for each step in the world.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from sandbox.ranges import in_range
from sandbox.rl.neural import Experience, Network, NeuralQ, normal, zeros
from sandbox.types import BellmanUpdate, Observation, Transition


class Encoder(Protocol):
    """What a language model makes of commands in a state."""

    @property
    def source(self) -> str:
        """The model and its adapter: features of different sources do not go together."""

    @property
    def width(self) -> int:
        """Numbers in the features of one command."""

    def __call__(self, observation: Observation, commands: Sequence[str]) -> npt.NDArray[np.float32]:
        """[commands, width]; what is the same for the same state as perceived."""


class QHead(NeuralQ[Tensor]):
    """A `QFunction` over a language model's features.

    A state with some commands is a tensor of features, [commands, width].

    Args:
        encoder: gives the features.
        gamma: discount.
        learning_rate: of Adam.
        hidden: width of the layer between features and value; 0 makes the head linear.
        batch: experiences in each gradient step.
        steps: gradient steps for each update.
        capacity: experiences kept for replay.
        tau: share of the way that the target network goes to the network at each gradient step.
        seed: of the initial weights and of replay.
    """

    _what = "Q-head"

    def __init__(
        self,
        encoder: Encoder,
        *,
        gamma: float = 0.9,
        learning_rate: float = 1e-3,
        hidden: int = 64,
        batch: int = 32,
        steps: int = 4,
        capacity: int = 2000,
        tau: float = 0.02,
        seed: int = 0,
    ) -> None:
        in_range("hidden", hidden, 0)
        in_range("tau", tau, 0, 1, above=True)
        super().__init__(
            _initial(encoder.width, hidden, torch.Generator().manual_seed(seed)),
            gamma=gamma,
            learning_rate=learning_rate,
            batch=batch,
            steps=steps,
            capacity=capacity,
            priority=0.6,
            huber=1.0,
            seed=seed,
        )
        self.encoder = encoder
        self.tau = tau
        self._source = encoder.source
        self._scale = _Scale(encoder.width)

    def update(self, transition: Transition) -> BellmanUpdate:
        if self.encoder.source != self._source:
            # Features of another adapter mean something else: what was learned is a beginning, replay starts anew.
            self._source = self.encoder.source
            self._forget()
        return super().update(transition)

    def _encoded(self, observation: Observation, commands: Sequence[str]) -> Tensor:
        return torch.from_numpy(self.encoder(observation, commands))

    def _count(self, option: Tensor) -> int:
        return len(option)

    def _keep(self, transition: Transition, taken: Tensor, successor: Tensor | None) -> None:
        self._scale.see(taken if successor is None else torch.cat([taken, successor]))
        # Successors have many rows: half precision halves the replay.
        kept = None if successor is None else successor.half()
        self._replay.add(Experience(taken, transition.reward, kept, self.gamma))

    def _follow(self) -> None:
        with torch.no_grad():
            for name, tensor in self._network.items():
                self._target[name].lerp_(tensor, self.tau)

    def _q(self, network: Network, options: Sequence[Tensor]) -> Tensor:
        hidden = self._scale(torch.cat(list(options)).float())  # [rows, width], mean 0, variance 1
        if "layer" in network:
            hidden = torch.relu(
                functional.linear(hidden, network["layer"], network["layer_bias"])
            )  # [rows, hidden]
        return functional.linear(hidden, network["out"], network["out_bias"])[:, 0]  # [rows]

    def _extra(self) -> dict[str, Tensor]:
        return {f"scale.{name}": tensor for name, tensor in self._scale.tensors.items()}

    def _restore(self, extra: Mapping[str, Tensor]) -> None:
        self._scale.tensors = {name: extra[f"scale.{name}"] for name in self._scale.tensors}


class _Scale:
    """Features to mean 0 and variance 1, by all that were seen: a few numbers of a hidden state dwarf the rest.

    Running moments as in Welford (1962), a batch at a time, beginning as if one of variance 1 had been seen.
    """

    def __init__(self, width: int) -> None:
        self.tensors = {"count": torch.zeros(1), "mean": torch.zeros(width), "squares": torch.zeros(width)}

    def see(self, features: Tensor) -> None:
        """Take in the features of some commands, [commands, width]."""
        count, mean, squares = self.tensors.values()
        total, apart = count + len(features), features.mean(dim=0) - mean
        spread = (features - features.mean(dim=0)).square().sum(dim=0)
        self.tensors = {
            "count": total,
            "mean": mean + apart * len(features) / total,
            "squares": squares + spread + apart.square() * count * len(features) / total,
        }

    def __call__(self, features: Tensor) -> Tensor:
        count, mean, squares = self.tensors.values()
        return (features - mean) / ((squares + 1) / (count + 1)).sqrt()


def _initial(width: int, hidden: int, generator: torch.Generator) -> Network:
    # The output layer starts at 0: nothing is worth anything before the first reward.
    if not hidden:
        return {"out": zeros(1, width), "out_bias": zeros(1)}
    return {
        "layer": normal(generator, hidden, width, scale=width**-0.5),
        "layer_bias": zeros(hidden),
        "out": zeros(1, hidden),
        "out_bias": zeros(1),
    }
