"""Worlds by name, reference or file."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sandbox.errors import WorldError
from sandbox.paths import Home
from sandbox.text import did_you_mean
from sandbox.types import World
from sandbox.world import references

Progress = Callable[[str], None]


def silent(message: str) -> None:
    """For those who want to be told nothing."""


def open_world(home: Home, reference: str, progress: Progress = silent, *, seats: int | None = None) -> World[Any]:
    """A world by reference: generated, a story file, a world of our own by name or file. Raises `WorldError`.

    Args:
        home: where names are looked up.
        reference: the world.
        progress: told what takes time.
        seats: for how many of its seats, from the first on; all of them if not given.
    """
    parsed = references.parse(reference)
    if parsed.kind != "native":
        if seats not in (None, 1):
            raise WorldError(f"{reference} has one seat, not {seats}")
        return references.open_world(parsed, progress)
    from sandbox.world.native import load_world

    return load_world(world_file(home, reference), name=reference, seats=seats)


def world_file(home: Home, name: str) -> Path:
    """The file of a world of our own, by its name or path. Raises `WorldError` with the near misses."""
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise WorldError("no such world file", where=path, mend="check the path")
        return path
    if path.is_dir() and (path / "world.yaml").is_file():
        return path / "world.yaml"
    found = home.world_file(name)
    if found is None:
        raise WorldError(f"there is no world {name!r}", mend=way_out(name, home.names("worlds"), "world"))
    return found


def way_out(name: str, names: Sequence[str], what: str) -> str:
    """What to do about a name that leads nowhere: the near miss, else all there are, else how to make one."""
    listed = f"there are: {', '.join(names)}" if names else f"`sandbox {what} new` makes one"
    return did_you_mean(name, names, otherwise=listed)
