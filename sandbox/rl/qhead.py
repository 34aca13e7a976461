"""A Q-head: the value of a command, read off what a language model makes of it.

The network is small and stands on hidden states that the language model computes anyway when it scores a command;
the model itself is frozen. Offline, such heads steer language models in ILQL (Snell et al., ICLR 2023). Here one
learns online, as DRRN does (He et al., ACL 2016), with the model in place of its encoders: Q-learning with a
slowly moving target network (Mnih et al. 2015; Lillicrap et al. 2016), double Q (van Hasselt et al. 2016) and
prioritised replay (Schaul et al. 2016). A head that was never rewarded finds everything worth exactly 0.

Replay keeps features, not texts, so that a gradient step costs nothing next to a pass of the language model: there
are several for each step in the world.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import numpy.typing as npt
import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor
from torch.nn import functional

from sandbox.errors import SaveError
from sandbox.rl.replay import Replay
from sandbox.types import BellmanUpdate, Observation, Transition

_WEIGHTS = "weights"
_VISITS = "visits"
_SAVE_EVERY = 250
"""Updates between the points at which `changes` gives the weights."""

Network = dict[str, Tensor]


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


@dataclass(frozen=True, slots=True)
class _Experience:
    """One step of the world in features."""

    features: Tensor
    """[width], of the command that was given."""
    reward: float
    successors: Tensor
    """[commands, width], of what could be done next, in half precision: there are many; no rows at the end."""


class QHead:
    """A `QFunction` over a language model's features.

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
        self.encoder = encoder
        self.gamma = gamma
        self.batch = batch
        self.steps = steps
        self.tau = tau
        self._network = _initial(encoder.width, hidden, torch.Generator().manual_seed(seed))
        self._target = _copy(self._network)
        self._optimizer = torch.optim.Adam(self._network.values(), lr=learning_rate, fused=True)
        self._capacity = capacity
        self._replay: Replay[_Experience] = Replay(capacity)
        self._source = encoder.source
        self._scale = _Scale(encoder.width)
        self._rng = np.random.default_rng(seed)
        self._visits: dict[str, Counter[str]] = {}
        self._unsaved = 0

    def values(self, observation: Observation, commands: Sequence[str]) -> list[float]:
        if not commands:
            return []
        with torch.inference_mode():
            return [float(q) for q in self._q(self._network, self._features(observation, commands))]

    def visits(self, observation: Observation, commands: Sequence[str]) -> list[int]:
        known = self._visits.get(observation.state_key, Counter())
        return [known.get(command, 0) for command in commands]

    def update(self, transition: Transition) -> BellmanUpdate:
        """Keep the step, and take gradient steps on batches of what was kept.

        The numbers are of this transition: its target, and the share of the error (`alpha`) that the gradient
        steps took away from it.
        """
        self._mind_the_source()
        key, command = transition.observation.state_key, transition.command
        self._visits.setdefault(key, Counter())[command] += 1
        features, successors = self._features(transition.observation, [command]), self._successors(transition)
        self._scale.see(torch.cat([features, successors]))
        with torch.inference_mode():
            before = float(self._q(self._network, features)[0])
            next_value = float(self._best([successors])[0])
        self._replay.add(_Experience(features[0], transition.reward, successors.half()))
        for _ in range(self.steps):
            self._train()
        self._unsaved += 1
        with torch.inference_mode():
            after = float(self._q(self._network, features)[0])
        error = transition.reward + self.gamma * next_value - before
        return BellmanUpdate(
            state_key=key,
            command=command,
            before=before,
            reward=transition.reward,
            gamma=self.gamma,
            next_value=next_value,
            alpha=(after - before) / error if error else 0.0,
            after=after,
            source=transition.source,
        )

    def _features(self, observation: Observation, commands: Sequence[str]) -> Tensor:
        return torch.from_numpy(self.encoder(observation, commands))

    def _successors(self, transition: Transition) -> Tensor:
        """Features of what can be done next: of the candidates offered, or of what was tried there before."""
        then = transition.next_observation
        candidates = transition.candidates or then.admissible or tuple(self._visits.get(then.state_key, ()))
        if transition.terminated or not candidates:
            return torch.zeros(0, self.encoder.width)
        return self._features(then, candidates)

    def _mind_the_source(self) -> None:
        """Features of another adapter mean something else: what was learned is a beginning, replay starts anew."""
        if self.encoder.source != self._source:
            self._source = self.encoder.source
            self._replay = Replay(self._capacity)

    def _train(self) -> None:
        indices, drawn, corrections = self._replay.draw(self.batch, self._rng)
        rewards = torch.tensor([each.reward for each in drawn])
        with torch.no_grad():
            targets = rewards + self.gamma * self._best([each.successors for each in drawn])
        predicted = self._q(self._network, torch.stack([each.features for each in drawn]))
        losses = functional.smooth_l1_loss(predicted, targets, reduction="none")
        self._optimizer.zero_grad()
        (losses * torch.tensor(corrections, dtype=torch.float32)).mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.values(), 5.0)
        self._optimizer.step()
        with torch.no_grad():
            for name, tensor in self._network.items():
                self._target[name].lerp_(tensor, self.tau)
        for index, error in zip(indices, (targets - predicted.detach()).tolist(), strict=True):
            self._replay.prioritise(index, error)

    def _best(self, successors: Sequence[Tensor]) -> Tensor:
        """Double Q: the network picks each successor's best command, the target network says what it is worth."""
        sizes = [len(each) for each in successors]
        flat = torch.cat(list(successors)).float()
        chosen_by, worth = (torch.split(self._q(each, flat), sizes) for each in (self._network, self._target))
        best = [w[int(q.argmax())] if len(q) else torch.zeros(()) for q, w in zip(chosen_by, worth, strict=True)]
        return torch.stack(best)

    def _q(self, network: Network, features: Tensor) -> Tensor:
        hidden = self._scale(features)
        if "layer" in network:
            hidden = torch.relu(functional.linear(hidden, network["layer"], network["layer_bias"]))
        return functional.linear(hidden, network["out"], network["out_bias"])[:, 0]

    def dump(self) -> dict[str, bytes]:
        """The networks, the optimiser's moments and the scale of features as safetensors, visits as JSON.

        Replay is not part of it: it fills again from play.
        """
        tensors = {f"network.{name}": tensor.detach() for name, tensor in self._network.items()}
        tensors |= {f"target.{name}": tensor for name, tensor in self._target.items()}
        for name, tensor in self._network.items():
            for moment, value in self._optimizer.state.get(tensor, {}).items():
                tensors[f"{moment}.{name}"] = value
        tensors |= {f"scale.{name}": tensor for name, tensor in self._scale.tensors.items()}
        return {
            _WEIGHTS: to_safetensors({name: tensor.contiguous() for name, tensor in tensors.items()}),
            _VISITS: json.dumps(self._visits, ensure_ascii=False).encode(),
        }

    def changes(self) -> dict[str, bytes]:
        """Everything, but only after every 250 updates: a crash costs at most these."""
        if self._unsaved < _SAVE_EVERY:
            return {}
        self._unsaved = 0
        return self.dump()

    def load(self, records: Mapping[str, bytes]) -> None:
        """Replace everything learned. Raises `SaveError`, and changes nothing, where a record is damaged."""
        if not records:
            return
        expected = {f"{part}.{name}": t for part in ("network", "target") for name, t in self._network.items()}
        expected |= {f"scale.{name}": tensor for name, tensor in self._scale.tensors.items()}
        try:
            tensors = from_safetensors(records[_WEIGHTS])
            visits = {str(key): Counter(counts) for key, counts in json.loads(records[_VISITS]).items()}
            for name, tensor in expected.items():
                if tensors[name].shape != tensor.shape:
                    raise ValueError(f"{name} has another shape: it was learned with another model or card")
        except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SaveError(
                f"the Q-head's records cannot be read: {error}",
                hint="play on with the learner and the language model that wrote them, or start a new save",
            ) from error
        for name, tensor in self._network.items():
            tensor.data.copy_(tensors[f"network.{name}"])
            self._target[name] = tensors[f"target.{name}"]
            moments = ("step", "exp_avg", "exp_avg_sq")
            if f"step.{name}" in tensors:
                self._optimizer.state[tensor] = {each: tensors[f"{each}.{name}"] for each in moments}
        self._scale.tensors = {name: tensors[f"scale.{name}"] for name in self._scale.tensors}
        self._replay = Replay(self._capacity)
        self._visits, self._unsaved = visits, 0


class _Scale:
    """Features to mean 0 and variance 1, by all that were seen: a few numbers of a hidden state dwarf the rest.

    Running moments as in Welford (1962), a batch at a time, beginning as if one of variance 1 had been seen.
    """

    def __init__(self, width: int) -> None:
        self.tensors = {"count": torch.zeros(1), "mean": torch.zeros(width), "squares": torch.zeros(width)}

    def see(self, features: Tensor) -> None:
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
    def normal(*shape: int, scale: float) -> Tensor:
        return (torch.randn(*shape, generator=generator) * scale).requires_grad_()

    def zeros(*shape: int) -> Tensor:
        return torch.zeros(*shape).requires_grad_()

    if not hidden:
        return {"out": zeros(1, width), "out_bias": zeros(1)}
    return {
        "layer": normal(hidden, width, scale=width**-0.5),
        "layer_bias": zeros(hidden),
        "out": zeros(1, hidden),
        "out_bias": zeros(1),
    }


def _copy(network: Network) -> Network:
    return {name: tensor.detach().clone() for name, tensor in network.items()}
