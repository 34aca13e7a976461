"""Rooms, exits and things."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag, model_validator

from sandbox.directions import Direction
from sandbox.text import clean_line
from sandbox.world.native.schema.base import Count, Id, Ids, Line, Name, OneOrMore, Strict, Tupled
from sandbox.world.native.schema.conditions import Conditions
from sandbox.world.native.schema.effects import Text

MAX_FREE_TEXT = 200
"""Characters of a text that a variable holds."""


class Exit(Strict):
    """A way out of a room."""

    to: str
    """The room it leads to."""
    door: str | None = None
    """A thing with `door`; it can be seen from both sides and must be open to pass."""
    when: Conditions = ()
    """What must hold to pass. Without it the way is always free."""
    otherwise: Line = ""
    """What a seat is told that may not pass."""
    hidden: bool = False
    """Whether the exit is not listed while it may not be passed."""
    one_way: bool = False
    """Says that there is no way back on purpose, so that the checker does not complain."""


Way = Annotated[
    Annotated[str, Tag(":room")] | Annotated[Exit, Tag(":exit")],
    Discriminator(lambda v: ":room" if isinstance(v, str) else ":exit"),
]
"""A room's identifier where nothing but the way matters, or an exit in full."""


class Room(Strict):
    """A place."""

    name: Name | None = None
    """How it is called; its identifier with a capital if left out."""
    description: Text = ""
    """What it looks like. Things, characters and exits are listed after it and need no mention."""
    first: Text = ""
    """Told once to each seat, when it comes here for the first time, before the description."""
    dark: bool = False
    """Whether one needs a light here."""
    exits: dict[Direction, Way] = Field(default_factory=dict)
    """The ways out, by direction."""


class Container(Strict):
    """What makes a thing a container."""

    open: bool = False
    """Whether it is open at first."""
    openable: bool = True
    """Whether seats can open and close it."""
    locked: bool = False
    """Whether it is locked at first."""
    key: Ids | None = None
    """What unlocks it, and locks it again."""
    transparent: bool = False
    """Whether one sees into it while it is closed."""
    capacity: Count | None = None
    """How many things fit; a heap of counted things is one."""
    holds: Count | None = None
    """How many measures of a liquid it holds. Then it takes nothing else, unless `capacity` says how many."""


class Supporter(Strict):
    """What makes a thing a supporter: a table, a shelf."""

    capacity: Count | None = None
    """How many things fit on it; a heap of counted things is one."""


class Door(Strict):
    """What makes a thing a door. Exits name it; it needs no place of its own."""

    open: bool = False
    """Whether it is open at first."""
    locked: bool = False
    """Whether it is locked at first."""
    key: Ids | None = None
    """What unlocks it, and locks it again."""


class OneOf(Strict):
    """A place drawn at random when an episode starts."""

    one_of: Annotated[tuple[str, ...], Tupled, Field(min_length=2, max_length=100)]
    """The places, all equally likely."""


Place = Annotated[
    Annotated[str, Tag(":place")] | Annotated[OneOf, Tag(":one_of")],
    Discriminator(lambda v: ":place" if isinstance(v, str) else ":one_of"),
]


class Variable(Strict):
    """A fact, number or text that rules read and change."""

    start: bool | int | str
    """Its first value: true or false, a whole number, one of `values`, or, without these, any text."""
    min: int = 0
    """For numbers: the least value; going below stops here."""
    max: int = 100
    """For numbers: the greatest value; going above stops here."""
    values: Annotated[tuple[Id, ...], Tupled, Field(max_length=100)] = ()
    """For words: all the values there are."""

    @model_validator(mode="after")
    def _fits(self) -> Variable:
        if isinstance(self.start, bool):
            return self
        if isinstance(self.start, str):
            if self.values and self.start not in self.values:
                raise ValueError("'start' is not among 'values'")
            if len(self.start) > MAX_FREE_TEXT or clean_line(self.start) != self.start:
                raise ValueError(f"a text is one line of {MAX_FREE_TEXT} characters at most")
        elif not -1_000_000 <= self.min <= self.start <= self.max <= 1_000_000:
            raise ValueError("'start' lies between 'min' and 'max', these within a million of 0")
        return self


Var = Annotated[
    Annotated[bool, Tag(":flag")]
    | Annotated[int, Field(ge=-1_000_000, le=1_000_000), Tag(":number")]
    | Annotated[Variable, Tag(":variable")],
    Discriminator(lambda v: ":flag" if isinstance(v, bool) else ":number" if isinstance(v, int) else ":variable"),
]
"""`true` or `false`, a number (then from 0 to 100, or from and to itself if it lies outside), or in full."""


class Named(Strict):
    """What can be named in a command."""

    name: Name | None = None
    """How it is called in texts and commands, without an article; its identifier if left out."""
    also: Annotated[tuple[Name, ...], OneOrMore, Field(max_length=30)] = ()
    """Other names that commands may use."""
    article: Literal["auto", "a", "an", "some", "the", "none"] = "auto"
    """The indefinite article. `some` for what is not counted (water), `the` for what there is one of (the sea),
    `none` for proper names."""
    plural: bool = False
    """Whether the name is a plural (stairs)."""
    measure: Annotated[str, Field(max_length=4)] = ""
    """The measure word, in languages that have them."""
    description: Text = ""
    """What one sees who examines it."""
    properties: Annotated[dict[Id, Var], Field(max_length=50)] = Field(default_factory=dict)
    """Facts and numbers of its own: `apple.price` is one, wherever a variable's name may stand."""


