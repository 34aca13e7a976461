"""Text tasks: worlds of one turn, whose answer is free text and whose reward is a function of it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

from pydantic import Discriminator, Field, Tag

from sandbox.world.native.schema.base import Count, Files, Id, Line, OneOrMore, Strict, Tupled, by_key

Weight = Annotated[float, Field(gt=0, le=1000, allow_inf_nan=False, strict=False)]


class Length(Strict):
    """1 if the answer's length is within bounds; outside, less the farther off. `{length: words, at_most: 12}`"""

    length: Literal["words", "characters", "lines", "sentences"]
    """What is counted. Chinese and Japanese characters count as words."""
    at_least: Annotated[int, Field(ge=0, le=10_000)] = 1
    """The least."""
    at_most: Annotated[int, Field(ge=1, le=10_000)] = 10_000
    """The most."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class Keywords(Strict):
    """The share of keywords that the answer covers. `{keywords: facts}`"""

    keywords: str
    """The field of the item that lists them. A keyword `storm|gale` is covered by either word."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class Exact(Strict):
    """1 if the answer is one of those given, but for case and punctuation at its ends. `{exact: answers}`"""

    exact: str
    """The field of the item that lists them."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class Near(Strict):
    """How near the answer is to the nearest of those given: 1 less the edit distance over the longer length."""

    near: str
    """The field of the item that lists them."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class Overlap(Strict):
    """F1 of the words that the answer shares with the nearest reference, as SQuAD measures answers."""

    overlap: str
    """The field of the item that lists the references."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class Format(Strict):
    """The share of lines that have a form. `{format: "- {words}: {number}"}`"""

    format: Annotated[str, Field(min_length=1, max_length=200)]
    """Plain text with slots: `{word}`, `{words}`, `{number}`, `{any}`; blanks match any blanks."""
    lines: Count | None = None
    """How many lines are asked for; more or fewer make it less."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class Avoid(Strict):
    """1 if the answer has none of these words. `{avoid: taboo}`"""

    avoid: str
    """The field of the item that lists them."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class NumericAnswer(Strict):
    """1 if the last number in the answer is one of those given. `{number: total, within: 0.5}`"""

    number: str
    """The field of the item that holds the number, or several of which one will do."""
    within: Annotated[float, Field(ge=0, le=1_000_000_000, strict=False)] = 0.0
    """How far off it may be."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class SetAnswer(Strict):
    """F1 of the entries of the answer against a list, in any order. `{set: names}`"""

    members: str = Field(alias="set")
    """The field of the item that lists them. In the answer commas, semicolons, lines and `and` divide entries."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class JsonAnswer(Strict):
    """The share of fields that the JSON object in the answer has as given. `{json: fields}`"""

    record: str = Field(alias="json")
    """The field of the item that lists them as `name: value`; `home.town: Skye` is a field of an object inside."""
    weight: Weight = 1
    """How much this counts against the other measures."""


class OfItem(Strict):
    """What an item holds in one of its fields. `{field: codes}`"""

    field: str
    """The field, a text or a list of which one will do."""


class RegexAnswer(Strict):
    r"""1 if a pattern is found in the answer. `{regex: '\d{4}-\d\d'}`, `{regex: {field: codes}, whole: true}`"""

    regex: Annotated[
        Annotated[str, Field(min_length=1, max_length=200), Tag(":pattern")] | Annotated[OfItem, Tag(":field")],
        Discriminator(lambda value: ":pattern" if isinstance(value, str) else ":field"),
    ]
    r"""A regular expression, or the field of the item that holds it, or several of which one will do. There are
    sets, groups, `|`, `* + ? {m,n}`, `\d \w \s \b`, `^` and `$`, and `(?i)` at the beginning; nothing that looks
    around or refers back, so that none takes long."""
    whole: bool = False
    """Whether it must match all of the answer."""
    weight: Weight = 1
    """How much this counts against the other measures."""


_KEYS = {
    "length": Length,
    "keywords": Keywords,
    "exact": Exact,
    "near": Near,
    "overlap": Overlap,
    "format": Format,
    "avoid": Avoid,
    "number": NumericAnswer,
    "set": SetAnswer,
    "json": JsonAnswer,
    "regex": RegexAnswer,
}
MEASURE_KEYS = tuple(_KEYS)


def measure_key(measure: Strict) -> str:
    """The key that a measure has in a file: `keywords`."""
    return next(key for key, model in _KEYS.items() if isinstance(measure, model))


if TYPE_CHECKING:
    # fmt: off
    Measure = (
        Length | Keywords | Exact | Near | Overlap | Format
        | Avoid | NumericAnswer | SetAnswer | JsonAnswer | RegexAnswer
    )
    # fmt: on
else:
    Measure = by_key(_KEYS, "measure", "not a measure: it has one of")

FIELDS = {
    **{name: name for name in ("keywords", "exact", "near", "overlap", "avoid", "number")},
    "members": "set",
    "record": "json",
}
"""Attributes of measures that name a field of the item, with the keys that they have in a file."""

Words = Annotated[tuple[Annotated[str, Field(max_length=2_000)], ...], Tupled, Field(max_length=200)]
Value = Annotated[
    Annotated[Line, Tag(":text")] | Annotated[Words, Tag(":list")],
    Discriminator(lambda v: ":text" if isinstance(v, str) else ":list"),
]


Rewards = Annotated[tuple[Measure, ...], OneOrMore, Field(min_length=1, max_length=20)]


class FurtherTurn(Strict):
    """One more turn of a task: what is asked next, and how the answer is rated."""

    prompt: Annotated[Line, Field(min_length=1)]
    """What is shown. `{field}` is the item's field of that name, `{answer}` what was answered last."""
    reward: Rewards
    """Measures between 0 and 1."""
    weight: Weight = 1
    """How much of `points` this turn is worth against the others; the first one weighs 1."""


class Task(Strict):
    """A world of one turn, or a few: a prompt, a free answer, a reward between 0 and `points`."""

    schema_version: Literal[1] = Field(default=1, alias="format")
    """Version of this format."""
    kind: Literal["task"]
    """`task`."""
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
    """Language of the messages: `en` or `zh`."""
    seat: Id = "writer"
    """Name of the only seat."""
    goal: Annotated[Line, Field(min_length=1)]
    """What is asked for. `{field}` is the item's field of that name."""
    prompt: Line = "{text}"
    """What is shown. `{field}` is the item's field of that name."""
    items: Annotated[tuple[dict[Id, Value], ...], Tupled, Field(min_length=1, max_length=5_000)]
    """The data. An episode's seed chooses one: item number seed modulo their count."""
    reward: Rewards
    """Measures between 0 and 1; the reward is their weighted mean times `points`."""
    then: Annotated[tuple[FurtherTurn, ...], OneOrMore, Field(max_length=20)] = ()
    """More turns, each with a prompt and a reward of its own. `points` are shared out among all turns."""
    points: Annotated[float, Field(gt=0, le=1_000_000, strict=False)] = 1.0
    """The reward of a perfect answer."""
    win_at: Annotated[float, Field(gt=0, le=1, strict=False)] = 1.0
    """The share of `points` from which the answer counts as a win."""
