"""Whether everything that a definition names is there."""

from __future__ import annotations

from sandbox.errors import Finding
from sandbox.world.native.marked_yaml import Document
from sandbox.world.native.schema import Adventure


def check_references(world: Adventure, document: Document) -> list[Finding]:
    """All names that lead nowhere or to the wrong kind of thing, with the nearest that would do."""
    return []