def _flag_or(model: type[Strict], tag: str) -> Any:
    return Discriminator(lambda v: ":flag" if isinstance(v, bool) else tag)


class Thing(Named):
    """A thing. Without further ado it can be taken and dropped, and that is all."""

    kind: str | None = None
    """Its kind: what it does not say itself is as the kind says."""
    at: Place = "nowhere"
    """Where it is at first: a room, container, supporter, character or seat, or `nowhere`."""
    also_at: Annotated[tuple[str, ...], OneOrMore, Field(max_length=200)] = ()
    """For scenery: more rooms that it can be seen from."""
    appearance: Text = ""
    """A sentence of its own for the room's description, until it is moved for the first time."""
    fixed: bool = False
    """Whether it cannot be taken."""
    scenery: bool = False
    """Whether it is fixed, and not listed because the room's description mentions it."""
    hidden: bool = False
    """Whether it cannot be seen until an effect makes it `shown`."""
    concealed: bool = False
    """Whether others cannot see it on a seat or character that carries it."""
    container: Annotated[
        Annotated[bool, Tag(":flag")] | Annotated[Container, Tag(":container")], _flag_or(Container, ":container")
    ] = False
    """Whether things can be put in it; `true` is a container without a lid."""
    supporter: Annotated[
        Annotated[bool, Tag(":flag")] | Annotated[Supporter, Tag(":supporter")], _flag_or(Supporter, ":supporter")
    ] = False
    """Whether things can be put on it."""
    door: Annotated[Annotated[bool, Tag(":flag")] | Annotated[Door, Tag(":door")], _flag_or(Door, ":door")] = False
    """Whether it is a door; `true` is a closed one without a lock."""
    enter: Literal["in", "on"] | None = None
    """Whether seats can get in or on it: `on` a chair, `in` a boat. `{thing: me, at: boat}` asks for it."""
    vehicle: bool = False
    """Whether it goes along with who is in or on it: a boat, a horse. Needs `enter`."""
    light: bool = False
    """Whether it gives light; if it has a switch, only while it is on."""
    switch: Literal["on", "off"] | None = None
    """Whether it can be switched, and how it is at first."""
    wearable: bool = False
    """Whether it can be worn."""
    worn: bool = False
    """Whether whoever carries it at first wears it."""
    edible: bool = False
    """Whether it can be eaten."""
    text: Text = ""
    """What one reads on it. Whoever reads it, or is shown it, reads this."""
    count: Count | None = None
    """For counted things (coins): how many there are at first. Such a thing lies in heaps in many places, and its
    name is a plural."""
    one: Name | None = None
    """For counted things: the name of one (coin); for liquids that of a measure (cup)."""
    liquid: bool = False
    """Whether it is a liquid: `count` measures lie in a room or in a container that `holds` so many. It is filled,
    poured, and drunk if it is `edible`; nobody has it in their hands."""
    endless: bool = False
    """For liquids: whether there is always more where it is at first, as in a well."""

    @model_validator(mode="after")
    def _consistent(self) -> Thing:
        kinds = [k for k in ("container", "supporter", "door") if getattr(self, k) is not False]
        if len(kinds) > 1:
            raise ValueError(f"a thing is one of {' and '.join(kinds)}, not both: make two things of it")
        if self.count is not None:
            odd = [
                k
                for k in (
                    *("container", "supporter", "door", "fixed", "scenery", "hidden", "light", "wearable", "worn"),
                    *("concealed", "also_at", "appearance", "enter"),
                )
                if getattr(self, k)
            ]
            if odd or self.switch:
                raise ValueError(f"a counted thing has no {(odd or ['switch'])[0]!r}")
            if self.one is None:
                raise ValueError("a counted thing needs 'one', the name of a single one")
        elif self.liquid:
            raise ValueError("a liquid needs 'count', how many measures there are, and 'one', what one is called")
        elif self.one is not None:
            raise ValueError("'one' goes with 'count'")
        if self.endless and not self.liquid:
            raise ValueError("'endless' goes with 'liquid: true'")
        if self.vehicle and self.enter is None:
            raise ValueError("a vehicle needs 'enter: in' or 'enter: on'")
        if self.enter is not None and (self.door is not False or self.wearable):
            raise ValueError("nobody gets in or on a door, or what is worn")
        if self.worn and not self.wearable:
            raise ValueError("'worn' needs 'wearable: true'")
        if self.also_at and not (self.scenery or self.fixed):
            raise ValueError("'also_at' goes with 'scenery: true' or 'fixed: true'")
        return self


class ThingKind(Thing):
    """What things have in common: the same keys as a thing. `{kind: fruit}` gives a thing all of them."""

    @model_validator(mode="after")
    def _consistent(self) -> ThingKind:
        return self
