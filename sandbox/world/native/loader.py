"""From a file to a definition, with all that is wrong with it said at once."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, Tag, ValidationError
from pydantic_core import ErrorDetails

from sandbox import marked_yaml
from sandbox.errors import Finding, WorldError, WorldFileError
from sandbox.files import read_bytes
from sandbox.marked_yaml import Document, dotted
from sandbox.text import did_you_mean
from sandbox.world.native.including import with_included
from sandbox.world.native.kinds import with_kinds
from sandbox.world.native.references import check_references
from sandbox.world.native.references.tasks import check_task
from sandbox.world.native.schema import Adventure, Definition, Task
from sandbox.world.native.schema.conditions import CONDITION_KEYS
from sandbox.world.native.schema.effects import EFFECT_KEYS
from sandbox.world.native.schema.tasks import MEASURE_KEYS

MAX_FINDINGS = 100
_TAG = re.compile(r":[a-z_]+|\[key\]")
_STARTS = {"condition": CONDITION_KEYS, "effect": EFFECT_KEYS, "measure": MEASURE_KEYS}
_FILLED = ("title", "goal")
"""Texts whose absence or fault must not keep the rest from being checked."""


@dataclass(frozen=True)
class Source:
    """A definition with the place of everything in the file it came from."""

    definition: Definition
    file: str
    document: Document
    fingerprint: str
    """SHA-256 of the text, in hex."""

    def line(self, *path: str | int) -> int | None:
        """Line of a path such as `("rooms", "hall", "exits", "north")`, or of the nearest thing around it."""
        return self.document.line(path)

    def placed(self, finding: Finding) -> Finding:
        """A finding with the file that its key leads to, where that is an included one."""
        if not self.document.parts:
            return finding
        steps = [int(s[1:-1]) if s[0] == "[" else s for s in re.findall(r"[^.\[\]]+|\[\d+\]", finding.key)]
        return finding.of_file(self.document.file(tuple(steps)))


def parse_definition(text: str | bytes, file: Path | str = "world.yaml") -> Definition:
    """The definition that a world file's text holds. Raises `WorldFileError` with all that is wrong."""
    return parse_source(text, file).definition


def read_source(path: Path) -> Source:
    """The definition in a file. Raises `WorldFileError`, and `WorldError` where the file cannot be read."""
    try:
        text = read_bytes(path, marked_yaml.MAX_BYTES + 1)
    except OSError as error:
        raise WorldError(
            f"the world file cannot be read: {error.strerror or error}", where=path, hint="check the name"
        ) from error
    return parse_source(text, path)


def parse_source(text: str | bytes, file: Path | str = "world.yaml") -> Source:
    """As `parse_definition`, with the lines kept. What it includes is beside `file`, if that is a path."""
    document = marked_yaml.read(text)
    findings = list(document.findings)
    included, digest = with_included(document, file.parent if isinstance(file, Path) else None, Path(file).name)
    findings += included
    definition: Definition | None = None
    if not isinstance(document.data, dict):
        if not findings:
            findings.append(Finding(1, "", "the file holds no keys", "a world file begins with 'title: ...'"))
    else:
        model: type[Adventure] | type[Task] = Task if document.data.get("kind") == "task" else Adventure
        findings += with_kinds(document)
        definition, wrong = _validate(model, document)
        findings += wrong
        if isinstance(definition, Adventure):
            findings += check_references(definition, document)
        elif isinstance(definition, Task):
            findings += check_task(definition, document)
    if findings or definition is None:
        findings.sort(key=lambda f: (f.file, f.line or 0, f.key))
        raise WorldFileError(tuple(dict.fromkeys(findings))[:MAX_FINDINGS], where=file)
    raw = text if isinstance(text, bytes) else text.encode()
    return Source(definition, str(file), document, hashlib.sha256(raw + digest).hexdigest())


def _validate(
    model: type[Adventure] | type[Task], document: Document
) -> tuple[Adventure | Task | None, list[Finding]]:
    """The definition, or what is left of it without the faulty parts, so that references can be checked too."""
    findings: list[Finding] = []
    data = document.data
    for _ in range(4):
        try:
            return model.model_validate(data), findings
        except ValidationError as error:
            errors = error.errors(include_url=False, include_input=False)
        if not findings:
            findings = [_finding(model, e, document) for e in errors[:MAX_FINDINGS]]
        data = _pruned(data, [_path(e["loc"]) for e in errors])
    return None, findings


def _path(loc: tuple[str | int, ...]) -> tuple[str | int, ...]:
    """The path in the file: without the tags of unions, which begin with a colon."""
    return tuple(step for step in loc if not (isinstance(step, str) and _TAG.fullmatch(step)))


