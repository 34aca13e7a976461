"""What neural Q-functions have in common: Q-learning on batches from a replay, with a target network and double Q.

One update is one step in the world: the step joins the replay (Schaul et al., ICLR 2016), and the network takes
gradient steps on batches drawn from there,

    target = r + discount * Q_target(s', argmax over a' of Q(s', a'))
    loss   = Huber(Q(s, a) - target), weighed against the bias of the replay

with a target network (Mnih et al. 2015) and double Q (van Hasselt et al., AAAI 2016).

How a state with its commands becomes numbers, and how numbers become Q, is what `DRRN` and `QHead` differ in.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

import numpy as np
import torch
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor
from torch.nn import functional

from sandbox.errors import SaveError
from sandbox.ranges import in_range
from sandbox.rl.records import UNREADABLE, counted_visits, optimizer_state
from sandbox.rl.replay import Replay
from sandbox.types import BellmanUpdate, Observation, Transition

_WEIGHTS = "weights"
_VISITS = "visits"
_SAVE_EVERY = 250
"""Updates between the points at which `changes` gives the weights, which are megabytes."""

Network = dict[str, Tensor]
"""Parameters by name; the forward pass is a function of them, so that two sets can be put through one function."""

X = TypeVar("X")
"""A state with some commands, in numbers."""


@dataclass(frozen=True, slots=True)
class Experience(Generic[X]):
    """One or several steps of the world, as replay keeps them."""

    taken: X
    """The state and the one command."""
    reward: float
    """Discounted sum of the steps' rewards."""
    successor: X | None
    """The state after the last step with its candidates; None at the end of the episode."""
    discount: float
    """gamma ** steps."""


