"""The deep reinforcement relevance network: Q over text, for any number of commands (He et al., ACL 2016).

State and command go through encoders of their own, here bags of hashed n-grams, and a small network rates the
pair. How a command matches the goal is among its features, so that what is asked for is found among things that
were never seen. `NeuralQ` trains it, on n-step returns (Sutton & Barto, 2nd ed., ch. 7), which end before a
command that was not greedy, as Watkins's traces do. Commands and rooms that share words share what is learned,
which a table cannot do.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import torch
from torch import Tensor
from torch.nn import functional

from sandbox.ranges import in_range
from sandbox.rl.features import BUCKETS, Bag, command_bags, state_bags
from sandbox.rl.neural import Experience, Network, NeuralQ, copied, normal, zeros
from sandbox.types import Observation, Transition

Text = tuple[Bag, ...]
"""The parts of a state, or of a command."""
Options = tuple[Text, tuple[Text, ...]]
"""A state and some commands."""


class DRRN(NeuralQ[Options]):
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

    _what = "neural learner"

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
        for name, count in (("n_step", n_step), ("hidden", hidden), ("target_every", target_every)):
            in_range(name, count, 1)
        super().__init__(
            _initial(hidden, torch.Generator().manual_seed(seed)),
            gamma=gamma,
            learning_rate=learning_rate,
            batch=batch,
            steps=1,
            capacity=capacity,
            priority=priority,
            huber=huber,
            seed=seed,
        )
        self.n_step = n_step
        self.target_every = target_every
        self._under_way: list[Transition] = []
        self._updates = 0

    def _encoded(self, observation: Observation, commands: Sequence[str]) -> Options:
        return state_bags(observation), tuple(command_bags(command, observation.goal) for command in commands)

    def _count(self, option: Options) -> int:
        return len(option[1])

    def _keep(self, transition: Transition, taken: Options, successor: Options | None) -> None:
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
            Experience(
                taken=self._encoded(first.observation, [first.command]),
                reward=sum(self.gamma**i * step.reward for i, step in enumerate(steps)),
                successor=self._successor(last),
                discount=self.gamma ** len(steps),
            )
        )

    def _follow(self) -> None:
        self._updates += 1
        if self._updates % self.target_every == 0:
            self._target = copied(self._network)

    def _extra(self) -> dict[str, Tensor]:
        return {"updates": torch.tensor(self._updates)}

    def _restore(self, extra: Mapping[str, Tensor]) -> None:
        self._updates = int(extra["updates"])

    def _q(self, network: Network, options: Sequence[Options]) -> Tensor:
        """Q of each row, a row for each command: state, command and their product through one hidden layer."""
        states = _Texts.of([state for state, _ in options])
        counts = torch.tensor([len(commands) for _, commands in options])
        states = replace(states, rows=states.rows.repeat_interleave(counts))
        commands = _Texts.of([command for _, commands in options for command in commands])
        state = states.embedded(network["state_words"])  # [rows, hidden]
        command = commands.embedded(network["command_words"])  # [rows, hidden]
        # The product lets one layer see which words of the command are words of the state.
        mixed = torch.cat([state, command, state * command], dim=1)  # [rows, 3 * hidden]
        hidden = torch.relu(functional.linear(mixed, network["mix"], network["mix_bias"]))  # [rows, hidden]
        return functional.linear(hidden, network["out"], network["out_bias"])[:, 0]  # [rows]


def _initial(hidden: int, generator: torch.Generator) -> Network:
    return {
        "state_words": normal(generator, BUCKETS, hidden, scale=0.2),
        "command_words": normal(generator, BUCKETS, hidden, scale=0.2),
        # He's scale keeps the variance through the ReLU; the small output layer starts near "all worth 0".
        "mix": normal(generator, hidden, 3 * hidden, scale=(2 / (3 * hidden)) ** 0.5),
        "mix_bias": zeros(hidden),
        "out": normal(generator, 1, hidden, scale=0.1 / hidden**0.5),
        "out_bias": zeros(1),
    }


@dataclass(frozen=True, slots=True)
class _Texts:
    """The different ones among some texts, end to end, and which of them each row has.

    The commands of one state share it, and a batch repeats rooms: each text is embedded once.
    """

    flat: Tensor
    """Buckets of the n-grams: [n-grams of all texts], int32."""
    weights: Tensor
    """Of each n-gram, as `_weighted` says: [n-grams of all texts]."""
    offsets: Tensor
    """Where each text begins: [texts], int32."""
    rows: Tensor
    """The text of each row: [rows]."""

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
        """[rows, hidden], in (-1, 1), of the table `words`, [BUCKETS, hidden]."""
        sums = functional.embedding_bag(
            self.flat, words, self.offsets, mode="sum", per_sample_weights=self.weights
        )
        return torch.tanh(sums)[self.rows]


@lru_cache(maxsize=8192)
def _weighted(text: Text) -> tuple[Tensor, Tensor]:
    """The n-grams of all parts, each weighing one over the square root of their number, so that no part drowns."""
    flat = torch.tensor([bucket for bag in text for bucket in bag], dtype=torch.int32)
    return flat, torch.tensor([len(bag) ** -0.5 for bag in text for _ in bag])
