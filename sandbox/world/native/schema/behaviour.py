"""What makes a world move: verbs, rules, events, endings, and the people in it."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from sandbox.directions import Direction
from sandbox.world.native.schema.base import (
    MAX_NUMBER,
    Chance,
    Count,
    Ids,
    Line,
    Name,
    OneOrMore,
    Points,
    Strict,
    Tupled,
)
from sandbox.world.native.schema.conditions import Condition, Conditions
from sandbox.world.native.schema.effects import Effects, Text
from sandbox.world.native.schema.places import Named

Filling = Annotated[
    Annotated[int, Field(ge=0, le=MAX_NUMBER), Tag(":number")] | Annotated[Name, Tag(":text")],
    Discriminator(lambda value: ":number" if isinstance(value, int) else ":text"),
]
"""A number or text that a command may name."""

Forms = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=80)], ...], OneOrMore, Field(min_length=1, max_length=20)
]


class Reaction(Strict):
    """What happens, and what is said about it."""

    when: Conditions = ()
    """What must hold. Of several rules for the same thing, the first that holds is carried out."""
    say: Text = ""
    """What the acting seat is told; it is made out before anything happens."""
    seen: Text = ""
    """What the other seats in the room are told."""
    do: Effects = ()
    """What happens."""
    once: bool = False
    """Whether this happens once in an episode at most."""
    listed: bool = True
    """Whether the command is among the admissible ones; `false` for secrets that must be thought of."""


class VerbRule(Reaction):
    """What a verb of the author's own does to some things."""

    thing: Ids | None = None
    """What `{thing}` of the command must be: one of these, or of these kinds. Left out where the form has no
    `{thing}`."""
    other: Ids | None = None
    """What `{other}` of the command must be."""
    room: Ids | None = None
    """Where the seat must be."""
    seat: Ids | None = None
    """Which seats may do it."""
    words: Annotated[tuple[Name, ...], OneOrMore, Field(max_length=50)] = ()
    """For `say`, `ask`, `tell` and verbs with `{text}`: one of these is among what is said."""


class CustomVerb(Strict):
    """A verb of the author's own."""

    forms: Forms
    """How it is typed: `ring {thing}`, `tie {thing} to {other}`, `offer {number}`, `write {text}`. The first is
    how it is listed."""
    suggest: Annotated[tuple[Filling, ...], OneOrMore, Field(max_length=12)] = ()
    """For `{number}` and `{text}`: fillings that are listed besides those that the rules ask about."""
    otherwise: Text = ""
    """What is said where no rule applies. That costs no turn."""
    rules: Annotated[tuple[VerbRule, ...], OneOrMore, Field(max_length=200)] = ()
    """What it does. The first rule that fits is carried out."""


class Rule(VerbRule):
    """What happens at a command, in place of what usually would or after it."""

    instead: str | None = None
    """The action that is replaced: `take`, `go`, `push`, a verb of the author's own, ..."""
    after: str | None = None
    """The action that is followed up, if it succeeded. `enter` follows each arrival in a room."""
    direction: Direction | None = None
    """For `go`: the direction."""

    @model_validator(mode="after")
    def _one(self) -> Rule:
        if (self.instead is None) == (self.after is None):
            raise ValueError("give one of 'instead' and 'after'")
        return self


class Event(Strict):
    """Something that happens by itself, at the end of a round: when each seat has had its turn."""

    every: Count | None = None
    """Rounds from one time to the next; every round if left out."""
    after: Count | None = None
    """Once, so many rounds after its clock started."""
    starts: bool = True
    """Whether its clock runs from the beginning; if not, the effect `start` sets it going."""
    chance: Chance | None = None
    """How likely it is when its time has come; certain if left out."""
    when: Conditions = ()
    """What must hold. There is no acting seat: name the seats, or use `each`."""
    each: bool = False
    """Whether it happens to each seat by itself, who then is `me`."""
    say: Text = ""
    """What is told, to all seats or to those in `room`; with `each` to the seat."""
    room: Ids | None = None
    """The rooms in which it is seen and heard."""
    do: Effects = ()
    """What happens."""
    once: bool = False
    """Whether it happens once in an episode at most."""

    @model_validator(mode="after")
    def _one(self) -> Event:
        if self.every is not None and self.after is not None:
            raise ValueError("give one of 'every' and 'after'")
        return self


class Ending(Strict):
    """A way for the world to end."""

    when: Conditions = ()
    """Asked after each command and after the events; without it only the effect `end` leads here. With several
    seats `me` is the one that acted last."""
    won: Ids = ("none",)
    """Who has won: `all`, `none`, `actor` (who brought it about), or seats."""
    say: Text = ""
    """What all seats are told."""
    points: Points = 0
    """Points for each of the winners."""
    do: Effects = ()
    """What else happens."""


