"""What all models of the world file share: strictness, identifiers, bounds, and text with conditions."""

from __future__ import annotations

import re
from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from operator import or_
from typing import Annotated, Any

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Discriminator,
    Field,
    GetCoreSchemaHandler,
    GetJsonSchemaHandler,
    Tag,
    WithJsonSchema,
)
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from sandbox.text import clean

MAX_ROOMS = 2_000
MAX_THINGS = 5_000
MAX_NUMBER = 1_000_000
MAX_EFFECTS = 50
"""Effects in one list. Lists nest, so that the engine also bounds the effects of one turn."""
MAX_TEXT = 20_000

RESERVED = frozenset({"me", "here", "nowhere", "all", "others", "none", "actor"})
"""Words that stand for a place or for seats and so cannot be identifiers."""

_ID = re.compile(r"\w[\w' -]{0,63}")


class Strict(BaseModel):
    """A model that refuses unknown keys and never changes."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True, use_attribute_docstrings=True)


def _identifier(value: str) -> str:
    if not _ID.fullmatch(value) or value != value.strip():
        raise PydanticCustomError(
            "identifier",
            "{value} cannot be an identifier: letters, digits, spaces, ' - _ only, 64 at most",
            {"value": repr(value[:80])},
        )
    if value in RESERVED:
        raise PydanticCustomError(
            "identifier", "{value} is a word of the format and cannot be an identifier", {"value": repr(value)}
        )
    return value


def _clean_text(value: str) -> str:
    if clean(value) != value:
        raise PydanticCustomError("text", "text holds terminal escapes or control characters", {})
    return value.strip("\n")


def _clean_name(value: str) -> str:
    if clean(value) != value or "\n" in value or value != value.strip() or "{" in value or "}" in value:
        raise PydanticCustomError(
            "name", "a name is one line without control characters, braces and blanks at its ends", {}
        )
    return value


def _probability(value: Any) -> Any:
    """`1/4`, `25%`, `0.25` as an exact fraction."""
    if isinstance(value, bool) or not isinstance(value, (int, float, str, Fraction)):
        raise PydanticCustomError("probability", "write a chance as 1/4, 25% or 0.25", {})
    try:
        text = str(value).strip()[:32]
        if "e" in text.lower():
            raise ValueError
        fraction = Fraction(text[:-1]) / 100 if text.endswith("%") else Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise PydanticCustomError("probability", "write a chance as 1/4, 25% or 0.25", {}) from None
    if not 0 < fraction < 1 or fraction.denominator > MAX_NUMBER:
        raise PydanticCustomError(
            "probability", "a chance lies between 0 and 1, with a denominator of a million at most", {}
        )
    return fraction


Id = Annotated[str, AfterValidator(_identifier)]
"""An identifier: letters of any script, digits, spaces, `'`, `-` and `_`. Where a thing has no name of its own,
its identifier is its name, with `_` read as a blank."""

Name = Annotated[str, Field(min_length=1, max_length=80), AfterValidator(_clean_name)]
"""One line, as players read and type it."""

Line = Annotated[str, Field(max_length=MAX_TEXT), AfterValidator(_clean_text)]
"""Text without conditions. Slots such as `{me}` or `{variable}` are filled in where the field says so."""

Number = Annotated[int, Field(ge=-MAX_NUMBER, le=MAX_NUMBER)]
Amount = Annotated[
    Annotated[Number, Tag(":number")] | Annotated[str, Tag(":variable")],
    Discriminator(lambda value: ":variable" if isinstance(value, str) else ":number"),
]
"""A whole number, or the name of what holds it: a variable, a property (`apple.price`), `number` of a command."""
Count = Annotated[int, Field(ge=1, le=10_000)]
Points = Annotated[float, Field(ge=-MAX_NUMBER, le=MAX_NUMBER, allow_inf_nan=False, strict=False)]

Chance = Annotated[
    Fraction,
    BeforeValidator(_probability),
    WithJsonSchema(
        {
            "anyOf": [
                {"type": "string", "pattern": r"^\s*(\d+\s*/\s*\d+|\d+(\.\d+)?\s*%?)\s*$"},
                {"type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1},
            ],
            "description": "A probability: `1/4`, `25%` or `0.25`.",
        }
    ),
]


Files = Annotated[
    tuple[Annotated[str, Field(min_length=1, max_length=200)], ...],
    BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else (v,) if isinstance(v, str) else v),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}),
    Field(max_length=50),
]
"""Names of files, relative to the world's folder."""


def _listed(value: Any) -> Any:
    one = isinstance(value, (str, dict, int)) and not isinstance(value, bool)
    return [value] if one else value


Ids = Annotated[
    tuple[str, ...],
    BeforeValidator(lambda v: tuple(v) if isinstance(v, list) else (v,) if isinstance(v, str) else v),
    WithJsonSchema({"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}, "minItems": 1}]}),
    Field(min_length=1, max_length=200),
]
"""One identifier, or a list of them."""


def tuple_of(value: Any) -> Any:
    """Lists of YAML become tuples, so that definitions are hashable throughout."""
    return tuple(value) if isinstance(value, list) else value


def by_key(kinds: Mapping[str, type[BaseModel]], name: str, complaint: str) -> Any:
    """The type of whatever is a mapping with the key of one of these models.

    Args:
        kinds: the models by their keys; of several keys, the first of these counts.
        name: of the error where there is none of them.
        complaint: its message, before the keys are listed.
    """

    def tag(value: Any) -> str | None:
        if isinstance(value, dict):
            return next((f":{key}" for key in kinds if key in value), None)
        return next((f":{key}" for key, model in kinds.items() if isinstance(value, model)), None)

    union = reduce(or_, [Annotated[model, Tag(f":{key}")] for key, model in kinds.items()])
    message = f"{complaint} {', '.join(kinds)}"
    return Annotated[union, Discriminator(tag, custom_error_type=name, custom_error_message=message)]


class _OneOrMore:
    """Marks a list that may be written without brackets where it has one item."""

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_before_validator_function(lambda v: tuple_of(_listed(v)), handler(source))

    def __get_pydantic_json_schema__(self, schema: CoreSchema, handler: GetJsonSchemaHandler) -> dict[str, Any]:
        written = handler(schema)
        return {"anyOf": [written["items"], written]}


Tupled = BeforeValidator(tuple_of)
OneOrMore = _OneOrMore()
