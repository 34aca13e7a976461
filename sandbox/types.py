"""The values that everything passes around and the protocols that everything implements.

The loop they describe, in one breath: a `World` shows a seat an `Observation`; an `Agent` turns it into a
`Decision` (proposals from a `LanguageModel`, reranked by a `Learner`); the chosen command goes through
`World.step`; the reward comes back to the agent in a `Transition`; the `Update` it returns is what the
screen shows as the Bellman update.

Everything here is frozen. Worlds are pure: state in, state out, and the state carries its own random
generator, so that undo, saves and branches are nothing but keeping a value. Agents draw their randomness
from the seed of each call, so that the same decision can be made again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Generic, Literal, Protocol, TypeVar, runtime_checkable

from sandbox.text import short, two_decimals

S = TypeVar("S")

Progress = Callable[[str], None]
"""Told in a line what takes time."""


def silent(message: str) -> None:
    """The `Progress` of those who want to be told nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Observation:
    """What one seat perceives at its turn. All text is clean: no control characters, no terminal escapes."""

    seat: str
    """The seat that perceives this."""
    turn: int
    """How many commands this seat has given so far in the episode."""
    text: str
    """What the world said since this seat's last command: the reply, and what it heard of others."""
    description: str = ""
    """The surroundings as a look would print them, where the world can tell without costing a turn."""
    inventory: str = ""
    """What the seat carries, as the inventory command would print it."""
    goal: str = ""
    """What the seat is asked to achieve, in words."""
    score: float = 0.0
    """Points so far in this episode."""
    max_score: float | None = None
    """The highest score that can be reached, where it is known."""
    admissible: tuple[str, ...] | None = None
    """The commands that would do something here, sorted; None where the world cannot list them."""
    done: bool = False
    """Whether the episode has ended for this seat."""
    won: bool = False
    """Whether it ended with this seat's goal reached."""

    @property
    def state_key(self) -> str:
        """Identity of the state *as perceived*: 16 hex digits over goal, description and inventory.

        Two situations that look the same to the seat are one state to its learner, whatever hidden facts tell
        them apart. Where the world gives no description, the text stands in for it.
        """
        perceived = "\x1f".join((self.goal, self.description or self.text, self.inventory))
        return hashlib.sha256(perceived.encode()).hexdigest()[:16]


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One command of a seat and all that the seat read until its next turn. The opening has no command."""

    command: str
    reply: str


History = Sequence[Exchange]
"""What a seat has lived through in this episode, oldest first; the last reply is the observation's text."""

Device = Literal["auto", "cpu", "cuda", "mps", "xpu"]
"""Where a language model computes."""
Dtype = Literal["auto", "float32", "bfloat16", "float16"]
"""The numbers it computes with."""

