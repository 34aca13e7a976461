"""The deep reinforcement relevance network: Q over text, for any number of commands (He et al., ACL 2016).

State and command go through encoders of their own, here bags of hashed n-grams, and a small network rates the
pair. How a command matches the goal is among its features, so that what is asked for is found among things that
were never seen. It is trained by Q-learning with a target network (Mnih et al. 2015), double Q (van Hasselt et al.
2016), prioritised replay (Schaul et al. 2016) and n-step returns (Sutton & Barto, 2nd ed., ch. 7), which end
before a command that was not greedy, as Watkins's traces do. Commands and rooms that share words share what is
learned, which a table cannot do.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load as from_safetensors
from safetensors.torch import save as to_safetensors
from torch import Tensor
from torch.nn import functional

from sandbox.errors import SaveError
from sandbox.rl.features import BUCKETS, Bag, command_bags, state_bags
from sandbox.rl.replay import Replay
from sandbox.types import BellmanUpdate, Observation, Transition

_WEIGHTS = "weights"
_VISITS = "visits"
_SAVE_EVERY = 250
"""Updates between the points at which `changes` gives the weights, which are megabytes."""

Network = dict[str, Tensor]
Text = tuple[Bag, ...]
"""The parts of a state, or of a command."""
Options = tuple[Text, tuple[Text, ...]]
"""A state and some commands."""


@dataclass(frozen=True, slots=True)
class _NStep:
    """n steps as one: the discounted rewards, and what the rest is worth."""

    taken: Options
    """The state and the one command."""
    reward: float
    successor: Options | None
    """The last state with its candidates; None at the end of the episode."""
    discount: float
    """gamma ** n."""


class DRRN:
    """A `QFunction` that generalises over text.

    Args:
        gamma: discount.
        learning_rate: of Adam.
        n_step: rewards that are added up before bootstrapping.
        hidden: width of the layers.
        batch: experiences in each gradient step; there is one step for each update.
        capacity: experiences kept for replay.
        target_every: updates between copies of the network to the target network.
        huber: size of an error beyond which its loss is linear. It keeps rare large rewards from upsetting the
            network, and draws values towards the median: where returns vary by chance, raise it above their
            spread.
        priority: how much more often surprising experiences are replayed; 0 draws all alike.
        seed: of the initial weights and of replay.
    """

    def __init__(
        self,
        *,
        gamma: float = 0.9,
        learning_rate: float = 1e-3,
        n_step: int = 3,
        hidden: int = 64,
        batch: int = 32,
        capacity: int = 5000,
        target_every: int = 100,
        huber: float = 1.0,
        priority: float = 0.6,
        seed: int = 0,
    ) -> None:
        self.gamma = gamma
        self.n_step = n_step
        self.batch = batch
        self.target_every = target_every
        self.huber = huber
        self._network = _initial(hidden, torch.Generator().manual_seed(seed))
        self._target = _copy(self._network)
        self._optimizer = torch.optim.Adam(self._network.values(), lr=learning_rate, fused=True)
        self._replay: Replay[_NStep] = Replay(capacity, alpha=priority)
        self._rng = np.random.default_rng(seed)
        self._under_way: list[Transition] = []
        self._visits: dict[str, Counter[str]] = {}
        self._updates = 0
        self._unsaved = 0

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
            return [float(q) for q in _q(self._network, _inputs([_options(observation, commands)]))]

    def visits(self, observation: Observation, commands: Sequence[str]) -> list[int]:
        known = self._visits.get(observation.state_key, Counter())
        return [known.get(command, 0) for command in commands]

    def update(self, transition: Transition) -> BellmanUpdate:
        """Keep the step, and take one gradient step on a batch of what was kept.

        The numbers are of this transition: its one-step target, and the share of the error (`alpha`) that the
        gradient step took away from it.
        """
        key, command = transition.observation.state_key, transition.command
        self._visits.setdefault(key, Counter())[command] += 1
        taken = _inputs([_options(transition.observation, [command])])
        with torch.inference_mode():
            before = float(_q(self._network, taken)[0])
            next_value = float(self._best([self._successor(transition)])[0])
        self._keep(transition)
        self._train()
        self._unsaved += 1
        with torch.inference_mode():
            after = float(_q(self._network, taken)[0])
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

    def _successor(self, transition: Transition) -> Options | None:
        """The next state with its candidates: those offered, or those that were tried there before."""
        if transition.terminated:
            return None
        then = transition.next_observation
        candidates = transition.candidates or then.admissible or tuple(self._visits.get(then.state_key, ()))
        return _options(then, candidates) if candidates else None

    def _keep(self, transition: Transition) -> None:
        """Add the n-step experiences that this transition completes."""
        if transition.source == "person":
            self._add([transition])
            return
        if self._under_way and not self._goes_on(self._under_way[-1], transition):
            self._flush()
        self._under_way.append(transition)
        if len(self._under_way) == self.n_step:
            self._add(self._under_way)
            del self._under_way[0]
        if transition.terminated:
            self._flush()

    def _goes_on(self, last: Transition, now: Transition) -> bool:
        """Whether a step follows upon the last and is greedy: what an explored one earns is not the optimum's."""
        if last.next_observation.state_key != now.observation.state_key:
            return False
        others = now.observation.admissible or ()
        value, *rest = self.values(now.observation, [now.command, *others])
        return all(value >= other - 1e-6 for other in rest)

    def _flush(self) -> None:
        """What is under way becomes experiences of fewer steps."""
        while self._under_way:
            self._add(self._under_way)
            del self._under_way[0]

    def _add(self, steps: Sequence[Transition]) -> None:
        first, last = steps[0], steps[-1]
        self._replay.add(
            _NStep(
                taken=_options(first.observation, [first.command]),
                reward=sum(self.gamma**i * step.reward for i, step in enumerate(steps)),
                successor=self._successor(last),
                discount=self.gamma ** len(steps),
            )
        )

    def _train(self) -> None:
        if not len(self._replay):
            return
        indices, drawn, corrections = self._replay.draw(self.batch, self._rng)
        rewards = torch.tensor([each.reward for each in drawn])
        discounts = torch.tensor([each.discount for each in drawn])
        with torch.inference_mode():
            targets = rewards + discounts * self._best([each.successor for each in drawn])
        targets = targets.clone()
        predicted = _q(self._network, _inputs([each.taken for each in drawn]))
        losses = functional.huber_loss(predicted, targets, reduction="none", delta=self.huber)
        self._optimizer.zero_grad()
        (losses * torch.tensor(corrections, dtype=torch.float32)).mean().backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(self._network.values(), 5.0)
        self._optimizer.step()
        for index, error in zip(indices, (targets - predicted.detach()).tolist(), strict=True):
            self._replay.prioritise(index, error)
        self._updates += 1
        if self._updates % self.target_every == 0:
            self._target = _copy(self._network)

    def _best(self, successors: Sequence[Options | None]) -> Tensor:
        """Double Q: the network picks each successor's best command, the target network says what it is worth."""
        best = torch.zeros(len(successors))
        going_on = [i for i, successor in enumerate(successors) if successor is not None]
        options = [successor for successor in successors if successor is not None]
        if not options:
            return best
        inputs = _inputs(options)
        sizes = [len(commands) for _, commands in options]
        chosen_by, worth = (torch.split(_q(net, inputs), sizes) for net in (self._network, self._target))
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
        tensors["updates"] = torch.tensor(self._updates)
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
        try:
            tensors = from_safetensors(records[_WEIGHTS])
            visits = {str(key): Counter(counts) for key, counts in json.loads(records[_VISITS]).items()}
            for name, tensor in self._network.items():
                for part in ("network", "target"):
                    if tensors[f"{part}.{name}"].shape != tensor.shape:
                        raise ValueError(f"{name} has another shape")
        except (SafetensorError, ValueError, TypeError, KeyError, AttributeError) as error:
            raise SaveError(
                f"the neural learner's records cannot be read: {error}",
                hint="play on with the learner that wrote them, or start a new save",
            ) from error
        for name, tensor in self._network.items():
            tensor.data.copy_(tensors[f"network.{name}"])
            self._target[name] = tensors[f"target.{name}"]
            moments = ("step", "exp_avg", "exp_avg_sq")
            if f"step.{name}" in tensors:
                self._optimizer.state[tensor] = {each: tensors[f"{each}.{name}"] for each in moments}
        self._updates, self._visits, self._unsaved = int(tensors["updates"]), visits, 0


