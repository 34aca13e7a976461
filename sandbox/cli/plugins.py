"""`sandbox plugins`: the kinds that packages add, and what is wrong with those that cannot be used."""

from __future__ import annotations

import json
from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from sandbox.cli import context


def plugins(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """The kinds of worlds, learners, language models and feedback, and the packages they come from.

    Loads each of them. One that is broken is listed with the reason, and the rest is used. A package of yours can
    add kinds: see docs/extend.md.
    """
    found = _rows()
    if as_json:
        print(json.dumps(found, ensure_ascii=False))
        return
    table = Table("group", "kind", "package", "", box=None, pad_edge=False)
    for row in found:
        table.add_row(row["group"], row["kind"], row["package"], Text(row["problem"], style="red"))
    context.console.print(table, highlight=False)


def _rows() -> list[dict[str, Any]]:
    from sandbox import plugins
    from sandbox.agent.section import LearnerSettings
    from sandbox.feedback.kind import Kind
    from sandbox.types import ModelKind, WorldKind

    shapes: dict[plugins.Group, type] = {"worlds": WorldKind, "models": ModelKind}
    bases: dict[plugins.Group, type] = {"learners": LearnerSettings, "feedback": Kind}
    return [
        {
            "group": group,
            "kind": plugin.name,
            "package": plugin.package,
            "target": plugin.target,
            "problem": plugin.problem(shapes.get(group), base=bases.get(group)),
        }
        for group in plugins.GROUPS
        for plugin in plugins.rows(group)
    ]