Source = Literal["admissible", "sampled", "known", "scripted", "person"]
Chooser = Literal["agent", "exploration", "person", "script", "author"]
"""Who chose a command. What an author did to try a world out is nobody's play: nothing is learned from it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Proposal:
    """A candidate command, with the natural-language line it came from."""

    command: str
    said: str = ""
    """The words of the agent that the command was grounded from; empty where the command was only scored."""
    source: Source = "admissible"
    prior: float = 0.0
    """Log-probability of the command under the language model, normalised as the card says (nats)."""
    understood: bool = True
    """Whether the world is known to understand the command."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What an agent considered at one turn and what it wants. The tuples run parallel to `proposals`."""

    seat: str
    state_key: str
    proposals: tuple[Proposal, ...]
    """In the order in which they are shown: best combined score first."""
    q_values: tuple[float, ...]
    """What the learner thinks of each: `Learner.values`."""
    scores: tuple[float, ...]
    """Prior and Q combined, as the card says; what the choice is made by."""
    visits: tuple[int, ...] = ()
    """How often the learner has updated each (state, command)."""
    chosen: int
    """Index of the proposal that the agent wants."""
    chooser: Chooser = "agent"
    reason: str = ""
    """One line for a person: why this one."""
    agent: str = ""
    model: str = ""
    """Language model and adapter revision, as `LanguageModel.name` gives it; empty without one."""
    prompt: str = ""
    """The exact prompt that the proposals came from; empty without a language model."""
    seconds: float = 0.0
    """Wall-clock time the decision took."""

    @property
    def command(self) -> str:
        """The command that the agent wants."""
        return self.proposals[self.chosen].command


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One step as a learner gets it."""

    observation: Observation
    command: str
    reward: float
    next_observation: Observation
    candidates: tuple[str, ...] = ()
    """The successor's candidate commands, over which the maximum is taken; empty at the end."""
    terminated: bool = False
    """The world ended: no value follows. An episode that was only cut off is not terminated."""
    source: Literal["world", "person"] = "world"
    """Whether `reward` is the world's alone, or a person's feedback has been added to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Update:
    """What a learner changed on one step: one number that moved, and the formula that moved it.

    Each kind of learner extends it with the numbers of its own rule. What shows updates needs no more than this.
    """

    quantity: ClassVar[str] = "Q"
    """What the number is, such as `Q` or `ln π`: it is shown as `Q(s, take lamp)`."""

    state_key: str
    command: str
    before: float
    after: float
    source: Literal["world", "person"] = "world"

    @property
    def error(self) -> float:
        """How far off the learner was, by its own measure."""
        return self.after - self.before

    @property
    def formula(self) -> str:
        """The update in numbers: whatever led there, ` = `, and the new number."""
        return (
            f"{two_decimals(self.before)} + {two_decimals(self.after - self.before)} = {two_decimals(self.after)}"
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class BellmanUpdate(Update):
    """One Bellman update in numbers: `after = before + alpha * (reward + gamma * next_value - before)`."""

    reward: float
    gamma: float
    next_value: float
    """max over a' of Q(s', a'); 0 at the end of an episode."""
    alpha: float

    @property
    def target(self) -> float:
        """r + gamma * max Q(s', a')."""
        return self.reward + self.gamma * self.next_value

    @property
    def error(self) -> float:
        """The temporal-difference error: target minus the old estimate."""
        return self.target - self.before

    @property
    def formula(self) -> str:
        """The update as it happened: `0.00 + 0.5·(1 + 0.9·0.00 − 0.00) = 0.50`."""
        before = two_decimals(self.before, operand=True)
        target = f"{short(self.reward)} + {short(self.gamma)}·{two_decimals(self.next_value, operand=True)}"
        return f"{before} + {short(self.alpha)}·({target} − {before}) = {two_decimals(self.after)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Step(Generic[S]):
    """What one command led to."""

    state: S
    rewards: Mapping[str, float] = field(default_factory=dict)
    """Reward of each seat that got one; a seat that is missing got 0."""
    terminated: bool = False
    """The world has ended."""
    truncated: bool = False
    """The episode was cut off by a limit of the world."""


class World(Protocol[S]):
    """An environment made of text. Pure: no method changes a state, and equal states behave alike for ever.

    A world in which several seats move at once is written as one in which each commits its command in turn
    without seeing the others', and the last commit resolves them all.
    """

    @property
    def name(self) -> str:
        """The reference that leads back to this world, such as `lighthouse` or `tw:coin?level=5&seed=1`."""

    @property
    def title(self) -> str:
        """What a person calls it."""

    @property
    def seats(self) -> tuple[str, ...]: ...

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the definition, in hex: a save says which version of the world it was played on."""

    @property
    def verbs(self) -> tuple[str, ...]:
        """Verbs the world understands, most useful first; what a model is told when nothing is admissible."""

    def initial(self, seed: int) -> S:
        """The state an episode starts in. Deterministic worlds ignore the seed."""

    def to_move(self, state: S) -> str | None:
        """The seat whose command comes next; None when the world has ended."""

    def observe(self, state: S, seat: str) -> Observation: ...

    def step(self, state: S, seat: str, command: str) -> Step[S]:
        """Carry out a command. One that is not understood is answered in the text; it is never an error."""

    def dump(self, state: S) -> bytes:
        """The state as bytes, for saves; `load(dump(s))` behaves exactly as `s`. Never a pickle."""

    def load(self, data: bytes) -> S:
        """Raises `SaveError` where the bytes are not a state of this world."""

    def close(self) -> None:
        """Let go of processes and files. The world may not be used afterwards."""


@runtime_checkable
class WorldKind(Protocol):
    """A kind of world: what an entry point of the group `sandbox.worlds` names.

    The name of the entry point says what it opens: `maze` every reference that begins with `maze:`, and `.maze`
    every file that ends so.
    """

    def canonical(self, reference: str) -> str:
        """The one spelling of all that mean the same; a file comes as its absolute path. Opens nothing.

        Raises `WorldError` with the way out where it can mean nothing.
        """

    def open(self, reference: str, *, name: str, seats: int | None, progress: Progress) -> World[Any]:
        """The world.

        Args:
            reference: as `canonical` gives it.
            name: what `World.name` has to be: it leads back to the world.
            seats: for how many of its seats, from the first on; None for all.
            progress: told what takes time.

        Raises `WorldError` where it cannot be opened.
        """


@dataclass(frozen=True, slots=True)
class OptionScore:
    """How likely a language model finds one continuation."""

    logprob: float
    """Sum over the continuation's tokens, in nats."""
    tokens: int

    @property
    def mean(self) -> float:
        """Per token, so that longer commands are not held against themselves (TWOSOME, Tan et al. 2024)."""
        return self.logprob / max(self.tokens, 1)


