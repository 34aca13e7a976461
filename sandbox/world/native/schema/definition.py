"""The world file as a whole."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field, model_validator

from sandbox.directions import Direction
from sandbox.world.native.schema.base import (
    MAX_ROOMS,
    MAX_THINGS,
    Count,
    Files,
    Id,
    Line,
    OneOrMore,
    Strict,
    Tupled,
)
from sandbox.world.native.schema.behaviour import Character, CustomVerb, Ending, Event, Rule, Seat
from sandbox.world.native.schema.effects import Text
from sandbox.world.native.schema.places import Room, Thing, ThingKind, Var
from sandbox.world.native.schema.tasks import Task

MAX_SEATS = 8


class Words(Strict):
    """Words that commands may use besides those of the language."""

    verbs: dict[str, Annotated[tuple[str, ...], OneOrMore, Field(max_length=20)]] = Field(default_factory=dict)
    """More forms of the usual actions: `take: ["nick {things}"]`. The language's own stay."""
    directions: dict[Direction, Annotated[tuple[str, ...], OneOrMore, Field(max_length=20)]] = Field(
        default_factory=dict
    )
    """More words for directions: `north: [fore]`; the first is how they are listed."""


class Adventure(Strict):
    """A world of rooms and things."""

    schema_version: Literal[1] = Field(default=1, alias="format")
    """Version of this format."""
    kind: Literal["adventure"] = "adventure"
    """`adventure`, or `task` for a text task."""
    title: Annotated[Line, Field(min_length=1, max_length=120)]
    """What a person calls it."""
    include: Files = ()
    """More files of the world's folder, whose sections are added to these: `[rooms.yaml, people.yaml]`."""
    author: Annotated[Line, Field(max_length=120)] = ""
    """Who wrote it."""
    blurb: Annotated[Line, Field(max_length=400)] = ""
    """A line for the list of worlds."""
    difficulty: Literal["easy", "medium", "hard"] = "medium"
    """How hard it is for a person."""
    language: Annotated[str, Field(pattern=r"^[a-z]{2}$")] = "en"
    """Language of messages, verbs and directions: `en` or `zh`."""
    intro: Text = ""
    """Told to all seats at the beginning."""
    seats: Annotated[dict[Id, Seat], Field(min_length=1, max_length=MAX_SEATS)]
    """The roles, in the order of their turns."""
    min_seats: Annotated[int, Field(ge=1, le=MAX_SEATS)] | None = None
    """With how many of the seats, from the first on, the world can be played; all of them if left out."""
    turns: Literal["round-robin", "simultaneous"] = "round-robin"
    """Whether seats move one after the other, or commit their commands unseen and all are then carried out."""
    conflicts: Literal["listed", "rotating", "random"] = "listed"
    """In which order simultaneous commands are carried out: as the seats are listed, beginning one further each
    round, or beginning with a seat drawn at random. Where two want the same thing, the earlier gets it."""
    rewards: Literal["individual", "shared", "zero-sum"] = "individual"
    """Where points go: to who earns them, to every seat alike, or to who earns them at the others' cost in equal
    parts."""
    trading: bool = False
    """Whether seats can offer each other exchanges, as in `trade apple with bob for pear`; the other accepts or
    declines."""
    needs_talk: bool = False
    """Says that the seats have to tell each other something to win, where each says and types only those words and
    numbers that it has read or heard. The checker proves it, or shows how they win in silence."""
    hint_cost: Annotated[float, Field(ge=0, le=1_000)] = 0.0
    """Points that a `hint` costs the seat that asks. It gives the next step of a plan in three stages: what it is
    about, what might be done, the command."""
    whereabouts: bool = False
    """Whether every seat is told where the others are. Else it knows of those in its room."""
    limit: Count | None = None
    """Rounds after which an episode is cut off; none if left out."""
    variables: Annotated[dict[Id, Var], Field(max_length=500)] = Field(default_factory=dict)
    """Facts and numbers that rules read and change."""
    rooms: Annotated[dict[Id, Room], Field(min_length=1, max_length=MAX_ROOMS)]
    """The places."""
    kinds: Annotated[dict[Id, ThingKind], Field(max_length=200)] = Field(default_factory=dict)
    """What things have in common. A kind's name stands for all its things in rules, `each` and `count`."""
    things: Annotated[dict[Id, Thing], Field(max_length=MAX_THINGS)] = Field(default_factory=dict)
    """The things."""
    characters: Annotated[dict[Id, Character], Field(max_length=200)] = Field(default_factory=dict)
    """The people and animals that are nobody's seat."""
    verbs: Annotated[dict[Id, CustomVerb], Field(max_length=200)] = Field(default_factory=dict)
    """Verbs of the author's own."""
    rules: Annotated[tuple[Rule, ...], Tupled, Field(max_length=2_000)] = ()
    """What happens at commands. Those with `instead` are asked in this order, before those of `verbs`."""
    events: Annotated[dict[Id, Event], Field(max_length=500)] = Field(default_factory=dict)
    """What happens by itself, in this order."""
    endings: Annotated[dict[Id, Ending], Field(max_length=100)] = Field(default_factory=dict)
    """How the world ends; asked in this order."""
    messages: Annotated[dict[str, Line], Field(max_length=500)] = Field(default_factory=dict)
    """Messages of the engine in other words."""
    words: Words = Field(default_factory=Words)
    """Words that commands may use besides those of the language."""

    def kinds_of(self, thing: Thing) -> tuple[str, ...]:
        """The kinds of a thing: its own, that kind's, and so on."""
        found: list[str] = []
        kind = thing.kind
        while kind is not None and kind in self.kinds and kind not in found:
            found.append(kind)
            kind = self.kinds[kind].kind
        return tuple(found)

    @model_validator(mode="after")
    def _consistent(self) -> Adventure:
        if self.min_seats is not None and self.min_seats > len(self.seats):
            raise ValueError("'min_seats' is more than there are seats")
        if self.needs_talk and len(self.seats) < 2:
            raise ValueError("'needs_talk' needs two seats")
        if self.rewards == "zero-sum" and (self.min_seats or len(self.seats)) < 2:
            raise ValueError("zero-sum rewards need two seats")
        return self


Definition = Adventure | Task
"""What a world file defines; `kind` says which."""