def _pruned(data: Any, paths: list[tuple[str | int, ...]]) -> Any:
    """A copy without the values at the paths; where one is missing, without what misses it."""

    def copy(value: Any, here: tuple[str | int, ...]) -> Any:
        if isinstance(value, dict):
            kept = {k: copy(v, (*here, k)) for k, v in value.items() if (*here, k) not in gone}
            return kept | filled.get(here, {})
        if isinstance(value, list):
            return [copy(v, (*here, i)) for i, v in enumerate(value) if (*here, i) not in gone]
        return value

    gone: set[tuple[str | int, ...]] = set()
    filled: dict[tuple[str | int, ...], dict[str, str]] = {}
    for path in paths:
        if path and path[-1] in _FILLED:
            filled.setdefault(path[:-1], {})[str(path[-1])] = "?"
            continue
        value: Any = data
        reached: tuple[str | int, ...] = ()
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                break
            reached = (*reached, step)
        gone.add(reached)
    return copy(data, ())


def _finding(model: type[BaseModel], error: ErrorDetails, document: Document) -> Finding:
    path = _path(error["loc"])
    line = document.line(path)
    message, hint = error["msg"], ""
    kind = error["type"]
    if kind == "extra_forbidden":
        message = "no such key"
        allowed = _keys(model, error["loc"][:-1])
        hint = did_you_mean(str(error["loc"][-1]), allowed) or (
            f"there are: {', '.join(allowed[:40])}" if allowed else ""
        )
    elif kind == "missing":
        message = f"the key {error['loc'][-1]!r} is missing"
        line, path = document.line(path[:-1]), path[:-1]
    elif kind == "value_error":
        message = str(error["ctx"]["error"]) if "ctx" in error else message
    elif kind == "literal_error":
        expected = str(error.get("ctx", {}).get("expected", ""))
        words = [w.strip("'") for w in expected.replace(" or ", ", ").split(", ")]
        bad = _value(document.data, path) if error["loc"][-1] != "[key]" else error["loc"][-2]
        message = f"{str(bad)[:40]!r} is none of {', '.join(words)}"
        hint = did_you_mean(str(bad), words)
    elif kind == "string_type":
        message, hint = "text is wanted here", "put it in quotes"
    elif kind in _STARTS:
        value = _value(document.data, path) or _value(document.data, path[:-1])
        hint = did_you_mean(str(next(iter(value))), _STARTS[kind]) if isinstance(value, dict) and value else ""
        message = message.split(":")[0] if hint else message
    elif kind == "float_parsing":
        message = "a number is wanted here"
    elif kind in ("int_type", "bool_type", "dict_type", "tuple_type", "model_type", "float_type"):
        wanted = {
            "int_type": "a whole number",
            "bool_type": "true or false",
            "dict_type": "a mapping (key: value)",
            "model_type": "a mapping (key: value)",
            "tuple_type": "a list",
            "float_type": "a number",
        }
        message = f"{wanted[kind]} is wanted here"
        value = _value(document.data, path)
        if str(error["loc"][-1]).startswith(":") and isinstance(value, list):
            message = "one name is wanted here, not a list"
            hint = f"write {value[0]}" if len(value) == 1 and isinstance(value[0], str) else ""
            if path[-1] == "at":
                drawn = ", ".join(map(str, value)) if len(value) > 1 else "..., ..."
                hint = f"{hint or 'name one'}; for a place drawn at random, {{one_of: [{drawn}]}}"
    elif message.startswith("Input should be"):
        message = "should be" + message[len("Input should be") :]
    return Finding(line, dotted(document.where(path)), message, hint, file=document.file(path))


def _value(data: Any, path: tuple[str | int, ...]) -> Any:
    for step in path:
        try:
            data = data[step]
        except (KeyError, IndexError, TypeError):
            return ""
    return data


def _keys(model: Any, loc: tuple[str | int, ...]) -> list[str]:
    """The keys of the model that a pydantic location leads to."""
    here: Any = model
    for step in loc:
        here = _descend(here, step)
        if here is None:
            return []
    if isinstance(here, type) and issubclass(here, BaseModel):
        return [f.alias or name for name, f in here.model_fields.items()]
    return []


def _descend(kind: Any, step: str | int) -> Any:
    if get_origin(kind) is Annotated:
        kind = get_args(kind)[0]
    if isinstance(kind, type) and issubclass(kind, BaseModel):
        found = next((f for name, f in kind.model_fields.items() if step in (name, f.alias)), None)
        return None if found is None else found.annotation
    arguments = get_args(kind)
    if get_origin(kind) is dict:
        return arguments[1]
    if get_origin(kind) is tuple:
        return arguments[0]
    for argument in arguments:
        if get_origin(argument) is Annotated:
            inner, *metadata = get_args(argument)
            if any(isinstance(m, Tag) and m.tag == step for m in metadata):
                return inner
        if argument is not type(None) and not str(step).startswith(":") and (deeper := _descend(argument, step)):
            return deeper
    return None