class NeuralQ(ABC, Generic[X]):
    """The part of a `QFunction` that does not depend on how states and commands are encoded.

    Args:
        network: initial parameters.
        gamma: discount.
        learning_rate: of Adam.
        batch: experiences in each gradient step.
        steps: gradient steps for each update.
        capacity: experiences kept for replay.
        priority: how much more often surprising experiences are replayed; 0 draws all alike.
        huber: size of an error beyond which its loss is linear.
        seed: of replay.
    """

    def __init__(
        self,
        network: Network,
        *,
        gamma: float,
        learning_rate: float,
        batch: int,
        steps: int,
        capacity: int,
        priority: float,
        huber: float,
        seed: int,
    ) -> None:
        in_range("gamma", gamma, 0, 1)
        in_range("learning_rate", learning_rate, 0, 1, above=True)
        for name, count in (("batch", batch), ("steps", steps), ("capacity", capacity)):
            in_range(name, count, 1)
        in_range("priority", priority, 0, 1)
        in_range("huber", huber, 0, above=True)
        self.gamma = gamma
        self.batch = batch
        self.steps = steps
        self.huber = huber
        self._network = network
        self._target = copied(network)
        self._optimizer = torch.optim.Adam(network.values(), lr=learning_rate, fused=True)
        self._capacity = capacity
        self._priority = priority
        self._rng = np.random.default_rng(seed)
        self._visits: dict[str, Counter[str]] = {}
        self._unsaved = 0
        self._forget()

    _what: str
    """What a person calls it."""

    @abstractmethod
    def _encoded(self, observation: Observation, commands: Sequence[str]) -> X: ...

    @abstractmethod
    def _q(self, network: Network, options: Sequence[X]) -> Tensor:
        """Q of every command of every option, end to end: [sum of commands], float32."""

    @abstractmethod
    def _count(self, option: X) -> int:
        """How many commands an option has."""

    @abstractmethod
    def _keep(self, transition: Transition, taken: X, successor: X | None) -> None:
        """Add the experiences that this transition completes to the replay."""

    @abstractmethod
    def _follow(self) -> None:
        """Move the target network, after a gradient step."""

    def _extra(self) -> dict[str, Tensor]:
        """What else is saved with the networks; `_restore` gets it back."""
        return {}

    def _restore(self, extra: Mapping[str, Tensor]) -> None: ...

    @property
    def learning_rate(self) -> float:
        """Step size of the optimiser; may be lowered as learning goes on."""
        return float(self._optimizer.param_groups[0]["lr"])

    @learning_rate.setter
    def learning_rate(self, value: float) -> None:
        for group in self._optimizer.param_groups:
            group["lr"] = value

    def values(self, observation: Observation, commands: Sequence[str]) -> list[float]:
        if not commands:
            return []
        with torch.inference_mode():
            return [float(q) for q in self._q(self._network, [self._encoded(observation, commands)])]

    def visits(self, observation: Observation, commands: Sequence[str]) -> list[int]:
        known = self._visits.get(observation.state_key, Counter())
        return [known.get(command, 0) for command in commands]

    def update(self, transition: Transition) -> BellmanUpdate:
        """Keep the step, and take gradient steps on batches of what was kept.

        The numbers are of this transition: its one-step target, and the share of the error (`alpha`) that the
        gradient steps took away from it.
        """
        key, command = transition.observation.state_key, transition.command
        self._visits.setdefault(key, Counter())[command] += 1
        taken, successor = self._encoded(transition.observation, [command]), self._successor(transition)
        self._keep(transition, taken, successor)
        with torch.inference_mode():
            before = float(self._q(self._network, [taken])[0])
            next_value = float(self._best([successor])[0])
        for _ in range(self.steps if len(self._replay) else 0):
            self._train()
        self._unsaved += 1
        with torch.inference_mode():
            after = float(self._q(self._network, [taken])[0])
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

    def _forget(self) -> None:
        """Empty the replay."""
        self._replay: Replay[Experience[X]] = Replay(self._capacity, alpha=self._priority)

    def _successor(self, transition: Transition) -> X | None:
        """The next state with its candidates: those offered, or those that were tried there before."""
        if transition.terminated:
            return None
        then = transition.next_observation
        candidates = transition.candidates or then.admissible or tuple(self._visits.get(then.state_key, ()))
        return self._encoded(then, candidates) if candidates else None

    def _train(self) -> None:
        """One gradient step. Shapes: everything is [batch], and `predicted` carries the gradient."""
        indices, drawn, corrections = self._replay.draw(self.batch, self._rng)
        rewards = torch.tensor([each.reward for each in drawn])
        discounts = torch.tensor([each.discount for each in drawn])
        # The target is a constant to the gradient: only the prediction moves towards it (semi-gradient).
        with torch.no_grad():
            targets = rewards + discounts * self._best([each.successor for each in drawn])
        predicted = self._q(self._network, [each.taken for each in drawn])
        losses = functional.huber_loss(predicted, targets, reduction="none", delta=self.huber)
        self._optimizer.zero_grad()
        # What replay draws more often than its share weighs less, so that the expectation stays what it was.
        (losses * torch.tensor(corrections, dtype=torch.float32)).mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.values(), 5.0)
        self._optimizer.step()
        for index, error in zip(indices, (targets - predicted.detach()).tolist(), strict=True):
            self._replay.prioritise(index, error)
        self._follow()

    def _best(self, successors: Sequence[X | None]) -> Tensor:
        """What each successor is worth, [successors]; 0 at the end of an episode.

        Double Q: the network picks the best command, the target network says its value. One network doing both
        would take the largest of its own errors for value.
        """
        best = torch.zeros(len(successors))
        going_on = [i for i, successor in enumerate(successors) if successor is not None]
        options = [successor for successor in successors if successor is not None]
        if options:
            # Commands of all options lie end to end, one pass a network; split gives each option its own back.
            sizes = [self._count(each) for each in options]
            chosen_by, worth = (torch.split(self._q(net, options), sizes) for net in (self._network, self._target))
            best[going_on] = torch.stack([w[q.argmax()] for q, w in zip(chosen_by, worth, strict=True)])
        return best

    def dump(self) -> dict[str, bytes]:
        """The networks with the optimiser's moments as safetensors, and the counts of visits as JSON.

        Replay is not part of it: it fills again from play.
        """
        tensors = {f"network.{name}": tensor.detach() for name, tensor in self._network.items()}
        tensors |= {f"target.{name}": tensor for name, tensor in self._target.items()}
        for name, tensor in self._network.items():
            for moment, value in self._optimizer.state.get(tensor, {}).items():
                tensors[f"{moment}.{name}"] = value
        tensors |= self._extra()
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
        expected |= self._extra()
        try:
            tensors = from_safetensors(records[_WEIGHTS])
            visits = counted_visits(records[_VISITS])
            for name, tensor in expected.items():
                if tensors[name].shape != tensor.shape:
                    raise ValueError(f"{name} has another shape: it was learned with another model or card")
                if tensors[name].dtype != tensor.dtype or not bool(tensors[name].isfinite().all()):
                    raise ValueError(f"{name} holds no numbers of its kind")
            moments = {name: optimizer_state(tensors, name, tensor) for name, tensor in self._network.items()}
        except UNREADABLE as error:
            raise SaveError(
                f"the records of the {self._what} cannot be read: {error}",
                hint="play on with the learner and the language model that wrote them, or start a new save",
            ) from error
        for name, tensor in self._network.items():
            tensor.data.copy_(tensors[f"network.{name}"])
            self._target[name] = tensors[f"target.{name}"]
            if moments[name]:
                self._optimizer.state[tensor] = moments[name]
        self._restore(tensors)
        self._forget()
        self._visits, self._unsaved = visits, 0


def normal(generator: torch.Generator, *shape: int, scale: float) -> Tensor:
    """Initial weights: independent, normal, of this standard deviation."""
    return (torch.randn(*shape, generator=generator) * scale).requires_grad_()


def zeros(*shape: int) -> Tensor:
    """Initial biases, and output layers that find everything worth 0."""
    return torch.zeros(*shape).requires_grad_()


def copied(network: Network) -> Network:
    """The parameters as they are, without their gradients."""
    return {name: tensor.detach().clone() for name, tensor in network.items()}
