"""Conditions: facts that a rule, an exit or a piece of text asks for. Each is a mapping known by its first key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Field, model_validator

from sandbox.world.native.schema.base import Amount, Count, Ids, Number, OneOrMore, Points, Strict, Tupled, by_key

Being = Literal[
    "open",
    "closed",
    "locked",
    "unlocked",
    "on",
    "off",
    "worn",
    "carried",
    "hidden",
    "shown",
    "fixed",
    "portable",
    "lit",
    "dark",
]


class Has(Strict):
    """Somebody carries or wears something. `{has: lamp}`"""

    has: str
    """The thing."""
    who: str = "me"
    """A seat or character; `me` is the seat that acts."""
    count: Amount = 1
    """For counted things: at least so many; also the name of the variable that says how many."""


class ThingIs(Strict):
    """A thing is somewhere, or in some condition. `{thing: lamp, at: hall}`, `{thing: door, is: open}`"""

    thing: str
    """A thing, character, seat or room; `it` and `other` in rules, see *What a rule is about*."""
    at: str | None = None
    """The room, container, supporter, character or seat that directly holds it; also `me`, `here`, `nowhere`."""
    being: Being | None = Field(default=None, alias="is")
    """`open`, `closed`, `locked`, `unlocked`, `on`, `off`, `worn`, `carried`, `hidden`, `shown`, `fixed`,
    `portable`; for rooms `lit` and `dark`."""
    count: Count = 1
    """For counted things with `at`: at least so many."""

    @model_validator(mode="after")
    def _one(self) -> ThingIs:
        if (self.at is None) == (self.being is None):
            raise ValueError("give one of 'at' and 'is'")
        return self


class Var(Strict):
    """A variable has a value. `{var: storm, at_least: 2}`, `{var: purse, at_least: price}`; `{var: lit}` alone
    asks whether it is true.
    """

    var: str
    """The variable; also a property (`apple.price`, `it.ripe`), or the `number` or `text` of the command."""
    equals: bool | Number | str | None = None
    """This value exactly; for numbers also that of another variable."""
    at_least: Amount | None = None
    """This number or more, or as much as another variable holds."""
    at_most: Amount | None = None
    """This number or less, or as much as another variable holds."""


class InRoom(Strict):
    """Somebody is in a room. `{room: hall}`"""

    room: Ids
    """The room, or a list of which one will do."""
    who: str = "me"
    """A seat or character."""


class Here(Strict):
    """Something or somebody can be seen where the acting seat is. `{here: cat}`"""

    here: str
    """A thing, character or seat."""


class Likes(Strict):
    """A character's disposition. `{likes: mara, at_least: 3}`"""

    likes: str
    """The character."""
    at_least: Number | None = None
    """This much or more."""
    at_most: Number | None = None
    """This much or less."""


class Together(Strict):
    """Seats, characters or things are in the same room. `{together: [ann, bob]}`"""

    together: Annotated[tuple[str, ...], Tupled, Field(min_length=2, max_length=20)]
    """Two or more of them."""


class Acting(Strict):
    """The seat that acts is this one, or one of these. `{seat: ann}`"""

    seat: Ids
    """A seat or a list of seats."""


class Clock(Strict):
    """So many rounds are over, or are left until an event. `{clock: rounds, at_least: 10}`,
    `{clock: rounds, of: 24, at_least: 8, at_most: 17}`, `{clock: fuse, at_most: 2}`
    """

    clock: str
    """`rounds`, those that are over; or an event, for the rounds until its clock has run down."""
    of: Annotated[int, Field(ge=2, le=10_000)] | None = None
    """For `rounds`: begin anew at 0 after so many, as the hours of a day do."""
    at_least: Amount | None = None
    """This many or more. With `of` it may be more than `at_most`, as from 22 to 6."""
    at_most: Amount | None = None
    """This many or fewer."""


class EachIs(Strict):
    """Something holds for each of several. `{each: fruit, when: {thing: it, at: basket}}`"""

    each: Ids
    """A kind, names of things, people or rooms, or all `things`, `characters`, `seats` or `rooms`."""
    when: Conditions
    """What must hold; `it` is each of them in turn."""


class Counting(Strict):
    """So many of several are as asked. `{count: fruit, when: {thing: it, at: basket}, at_least: 3}`"""

    count: Ids
    """A kind, names of things, people or rooms, or all `things`, `characters`, `seats` or `rooms`."""
    when: Conditions
    """What must hold for those that count; `it` is each of them in turn."""
    at_least: Amount | None = None
    """This many or more; 1 if no bound is given."""
    at_most: Amount | None = None
    """This many or fewer."""


class Scored(Strict):
    """A seat has so many points. `{points_of: me, at_least: 10}`"""

    points_of: str
    """A seat, or `me`."""
    at_least: Points
    """This many or more."""


class Not(Strict):
    """The opposite. `{not: {has: lamp}}`"""

    negated: Condition = Field(alias="not")
    """A condition."""


class AnyOf(Strict):
    """One at least of several. `{any: [{has: lamp}, {has: torch}]}`"""

    any: Annotated[tuple[Condition, ...], OneOrMore, Field(min_length=1, max_length=20)]
    """Conditions."""


class AllOf(Strict):
    """All of several. `{all: [{has: lamp}, {room: cellar}]}`"""

    all: Annotated[tuple[Condition, ...], OneOrMore, Field(min_length=1, max_length=20)]
    """Conditions."""


_KEYS = {
    "has": Has,
    "thing": ThingIs,
    "var": Var,
    "room": InRoom,
    "here": Here,
    "likes": Likes,
    "together": Together,
    "seat": Acting,
    "points_of": Scored,
    "clock": Clock,
    "each": EachIs,
    "count": Counting,
    "not": Not,
    "any": AnyOf,
    "all": AllOf,
}
CONDITION_KEYS = tuple(_KEYS)

if TYPE_CHECKING:
    # fmt: off
    Condition = (
        Has | ThingIs | Var | InRoom | Here | Likes | Together | Acting
        | Scored | Clock | EachIs | Counting | Not | AnyOf | AllOf
    )
    # fmt: on
else:
    Condition = by_key(_KEYS, "condition", "not a condition: it starts with one of")

Conditions = Annotated[tuple[Condition, ...], OneOrMore, Field(max_length=20)]
"""Conditions that must all hold; one alone needs no list."""

for _model in (EachIs, Counting, Not, AnyOf, AllOf):
    _model.model_rebuild()