class Topic(Reaction):
    """What a character has to say."""

    about: Annotated[tuple[Name, ...], OneOrMore, Field(min_length=1, max_length=30)]
    """Words that it is about. The first is how the command is listed: `ask mara about storm`."""


class Response(Reaction):
    """What a character makes of a thing it is given or shown."""

    thing: Ids
    """The thing, or several."""
    count: Count = 1
    """For counted things: at least so many."""


class Deal(Strict):
    """An exchange that a character agrees to."""

    takes: str
    """What it wants."""
    takes_count: Count = 1
    """For counted things: how many."""
    gives: str
    """What it gives for that."""
    gives_count: Count = 1
    """For counted things: how many."""
    when: Conditions = ()
    """What must hold."""
    say: Text = ""
    """What the seat is told."""
    do: Effects = ()
    """What else happens."""


class Routine(Strict):
    """How a character gets about. It moves at the end of a round."""

    rooms: Annotated[tuple[str, ...], Tupled, Field(min_length=1, max_length=200)] = ()
    """Its rooms. In order, over and over; with `chance` one of them that is next door, at random."""
    every: Count = 1
    """Rounds from one move to the next."""
    chance: Chance | None = None
    """How likely it moves when it could."""
    follows: str | None = None
    """A seat or character that it stays with, once they have met."""
    when: Conditions = ()
    """What must hold for it to move."""

    @model_validator(mode="after")
    def _one(self) -> Routine:
        if bool(self.rooms) == (self.follows is not None):
            raise ValueError("give one of 'rooms' and 'follows'")
        return self


class Aim(Strict):
    """Something that a character wants. `{reach: {thing: letter, at: desk}, when: {var: posted}}`"""

    reach: Annotated[tuple[Condition, ...], OneOrMore, Field(min_length=1, max_length=10)]
    """What it wants to be: conditions `has`, `thing`, `room` and `together`; `me` is the character."""
    when: Conditions = ()
    """What must hold for it to want that."""


class Character(Named):
    """Somebody who is nobody's seat."""

    at: str = "nowhere"
    """The room where it is at first."""
    pronoun: Literal["he", "she", "it", "they"] = "it"
    """How it is referred to."""
    appearance: Text = ""
    """A sentence of its own for the room's description, in place of "Mara is here."."""
    disposition: Annotated[int, Field(ge=-10, le=10)] = 0
    """How it feels about the seats at first, -10 to 10."""
    greeting: Text = ""
    """What it says when talked to."""
    topics: Annotated[tuple[Topic, ...], OneOrMore, Field(max_length=100)] = ()
    """What it can be asked about, and told about."""
    accepts: Annotated[tuple[Response, ...], OneOrMore, Field(max_length=100)] = ()
    """What it takes when given; all else it declines."""
    notices: Annotated[tuple[Response, ...], OneOrMore, Field(max_length=100)] = ()
    """What it reacts to when shown."""
    trades: Annotated[tuple[Deal, ...], OneOrMore, Field(max_length=100)] = ()
    """What it exchanges."""
    routine: Routine | None = None
    """How it gets about; it stays where it is if left out."""
    aims: Annotated[tuple[Aim, ...], OneOrMore, Field(max_length=20)] = ()
    """What it wants, the most urgent first. At the end of each round it takes one step of a shortest plan for the
    first aim that is not reached and can be: it goes, opens, unlocks, takes, drops, puts and gives as a seat does.
    Where there is nothing to be done for any, it follows its routine."""


class Seat(Named):
    """A role that a person or an agent plays."""

    article: Literal["auto", "a", "an", "some", "the", "none"] = "none"
    """The article of its name: `none` for proper names, `the` for roles (the keeper)."""
    pronoun: Literal["he", "she", "it", "they"] = "they"
    """How others refer to it."""
    start: str
    """The room where it begins."""
    goal: Line
    """What it is asked to achieve, in words. Nobody else sees it."""
    knows: Text = ""
    """What it alone is told at the beginning."""
    hears: Literal["room", "everywhere", "nothing"] = "room"
    """Whose talk it hears: those in the same room, everyone, nobody."""
    sees: bool = True
    """Whether it sees what others do in the same room."""
    capacity: Count = 100
    """How many things it can carry; a heap of counted things is one."""
    max_score: Points | None = None
    """The highest score it can reach, where that is known: it is shown, and the checker proves it."""
