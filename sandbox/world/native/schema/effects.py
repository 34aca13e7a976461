"""Text and effects: what a rule says and does. Each effect is a mapping known by its first key."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import Discriminator, Field, Tag

from sandbox.world.native.schema.base import (
    MAX_EFFECTS,
    Amount,
    Chance,
    Ids,
    Line,
    Number,
    OneOrMore,
    Points,
    Strict,
    Tupled,
    by_key,
)
from sandbox.world.native.schema.conditions import Conditions


class TextPart(Strict):
    """A piece of text that is there under a condition. `{when: {var: lit}, say: The lamp burns.}`"""

    when: Conditions
    """What must hold."""
    say: Line
    """The text if it does."""
    otherwise: Line = ""
    """The text if it does not."""


class Variation(Strict):
    """A piece of text that is not always the same. `{one_of: [A gull cries., Rain drums.], order: cycle}`"""

    one_of: Annotated[tuple[Line, ...], Tupled, Field(min_length=2, max_length=50)]
    """The texts."""
    order: Literal["random", "cycle", "stop"] = "random"
    """`random` draws one each time; `cycle` takes them in order, over and over; `stop` in order, and stays with
    the last: of two texts the first is that of the first time. Each seat has its own turns."""
    when: Conditions = ()
    """What must hold for any of it to show."""


def _text_kind(value: Any) -> str:
    return ":text" if isinstance(value, str) else ":parts"


def _part_kind(value: Any) -> str:
    if isinstance(value, str):
        return ":text"
    varies = "one_of" in value if isinstance(value, dict) else isinstance(value, Variation)
    return ":one_of" if varies else ":part"


TextParts = Annotated[
    tuple[
        Annotated[
            Annotated[Line, Tag(":text")]
            | Annotated[TextPart, Tag(":part")]
            | Annotated[Variation, Tag(":one_of")],
            Discriminator(_part_kind),
        ],
        ...,
    ],
    OneOrMore,
    Field(min_length=1, max_length=20),
]

Text = Annotated[
    Annotated[Line, Tag(":text")] | Annotated[TextParts, Tag(":parts")],
    Discriminator(_text_kind),
]
"""A text, or a list of pieces, some of them under conditions or varying, that are joined by blanks. In the text
`{variable}` is the variable's value, `{me}` the acting seat, `{thing}` and `{other}` what the command named, with
the definite article; `{a thing}` has the indefinite one, `{The thing}` begins a sentence, `{text}` is what was
said, `{number}` the number that was typed. A brace is written twice."""


class Move(Strict):
    """Put a thing, character or seat somewhere. `{move: key, to: me}`"""

    move: str
    """A thing that is not counted, a character or a seat (`me` too)."""
    to: str
    """A room, container, supporter, character or seat; `me`, `here` or `nowhere`."""


class Make(Strict):
    """Change a thing's condition. `{make: trapdoor, be: open}`"""

    make: str
    """The thing, or a room for `lit` and `dark`."""
    be: Literal[
        "open",
        "closed",
        "locked",
        "unlocked",
        "on",
        "off",
        "worn",
        "unworn",
        "hidden",
        "shown",
        "fixed",
        "portable",
        "lit",
        "dark",
    ]
    """What it becomes."""


class SetVar(Strict):
    """Give a variable a value. `{set: lit, to: true}`, `{set: offer, to: number}`"""

    set: str
    """The variable, or a property (`it.ripe`)."""
    to: bool | Number | str
    """Its new value; for numbers also that of another variable. `number` and `text` are what the command named."""


class Change(Strict):
    """Add to a number, within the variable's bounds. `{change: storm, by: 1}`, `{change: purse, by: price}`"""

    change: str
    """The variable."""
    by: Amount
    """How much; negative to take away. Also the variable that says how much."""
    times: Number = 1
    """How often; negative to take away."""


