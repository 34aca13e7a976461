"""Validation errors in words: every mistake of a card at once, with its line and the likely correction."""

from __future__ import annotations

import difflib
import types
import typing
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from sandbox.agent.yamlfile import Document, Key
from sandbox.errors import CardError

_SHOWN = 20


def near_miss(word: str, known: Iterable[str]) -> str:
    """`; did you mean 'x'?`, or nothing where no known word is like it."""
    close = difflib.get_close_matches(word.lower(), list(known), n=1, cutoff=0.6)
    return f"; did you mean {close[0]!r}?" if close else ""


def as_card_error(
    error: ValidationError, model: type[BaseModel], document: Document, where: Path | str
) -> CardError:
    """All mistakes as one error. A single one reads `file:line: mistake`; several are listed by line."""
    found: dict[Key, tuple[int, str]] = {}
    for details in error.errors(include_url=False):
        key = _key(details, document)
        message = _message(details, key, model)
        if key not in found:
            found[key] = (document.line(key) or 1, message)
    listed = sorted(found.values())
    if len(listed) == 1:
        line, message = listed[0]
        return CardError(message, where=where, line=line)
    shown = "".join(f"\n  line {line}: {message}" for line, message in listed[:_SHOWN])
    more = f"\n  and {len(listed) - _SHOWN} more" if len(listed) > _SHOWN else ""
    return CardError(f"{len(listed)} mistakes{shown}{more}", where=where)


def _key(details: Any, document: Document) -> Key:
    """Pydantic's location without the names of union members that it puts in between."""
    *around, last = details["loc"]
    key: Key = ()
    for part in around:
        if (*key, part) in document.lines:
            key = (*key, part)
    return (*key, last) if (*key, last) in document.lines or details["type"] == "missing" else key


def _message(details: Any, key: Key, model: type[BaseModel]) -> str:
    name = ".".join(str(part) for part in key)
    kind, given = details["type"], details["input"]
    if kind == "extra_forbidden":
        return f"unknown field {name!r}{near_miss(str(key[-1]), _fields(model, key[:-1]))}"
    if kind == "missing":
        return f"{name!r} is missing"
    if kind == "value_error":
        return f"{name}: {details['ctx']['error']}"
    if kind == "literal_error":
        expected = details["ctx"]["expected"]
        words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        return f"{name}: {given!r} is not one of {', '.join(words)}{near_miss(str(given), words)}"
    if kind in ("model_type", "model_attributes_type"):
        return f"{name}: expected a block of fields, found {given!r}"
    message = details["msg"]
    return f"{name}: {message[0].lower()}{message[1:]}, found {_short(given)}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fields(model: type[BaseModel], key: Key) -> list[str]:
    """Names of the fields that may stand inside the block at a key."""
    models = [model]
    for part in key:
        models = [
            inner
            for outer in models
            if str(part) in outer.model_fields
            for inner in _models(outer.model_fields[str(part)].annotation)
        ]
    return [name for inner in models for name in inner.model_fields]


def _models(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models an annotation allows, through unions and `Annotated`."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif typing.get_origin(annotation) in (typing.Union, types.UnionType, typing.Annotated):
        for argument in typing.get_args(annotation):
            yield from _models(argument)