@dataclass(frozen=True, slots=True)
class Sample:
    """One sampled continuation, up to and without the stop string."""

    text: str
    logprob: float
    tokens: int
    thought: str = ""
    """What the model thought before, where it did so unasked."""


@runtime_checkable
class LanguageModel(Protocol):
    """A language model as the agents need it: it rates given continuations, and it writes its own."""

    @property
    def name(self) -> str:
        """Model and adapter revision, such as `smollm2-135m-instruct@base`: the key of caches and records."""

    def score(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        """Log-probability of each option as the continuation of the prompt; one result an option, in order."""

    def sample(
        self,
        prompt: str,
        n: int,
        *,
        seed: int,
        max_tokens: int = 24,
        temperature: float = 1.0,
        stop: Sequence[str] = ("\n",),
    ) -> list[Sample]:
        """n continuations in one batched decode; the same seed gives the same texts."""


@runtime_checkable
class ModelKind(Protocol):
    """A kind of language model: what an entry point of the group `sandbox.models` names.

    The name of the entry point is what the `model` of a card begins with: `echo` answers for `echo:loudly`.
    """

    def state(self, reference: str, folder: Path | None) -> str:
        """`ready`, or in a few words why it is not. Loads nothing."""

    def open(self, reference: str, *, folder: Path | None, threads: int, progress: Progress) -> LanguageModel:
        """The model.

        Args:
            reference: the whole `model` of the card.
            folder: of the card: what relative paths start from.
            threads: to compute with; 0 takes as many as there are cores.
            progress: told what takes time.

        Raises `ModelError` where it cannot be had.
        """


class Learner(Protocol):
    """Something that learns from reward what to think of a command, over candidate lists of any length."""

    def values(self, observation: Observation, commands: Sequence[str]) -> list[float]:
        """A number for each command, the higher the better: its estimated return, or its logit in a policy."""

    def visits(self, observation: Observation, commands: Sequence[str]) -> list[int]:
        """How many updates each (state, command) has had."""

    def update(self, transition: Transition) -> Update:
        """Learn from one step and say what changed."""

    def dump(self) -> dict[str, bytes]:
        """Everything learned, as named records; JSON or safetensors, never a pickle."""

    def changes(self) -> dict[str, bytes]:
        """The records that changed since the last call: what a save writes at every turn."""

    def load(self, records: Mapping[str, bytes]) -> None:
        """Raises `SaveError` where a record is damaged."""


@runtime_checkable
class QFunction(Learner, Protocol):
    """A learner whose values are estimates of the discounted return."""

    gamma: float


@runtime_checkable
class Learning(Protocol):
    """An agent whose learner can be asked what it thinks of commands."""

    learner: Learner | None


class Agent(Protocol):
    """Something that can hold a seat and is not a person."""

    @property
    def name(self) -> str:
        """Name of the card it was built from."""

    @property
    def model(self) -> str:
        """Name of its language model with the adapter; empty without one."""

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        """Propose, rerank, choose. The same arguments and the same learned state give the same decision."""

    def learn(self, transition: Transition) -> Update | None:
        """Learn from one step; None where nothing in the agent learns."""

    def end_episode(self) -> None:
        """Tell the agent that an episode is over, for schedules that count episodes."""

    def dump(self) -> dict[str, bytes]:
        """What it has learned and its schedules, as named records."""

    def changes(self) -> dict[str, bytes]:
        """The records that changed since the last call."""

    def load(self, records: Mapping[str, bytes]) -> None: ...
