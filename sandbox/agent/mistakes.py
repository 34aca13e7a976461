"""Validation errors in words: every mistake of a card at once, with its line and the likely correction."""

from __future__ import annotations

import types
import typing
from collections.abc import Iterator, Sequence
from pathlib import Path as FilePath
from typing import Any

from pydantic import BaseModel, ValidationError

from sandbox.errors import CardError, Finding
from sandbox.marked_yaml import Document, Path, dotted
from sandbox.text import did_you_mean

_SHOWN = 20


def findings(error: ValidationError, model: type[BaseModel], document: Document, at: Path = ()) -> list[Finding]:
    """What a validation found, one finding for each place in the file; `at` is where the model stands in it."""
    found: dict[Path, Finding] = {}
    for details in error.errors(include_url=False):
        path = _path({**details, "loc": (*at, *details["loc"])}, document)
        message, hint = _message(details, path[len(at) :], model)
        found.setdefault(path, Finding(document.line(path) or 1, dotted(path), message, hint))
    return list(found.values())


def card_error(found: Sequence[Finding], where: FilePath | str) -> CardError:
    """All mistakes as one error. A single one reads `file:line: mistake`; several are listed by line."""
    found = sorted(found, key=lambda finding: (finding.line or 0, finding.key))
    if len(found) == 1:
        key = f"{found[0].key}: " if found[0].key else ""
        return CardError(key + found[0].message, where=where, line=found[0].line, hint=found[0].hint)
    shown = "".join(f"\n  {finding}" for finding in found[:_SHOWN])
    more = f"\n  and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    return CardError(f"{len(found)} mistakes{shown}{more}", where=where)


def _path(details: Any, document: Document) -> Path:
    """Pydantic's location without the names of union members that it puts in between."""
    if not details["loc"]:  # about the card as a whole
        return ()
    *around, last = details["loc"]
    path: Path = ()
    for part in around:
        if (*path, part) in document.lines:
            path = (*path, part)
    if details["type"] == "union_tag_invalid":
        return (*path, last, "kind")
    return (*path, last) if (*path, last) in document.lines or details["type"] == "missing" else path


def _message(details: Any, path: Path, model: type[BaseModel]) -> tuple[str, str]:
    """What is wrong, and the way out."""
    kind, given = details["type"], details["input"]
    if kind == "extra_forbidden":
        known = _fields(model, path[:-1])
        return "no such field", did_you_mean(str(path[-1]).lower(), known, f"there are {', '.join(known)}")
    if kind == "missing":
        return "is missing", ""
    if kind == "value_error":
        return str(details["ctx"]["error"]), ""
    if kind in ("literal_error", "union_tag_invalid"):
        context = details["ctx"]
        expected, given = context.get("expected") or context["expected_tags"], context.get("tag", given)
        words = [word.strip("' ") for word in expected.replace(" or ", ",").split(",")]
        return f"{_short(given)} is none of {', '.join(words)}", did_you_mean(str(given).lower(), words)
    if kind in ("model_type", "model_attributes_type"):
        return f"expected a block of fields, found {_short(given)}", ""
    message = details["msg"]
    return f"{message[0].lower()}{message[1:]}, found {_short(given)}", ""


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _fields(model: type[BaseModel], path: Path) -> list[str]:
    """Names of the fields that may stand inside the block at a path."""
    models = [model]
    for part in path:
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