class Please(Strict):
    """Change a character's disposition, which stays between -10 and 10. `{please: mara, by: 2}`"""

    please: str
    """The character."""
    by: Annotated[int, Field(ge=-20, le=20)]
    """How much; negative to annoy."""


class Add(Strict):
    """Counted things appear. `{add: coins, count: 3, to: me}`"""

    add: str
    """The counted thing."""
    count: Amount = 1
    """How many, or the variable that says it."""
    to: str = "me"
    """Where."""


class Remove(Strict):
    """Counted things vanish, as many as there are of those asked for. `{remove: coins, count: 3, at: me}`"""

    remove: str
    """The counted thing."""
    count: Amount = 1
    """How many, or the variable that says it."""
    at: str = "me"
    """From where."""


class Score(Strict):
    """Give points: that is the reward. `{score: 5}`"""

    score: Points
    """How many; negative to take away. The world's `rewards` says how other seats share in them."""
    seat: str = "me"
    """`me`, `all`, `others`, or a seat."""


class Say(Strict):
    """Tell somebody something. `{say: A bell rings., to: all}`"""

    say: Text
    """The text."""
    to: str = "me"
    """`me`, `others` (those in the room with the acting seat), `here` (both), `all`, a seat, or a room."""


class End(Strict):
    """The world ends. `{end: rescued}`"""

    end: str
    """The ending."""


class Start(Strict):
    """An event's clock starts anew. `{start: fuse}`"""

    start: str
    """The event."""


class Stop(Strict):
    """An event stops. `{stop: fuse}`"""

    stop: str
    """The event."""


class Perhaps(Strict):
    """Something happens with a chance. `{chance: 1/3, do: [...], otherwise: [...]}`"""

    chance: Chance
    """How likely."""
    do: Effects
    """What happens then."""
    otherwise: Effects = ()
    """What happens if not."""


class Branch(Strict):
    """One of several things that can happen."""

    weight: Annotated[int, Field(ge=1, le=1000)] = 1
    """How likely it is against the others."""
    do: Effects = ()
    """What happens."""


class Pick(Strict):
    """One of several things happens, at random. `{pick: [{do: [...]}, {weight: 2, do: [...]}]}`"""

    pick: Annotated[tuple[Branch, ...], Tupled, Field(min_length=2, max_length=20)]
    """The branches."""


class ForEach(Strict):
    """Something happens for each of several. `{each: fruit, when: {here: it}, do: {move: it, to: me}}`"""

    each: Ids
    """A kind, names of things, people or rooms, or all `things`, `characters`, `seats` or `rooms`."""
    when: Conditions = ()
    """What must hold for those that are meant; `it` is each of them in turn."""
    do: Effects
    """What happens for each."""


class Decide(Strict):
    """Something happens under a condition. `{when: {has: lamp}, do: [...], otherwise: [...]}`"""

    when: Conditions
    """What must hold."""
    do: Effects
    """What happens then."""
    otherwise: Effects = ()
    """What happens if not."""


_KEYS = {
    "move": Move,
    "make": Make,
    "set": SetVar,
    "change": Change,
    "please": Please,
    "add": Add,
    "remove": Remove,
    "score": Score,
    "say": Say,
    "end": End,
    "start": Start,
    "stop": Stop,
    "chance": Perhaps,
    "pick": Pick,
    "each": ForEach,
    "when": Decide,
}
EFFECT_KEYS = tuple(_KEYS)

if TYPE_CHECKING:
    # fmt: off
    Effect = (
        Move | Make | SetVar | Change | Please | Add | Remove | Score
        | Say | End | Start | Stop | Perhaps | Pick | ForEach | Decide
    )
    # fmt: on
else:
    Effect = by_key(_KEYS, "effect", "not an effect: it starts with one of")

Effects = Annotated[tuple[Effect, ...], OneOrMore, Field(max_length=MAX_EFFECTS)]
"""Effects in the order in which they happen; one alone needs no list."""

for _model in (Perhaps, Branch, Pick, ForEach, Decide):
    _model.model_rebuild()
