"""The format of world files, written out from its models: a JSON Schema, and the manual's reference."""

from __future__ import annotations

import types
from typing import Any, get_args

from pydantic import BaseModel, Tag
from pydantic.fields import FieldInfo
from pydantic.json_schema import models_json_schema

from sandbox.manual import PagePart, is_model, models_in, one_line, table, type_words
from sandbox.world.native.actions import PLAIN, TRIGGERS
from sandbox.world.native.languages import language
from sandbox.world.native.schema import Adventure, Task
from sandbox.world.native.schema import conditions as condition_models
from sandbox.world.native.schema import effects as effect_models
from sandbox.world.native.schema import tasks as task_models

_GROUPS = (
    ("Conditions", condition_models, "Each is a mapping known by its first key. Several in a list must all hold."),
    (
        "Effects",
        effect_models,
        "Each is a mapping known by its first key. Several in a list happen in that order.",
    ),
    ("Measures", task_models, "What the reward of a text task is made of."),
)


def json_schema() -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of world files; `kind` tells text tasks from other worlds."""
    refs, schema = models_json_schema([(Adventure, "validation"), (Task, "validation")])
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "A world of the sandbox",
        "type": "object",
        "if": {"properties": {"kind": {"const": "task"}}, "required": ["kind"]},
        "then": refs[Task, "validation"],
        "else": refs[Adventure, "validation"],
        "$defs": _any_of(schema["$defs"]),
    }


def _any_of(schema: Any) -> Any:
    """`anyOf` in place of `oneOf`: a text is also a list of one text, and that is no ambiguity to an author."""
    if isinstance(schema, dict):
        return {"anyOf" if key == "oneOf" else key: _any_of(value) for key, value in schema.items()}
    return [_any_of(value) for value in schema] if isinstance(schema, list) else schema


def reference_markdown() -> str:
    """Every key of a world file as tables, one for each kind of block."""
    grouped = [model for _, module, _ in _GROUPS for model in _of(module)]
    tables = [_table(model) for model in _reachable(Adventure, grouped)]
    for title, module, introduction in _GROUPS[:2]:
        tables += [f"### {title}\n\n{introduction}\n", *(_table(model, level=4) for model in _of(module))]
    title, module, introduction = _GROUPS[2]
    tables += [_table(model) for model in _reachable(Task, grouped)]
    inside = dict.fromkeys(inner for measure in _of(module) for inner in _reachable(measure, [])[1:])
    tables += [f"### {title}\n\n{introduction}\n", *(_table(m, level=4) for m in (*_of(module), *inside))]
    tables.append(_actions())
    return "\n".join(tables)


def _of(module: types.ModuleType) -> list[type[BaseModel]]:
    """The models that the keys of a module's union lead to."""
    return list(module._KEYS.values())


def _reachable(model: type[BaseModel], left_out: list[type[BaseModel]]) -> list[type[BaseModel]]:
    """The models that a model's fields lead to, itself first, in the order of the fields."""
    found = [model]
    for inner in (m for f in model.model_fields.values() for m in models_in(f.annotation)):
        if inner not in left_out:
            found += [m for m in _reachable(inner, left_out) if m not in found]
    return list(dict.fromkeys(found))


def _table(model: type[BaseModel], level: int = 3) -> str:
    lines = [f"{'#' * level} {_spaced(model).capitalize()}", "", one_line(model.__doc__), ""]
    rows = []
    for field_name, field in model.model_fields.items():
        default = "**needed**" if field.is_required() else _default(field)
        key, value = f"`{field.alias or field_name}`", type_words(field.annotation, _named)
        rows.append((key, value, default, one_line(field.description)))
    return "\n".join([*lines, *table(("key", "value", "default", ""), rows), ""])


def _default(field: FieldInfo) -> str:
    value = field.get_default(call_default_factory=True)
    if value in (None, "", (), {}) or isinstance(value, BaseModel):
        return ""
    shown = {True: "true", False: "false"}.get(value, value) if isinstance(value, bool) else value
    return f"`{', '.join(shown) if isinstance(shown, tuple) else shown}`"


_NAMES: dict[Any, str] = {bool: "true or false", int: "number", float: "number", str: "text", type(None): ""}


def _named(annotation: Any) -> str | None:
    if is_model(annotation):
        return _spaced(annotation)
    tags = {m.tag for a in get_args(annotation) for m in getattr(a, "__metadata__", ()) if isinstance(m, Tag)}
    for title, module, _ in _GROUPS:
        if tags and {tag[1:] for tag in tags} == set(module._KEYS):
            return title[:-1].lower()
    return None if get_args(annotation) else _NAMES.get(annotation, "chance")


def _spaced(model: type[BaseModel]) -> str:
    return "".join(f" {ch.lower()}" if ch.isupper() else ch for ch in model.__name__).strip()


def _actions() -> str:
    """The usual actions, that rules can refer to."""
    english, chinese = language("en"), language("zh")
    lines = [
        "### The usual actions",
        "",
        "What `instead` and `after` of a rule can name, besides the world's own verbs, and how it is typed.",
        "Those with a star do nothing unless a rule says so. `put` is typed with *in* or *on*; `enter` follows",
        "each arrival in a room.",
        "",
        "| action | English | Chinese |",
        "|---|---|---|",
    ]
    for action in TRIGGERS:
        keys = ("put_in", "put_on") if action == "put" else (action,)
        cells = []
        for pack in (english, chinese):
            forms = [form for key in keys for form in pack.verbs.get(key, ())]
            cells.append(", ".join(f"`{form}`" for form in forms[:4]))
        lines.append(f"| `{action}`{' *' if action in PLAIN else ''} | {cells[0]} | {cells[1]} |")
    return "\n".join([*lines, ""])


PART = PagePart(
    "<!-- world files: generated from sandbox/world/native/schema, do not edit below -->",
    "<!-- world files: end -->",
    reference_markdown,
)
updated = PART.updated

if __name__ == "__main__":
    PART.main()
