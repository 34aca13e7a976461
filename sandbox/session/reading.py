"""What can be made of a world file while it is being written. A text goes in, values come out."""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.errors import Finding, WorldFileError

if TYPE_CHECKING:
    from sandbox import marked_yaml
    from sandbox.world.map import FloorPlan

_NESTED = 20


@dataclass(frozen=True, slots=True)
class ParsedSource:
    """A text as it was read."""

    findings: tuple[Finding, ...] = ()
    """What the loader says of it, or else what can be told at sight."""
    loads: bool = False
    """Whether it is a world."""
    plan: FloorPlan | None = None
    """The rooms, where it is a world that has any."""
    lines: Mapping[str, int] = field(default_factory=dict, repr=False)
    """The line of each path of keys, written as in findings."""
    places: tuple[tuple[int, str], ...] = ()
    """Where entries begin, and the room that each is in or is; empty for no room. Ascending."""

    def room_at(self, line: int) -> str:
        """The room that a line of the file is about."""
        found = bisect_right(self.places, (line, "\U0010ffff"))
        return self.places[found - 1][1] if found else ""

    def line_of(self, finding: Finding) -> int | None:
        """Where a finding is now: the text may have changed since it was found."""
        key = finding.key
        while key:
            if (line := self.lines.get(key)) is not None:
                return line
            key = re.sub(r"(\.[^.\[]*|\[\d+\]|[^.\[]+)$", "", key)
        return finding.line


def read(text: str, file: Path | None = None) -> ParsedSource:
    """Read a text, whatever is in it. What it includes is beside the file that it is of."""
    from sandbox import marked_yaml
    from sandbox.world.check.structure import findings_at_sight
    from sandbox.world.map import plan_of
    from sandbox.world.native import Adventure, parse_source

    try:
        source = parse_source(text, file or "world.yaml")
    except WorldFileError as error:
        document = marked_yaml.read(text)
        return ParsedSource(error.findings, lines=_lines(document), places=_places(document))
    plan = plan_of(source.definition) if isinstance(source.definition, Adventure) else None
    return ParsedSource(
        tuple(findings_at_sight(source)), True, plan, _lines(source.document), _places(source.document)
    )


def _lines(document: marked_yaml.Document) -> dict[str, int]:
    from sandbox import marked_yaml

    return {marked_yaml.dotted(path): line for path, line in document.lines.items()}


def _places(document: marked_yaml.Document) -> tuple[tuple[int, str], ...]:
    data = document.data if isinstance(document.data, dict) else {}
    found = []
    for path, line in document.lines.items():
        if len(path) == 1:
            found.append((line, ""))
        elif len(path) == 2 and path[0] in ("rooms", "things", "characters", "seats"):
            found.append((line, _room(data, str(path[1]))))
    return tuple(sorted(found))


def _room(data: dict[str, Any], name: str) -> str:
    """The room that something is in, through what holds it."""
    for _ in range(_NESTED):
        if name in _section(data, "rooms"):
            return name
        entry: Any = next(
            (e for s in ("things", "characters", "seats") if (e := _section(data, s).get(name))), None
        )
        name = str(entry.get("at", entry.get("start", ""))) if isinstance(entry, dict) else ""
    return ""


def _section(data: dict[str, Any], name: str) -> dict[str, Any]:
    section = data.get(name)
    return section if isinstance(section, dict) else {}