def _initial(hidden: int, generator: torch.Generator) -> Network:
    def normal(*shape: int, scale: float) -> Tensor:
        return (torch.randn(*shape, generator=generator) * scale).requires_grad_()

    def zeros(*shape: int) -> Tensor:
        return torch.zeros(*shape).requires_grad_()

    return {
        "state_words": normal(BUCKETS, hidden, scale=0.2),
        "command_words": normal(BUCKETS, hidden, scale=0.2),
        "mix": normal(hidden, 3 * hidden, scale=(2 / (3 * hidden)) ** 0.5),
        "mix_bias": zeros(hidden),
        "out": normal(1, hidden, scale=0.1 / hidden**0.5),
        "out_bias": zeros(1),
    }


def _copy(network: Network) -> Network:
    return {name: tensor.detach().clone() for name, tensor in network.items()}


def _options(observation: Observation, commands: Sequence[str]) -> Options:
    return state_bags(observation), tuple(command_bags(command, observation.goal) for command in commands)


@dataclass(frozen=True, slots=True)
class _Texts:
    """The different ones among some texts, end to end, and which of them each row has."""

    flat: Tensor
    """Buckets of the n-grams."""
    weights: Tensor
    """Of each n-gram, as `_weighted` says."""
    offsets: Tensor
    """Where each text begins."""
    rows: Tensor

    @classmethod
    def of(cls, texts: Sequence[Text]) -> _Texts:
        place: dict[Text, int] = {}
        rows = [place.setdefault(text, len(place)) for text in texts]
        flat, weights = zip(*(_weighted(text) for text in place), strict=True)
        sizes = torch.tensor([len(each) for each in flat])
        return cls(
            flat=torch.cat(flat),
            weights=torch.cat(weights),
            offsets=(sizes.cumsum(0) - sizes).to(torch.int32),
            rows=torch.tensor(rows),
        )

    def embedded(self, words: Tensor) -> Tensor:
        sums = functional.embedding_bag(
            self.flat, words, self.offsets, mode="sum", per_sample_weights=self.weights
        )
        return torch.tanh(sums)[self.rows]


@lru_cache(maxsize=8192)
def _weighted(text: Text) -> tuple[Tensor, Tensor]:
    """The n-grams of all parts, each weighing one over the square root of their number, so that no part drowns."""
    flat = torch.tensor([bucket for bag in text for bucket in bag], dtype=torch.int32)
    return flat, torch.tensor([len(bag) ** -0.5 for bag in text for _ in bag])


Inputs = tuple[_Texts, _Texts]
"""States and commands, a row for each command."""


def _inputs(options: Sequence[Options]) -> Inputs:
    states = _Texts.of([state for state, _ in options])
    counts = torch.tensor([len(commands) for _, commands in options])
    return (
        replace(states, rows=states.rows.repeat_interleave(counts)),
        _Texts.of([command for _, commands in options for command in commands]),
    )


def _q(network: Network, inputs: Inputs) -> Tensor:
    """Q of each row: state, command and their product through one hidden layer."""
    state, command = inputs[0].embedded(network["state_words"]), inputs[1].embedded(network["command_words"])
    mixed = torch.cat([state, command, state * command], dim=1)
    hidden = torch.relu(functional.linear(mixed, network["mix"], network["mix_bias"]))
    return functional.linear(hidden, network["out"], network["out_bias"])[:, 0]
