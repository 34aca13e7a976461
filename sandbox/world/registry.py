"""The one door for references to worlds: what a person writes to say which world is meant.

A reference is the name of a world among the content (`lighthouse`, `worlds/lighthouse`), the path of a file
(`worlds/lighthouse/world.yaml`, `zork1.z5`), or begins with the name of a kind (`tw:coin?level=5&seed=1`).
Kinds come from the entry points of the group `sandbox.worlds`: an entry named `tw` opens what begins with `tw:`,
an entry named `.z5` opens files that end so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

from sandbox import plugins
from sandbox.errors import SandboxError, WorldError
from sandbox.paths import Home
from sandbox.text import near_miss
from sandbox.types import Progress, World, WorldKind, silent

WorldLike = World[Any] | str | Callable[[], World[Any]]
"""A world, a reference to one, or a function that makes one. The last two can be copied to other processes."""

FILE = "world.yaml"
"""What the file of a world among the content is called."""
AUTHORED = (".yaml", ".yml")
"""The kinds of worlds of our own."""
_OTHER_STORIES = (".ulx", ".gblorb", ".zblorb", ".blorb", ".gam", ".t3", ".hex", ".acd", ".z1", ".z2")


@dataclass(frozen=True, slots=True)
class Reference:
    """A world that was asked for and can be meant: nothing is opened yet."""

    kind: str
    """Name of the entry point that opens it, such as `tw` or `.yaml`."""
    canonical: str
    """The same for every spelling: the name among the content, another file's absolute path, or the kind's."""
    target: str
    """What the kind opens: the path of the file, or the canonical reference."""

    @property
    def file(self) -> Path | None:
        """The file, where it is one."""
        return Path(self.target) if self.kind.startswith(".") else None


def resolve(reference: str, *, home: Home | None = None) -> Reference:
    """What a reference means; opens nothing. Raises `WorldError` with the near miss where it can be nothing.

    Args:
        reference: as a person writes it.
        home: where names are looked up; None takes that of `$SANDBOX_HOME` or the current folder.
    """
    text = reference.strip()
    if not text:
        raise WorldError("no world is named", hint="name one, such as tw:custom?rooms=5&objects=8&quest=5&seed=3")
    home = Home.find() if home is None else home
    scheme, colon, _ = text.partition(":")
    if colon and scheme in schemes():
        canonical = _kind(scheme).canonical(text)
        return Reference(scheme, canonical, canonical)
    file = _file(text, home)
    if file is None:
        raise _unknown(text, home)
    return _of_file(file, home)


def open_world(
    reference: str,
    *,
    home: Home | None = None,
    seats: int | None = None,
    progress: Progress = silent,
    name: str = "",
) -> World[Any]:
    """The world of a reference. Raises `WorldError`, and `PluginError` where its kind cannot be loaded.

    Args:
        reference: as a person writes it.
        home: where names are looked up.
        seats: for how many of its seats, from the first on; all of them if not given.
        progress: told what takes time.
        name: what the world is to be called; its canonical reference if not given.
    """
    meant = resolve(reference, home=home)
    kind = _kind(meant.kind)
    return kind.open(meant.target, name=name or meant.canonical, seats=seats, progress=progress)


def opened(world: WorldLike) -> tuple[World[Any], bool]:
    """The world, and whether it was made here, so that it is to be closed by whoever asked."""
    if isinstance(world, str):
        return open_world(world), True
    if callable(world):
        return world(), True
    return world, False


def world_file(reference: str, *, home: Home | None = None) -> Path:
    """The YAML file of a world of our own, by its name or path. Raises `WorldError`, also for other worlds."""
    meant = resolve(reference, home=home)
    if meant.file is None or meant.kind not in AUTHORED:
        raise WorldError(f"{reference} is not made from a world file", hint="name a world of `sandbox world list`")
    return meant.file


def schemes() -> list[str]:
    """The kinds whose references begin with their name and a colon."""
    return [name for name in plugins.offered("worlds") if not name.startswith(".")]


def one_seat(seats: int | None, name: str) -> None:
    """For kinds whose worlds have one seat. Raises `WorldError` where more are asked for."""
    if seats not in (None, 1):
        raise WorldError(f"{name} has one seat, not {seats}")


def _kind(name: str) -> WorldKind:
    plugin = plugins.find("worlds", name)
    if plugin is None:
        raise WorldError(f"there is no kind of world {name!r}", hint=f"there are: {', '.join(schemes())}")
    kind: WorldKind = plugin.load(WorldKind)
    return kind


def _file(text: str, home: Home) -> Path | None:
    """The file that a path or a name stands for; None where there is none and it does not look like one."""
    try:
        path = Path(text).expanduser()
        if path.is_dir() and (path / FILE).is_file():
            return (path / FILE).absolute()
        there = path.is_file()
    except RuntimeError as error:
        raise WorldError("no such user", where=text, hint="write the path in full") from error
    except OSError as error:
        raise WorldError(error.strerror or str(error), where=text, hint="check the path") from error
    suffix = path.suffix.lower()
    if suffix in _OTHER_STORIES:
        raise WorldError(
            f"stories in the format {suffix} cannot be played", where=text, hint="give a .z3 to .z8 file"
        )
    if there and suffix in plugins.offered("worlds"):
        return path.absolute()
    if (named := home.world_file(_name(text))) is not None:
        return named
    if there:
        raise WorldError(
            "no kind of world is in files of this name",
            where=text,
            hint=f"they end in {', '.join(name for name in plugins.offered('worlds') if name.startswith('.'))}",
        )
    if suffix in plugins.offered("worlds") and path.name != FILE:
        return path.absolute()
    return None


def _name(text: str) -> str:
    """`worlds/NAME` and `worlds/NAME/world.yaml` mean NAME, wherever the content is."""
    match PurePath(text).parts:
        case ("worlds", name) | ("worlds", name, "world.yaml"):
            return name
    return text


def _of_file(file: Path, home: Home) -> Reference:
    suffix = file.suffix.lower()
    target = _kind(suffix).canonical(str(file))
    named = file.name == FILE and home.world_file(file.parent.name)
    same = named and named.resolve() == file.resolve()
    return Reference(suffix, file.parent.name if same else target, target)


def _unknown(text: str, home: Home) -> WorldError:
    """Nothing is meant by this: what could have been?"""
    for scheme in schemes():
        try:
            _kind(scheme).canonical(f"{scheme}:{text}")
        except SandboxError:
            continue
        return WorldError("this is no reference to a world", where=text, hint=f"did you mean {scheme}:{text}?")
    scheme, colon, rest = text.partition(":")
    if colon and (close := near_miss(scheme, schemes())):
        return WorldError(
            f"there is no kind of world {scheme!r}", where=text, hint=f"did you mean {close}:{rest}?"
        )
    if "?" in text:
        return WorldError(
            "this is no reference to a world",
            where=text,
            hint=f"what has options begins with {' or '.join(f'{each}:' for each in schemes())}",
        )
    name = _name(text)
    if Path(text).expanduser().is_dir():
        return WorldError(
            f"there is no {FILE} in this folder", where=text, hint="`sandbox world list` names the worlds"
        )
    if PurePath(name).suffix or "/" in name:
        where = name.removesuffix(f"/{FILE}")
        return WorldError("no such world file", where=text, hint=home.way_out("worlds", where))
    return WorldError(f"there is no world {name!r}", hint=home.way_out("worlds", name))
