"""From what is handed to an environment as `world=` to a world."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from sandbox.errors import WorldError
from sandbox.paths import Home
from sandbox.types import World

Resolver = Callable[[str], World[Any]]
WorldLike = World[Any] | str | Callable[[], World[Any]]
"""A world, a reference to one, or a function that makes one. The last two can be copied to other processes."""


def open_reference(reference: str) -> World[Any]:
    """The world of a reference: `tw:...`, a story file, or the name or file of a native world."""
    from sandbox.world import references

    parsed = references.parse(reference)
    if parsed.kind != "native":
        return references.open_world(parsed)
    path = Path(reference)
    file = path if path.suffix in (".yaml", ".yml") else Home.find().world_file(parsed.canonical)
    if file is None:
        raise WorldError(f"there is no world {reference!r}", mend="`sandbox world list` names those there are")
    from sandbox.world.native import load_world

    return load_world(file, name=reference)


_resolver: Resolver = open_reference


def set_resolver(resolver: Resolver) -> None:
    """Have references resolved by this function from now on, for instance with another home."""
    global _resolver
    _resolver = resolver


def open_world(world: WorldLike) -> tuple[World[Any], bool]:
    """The world, and whether it was made here, so that it is to be closed by whoever asked."""
    if isinstance(world, str):
        return _resolver(world), True
    if callable(world):
        return world(), True
    return world, False
