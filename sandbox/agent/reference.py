"""What a card can say, written out from the models themselves: the manual's reference, and a starter card."""

from __future__ import annotations

import inspect
import json
import textwrap
import typing
from typing import Any

import annotated_types
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from sandbox.agent.cards import Card, Ramp
from sandbox.agent.section import DEFAULT_LEARNER, learner_kinds, learner_settings
from sandbox.manual import PagePart, choices, is_model, one_line, table, type_words

_WIDTH = 100
_NAMES: dict[Any, str] = {
    str: "text",
    float: "number",
    int: "whole number",
    bool: "`true`, `false`",
    type(None): "`null`",
}
_LEFT_OUT = ("name",)
"""What a starter card does not write: the file has the name."""


def markdown() -> str:
    """Every field of a card as tables, one for each section."""
    tables = [_table("The card", Card)]
    for name, field in Card.model_fields.items():
        sections = _sections(field)
        if name == "learner":
            sections = [learner_settings(kind) for kind in learner_kinds(bundled=True)]
        for section in sections:
            if len(sections) == 1:
                tables.append(_table(f"`{name}`", section, field.description or ""))
            else:
                kind = typing.get_args(section.model_fields["kind"].annotation)[0]
                tables.append(_table(f"`{name}` with `kind: {kind}`", section, inspect.getdoc(section) or ""))
    tables.append(
        _table(
            "A number that changes",
            Ramp,
            "Where the type is *number or ramp*, a plain number stays as it is, and a ramp is a block of these.",
        )
    )
    return "\n".join(tables)


def _table(title: str, model: type[BaseModel], introduction: str = "") -> str:
    lines = [f"### {title}", ""]
    if introduction:
        lines += [introduction, ""]
    rows = []
    for name, field in model.model_fields.items():
        default = "" if field.is_required() or _sections(field) else f"`{_as_yaml(field.default)}`"
        rows.append((f"`{name}`", _type(field), default, one_line(field.description)))
    return "\n".join([*lines, *table(("field", "type", "default", ""), rows), ""])


def starter_card(description: str = "", *, model: str | None = None, learner: bool = True) -> str:
    """A commented card with every field at its default, as YAML that loads.

    Args:
        description: one line for people.
        model: name of a language model; None plays without.
        learner: whether Q-learning is on.
    """
    lines = ["# An agent's card. Whatever is left out has the value shown here.", ""]
    given: dict[str, Any] = {"description": description, "model": model}
    for name, field in Card.model_fields.items():
        if name in _LEFT_OUT:
            continue
        sections = _sections(field)
        lines += _comment(field, "")
        if not sections:
            lines.append(f"{name}: {_as_yaml(given.get(name, field.default))}")
        elif name == "remote" or (name == "learner" and not learner):
            lines.append(f"{name}: null")
        else:
            lines.append(f"{name}:")
            section = learner_settings(DEFAULT_LEARNER) if name == "learner" else sections[0]
            for inner_name, inner in section.model_fields.items():
                lines += [*_comment(inner, "  "), f"  {inner_name}: {_as_yaml(inner.default)}"]
        lines.append("")
    return "\n".join(lines)


def _comment(field: FieldInfo, indent: str) -> list[str]:
    text = one_line(field.description)
    return textwrap.wrap(text, _WIDTH, initial_indent=f"{indent}# ", subsequent_indent=f"{indent}# ")


def _as_yaml(value: object) -> str:
    """A scalar as YAML: JSON's notation is part of it."""
    return value if isinstance(value, str) and value.replace("-", "").isalnum() else json.dumps(value)


def _sections(field: FieldInfo) -> list[type[BaseModel]]:
    """The models of a field that is a block, the default first; none for a plain value."""
    return [kind for kind in choices(field.annotation) if is_model(kind) and kind is not Ramp]


def _type(field: FieldInfo) -> str:
    return type_words(field.annotation, _named) + _range(field)


def _named(annotation: Any) -> str | None:
    if annotation is Ramp:
        return "ramp"
    return "block" if is_model(annotation) else _NAMES.get(annotation)


def _range(field: FieldInfo) -> str:
    """The bounds of a number, such as ` (0 < x ≤ 1)`."""
    low = high = ""
    for bound in field.metadata:
        match bound:
            case annotated_types.Ge():
                low = f"{bound.ge:,} ≤ "
            case annotated_types.Gt():
                low = f"{bound.gt:,} < "
            case annotated_types.Le():
                high = f" ≤ {bound.le:,}"
            case annotated_types.Lt():
                high = f" < {bound.lt:,}"
            case _:
                pass
    return f" ({low}x{high})" if low or high else ""


PART = PagePart(
    "<!-- card fields: generated from sandbox/agent/cards.py, do not edit below -->",
    "<!-- card fields: end -->",
    markdown,
)
updated = PART.updated

if __name__ == "__main__":
    PART.main()
