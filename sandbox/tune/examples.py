"""What a model can learn from, as values: whole transcripts, pairs of commands, and commands that are good or bad.

All text is built by `sandbox.agent.prompt`, so that training reads to the token what play will read.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from sandbox.agent import prompt
from sandbox.agent.cards import Card
from sandbox.errors import SaveError
from sandbox.files import write_bytes
from sandbox.types import Exchange, History, Observation, World

MAX_LINE = 4 << 20
"""Longest line of a file of examples, in bytes."""


class Segment(NamedTuple):
    """A piece of a transcript that is tokenised by itself."""

    text: str
    learned: bool
    """Whether the loss is taken here: true of commands, false of all that the model only reads."""
    aside: int = 0
    """Pieces with the same number above 0 are an aside: a branch that goes on from what stands before it and that
    nothing after it sees."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where an example comes from."""

    kind: str
    """`win`, `demonstration`, `selfplay`, `intervention`, or the kind of feedback."""
    world: str = ""
    annotator: str = ""
    """The person's pseudonym; empty where no person was involved."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TranscriptExample:
    """A part of an episode as one sequence, for supervised fine-tuning."""

    segments: tuple[Segment, ...]
    origin: Origin
    type: Literal["transcript"] = "transcript"

    @property
    def commands(self) -> int:
        """How many commands are learned."""
        return sum(segment.learned for segment in self.segments)


@dataclass(frozen=True, slots=True, kw_only=True)
class PreferencePair:
    """Two continuations of one prompt, of which one is better, for DPO."""

    prompt: str
    chosen: str
    rejected: str
    origin: Origin
    type: Literal["pair"] = "pair"


@dataclass(frozen=True, slots=True, kw_only=True)
class Label:
    """A continuation that is good or bad, for KTO."""

    prompt: str
    completion: str
    good: bool
    origin: Origin
    type: Literal["label"] = "label"


Example = TranscriptExample | PreferencePair | Label
_EXAMPLE: TypeAdapter[Example] = TypeAdapter(Annotated[Example, Field(discriminator="type")])


class Moment(NamedTuple):
    """One turn of one seat: what it knew, and what it said."""

    observation: Observation
    history: History
    command: str
    learned: bool = True
    """Whether the command is worth learning; else it is only read."""


def play_through(world: World[Any], seed: int, commands: Iterable[str]) -> tuple[list[Moment], Observation]:
    """Play commands from the start of a world.

    Returns:
        The turns, up to the end of the episode, and what the seat that moved last perceives then.
    """
    state = world.initial(seed)
    lived: dict[str, list[Exchange]] = {seat: [] for seat in world.seats}
    said = dict.fromkeys(world.seats, "")
    moments: list[Moment] = []
    last = world.seats[0]
    for command in commands:
        seat = world.to_move(state)
        if seat is None:
            break
        observation = world.observe(state, seat)
        lived[seat].append(Exchange(command=said[seat], reply=observation.text))
        moments.append(Moment(observation, tuple(lived[seat]), command))
        said[seat], last = command, seat
        state = world.step(state, seat, command).state
    return moments, world.observe(state, last)


def transcripts(
    card: Card, moments: Sequence[Moment], origin: Origin, *, verbs: Sequence[str] = ()
) -> list[TranscriptExample]:
    """The turns of an episode as sequences: one a seat, or more where the prompt was cut on the way."""
    found: list[TranscriptExample] = []
    for seat in dict.fromkeys(moment.observation.seat for moment in moments):
        text, segments = "", list[Segment]()
        for observation, history, command, learned in moments:
            if observation.seat != seat:
                continue
            context = context_of(card, observation, history, verbs)
            if segments and not context.startswith(text):
                found.append(TranscriptExample(segments=tuple(segments), origin=origin))
                text, segments = "", []
            option = prompt.option(command, context)
            segments += [Segment(context[len(text) :], False), Segment(option, learned)]
            text = context + option
        found.append(TranscriptExample(segments=tuple(segments), origin=origin))
    return found


def context_of(card: Card, observation: Observation, history: History, verbs: Sequence[str] = ()) -> str:
    """The prompt of an agent with this card at this turn."""
    return prompt.build(card.prompt, observation, history, persona=card.persona, verbs=verbs)


def digest(examples: Sequence[Example]) -> str:
    """SHA-256 of the data, in hex: an adapter says what it was made from."""
    digester = hashlib.sha256()
    for example in examples:
        digester.update(_line(example))
    return digester.hexdigest()


def write(file: Path, examples: Sequence[Example]) -> None:
    """Write one JSON object a line, all at once. Raises `OSError`."""
    write_bytes(file, b"".join(map(_line, examples)))


def read(file: Path) -> list[Example]:
    """The examples in a file. Raises `SaveError` naming the line that is damaged."""
    found: list[Example] = []
    number = 0
    try:
        with file.open("rb") as lines:
            for line in iter(lambda: lines.readline(MAX_LINE), b""):
                number += 1
                found.append(_EXAMPLE.validate_json(line))
    except OSError as error:
        raise SaveError(f"cannot be read: {error.strerror}", where=file) from error
    except ValidationError as error:
        raise SaveError(f"no example: {error.errors()[0]['msg']}", where=file, line=number) from error
    return found


def _line(example: Example) -> bytes:
    return json.dumps(asdict(example), ensure_ascii=False, separators=(",", ":")).encode() + b"\n"
