"""Building a world while it is played: its file is edited, and the game goes on in what it has become.

These are jobs for the session's thread. The file is written only where the loader takes what would be in it.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox import files, paths
from sandbox.abilities import Authored
from sandbox.errors import PlayError, UsageError, WorldError, WorldFileError
from sandbox.session.renewal import Renewal

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.world.native import NativeWorld

NO_FILE = (
    "This world has no file that a person could edit: a program made it up, or somebody compiled it. "
    "`sandbox world new NAME` writes a small one to start from. Play it with `sandbox play NAME`: there F8 opens "
    "its file beside the game."
)


@dataclass(frozen=True, slots=True)
class Site:
    """What there is to build on."""

    name: str
    """The reference of the world."""
    title: str
    file: Path | None = None
    """None where the world has no file that a person writes."""
    room: str = ""
    """Identifier of the room that the seat to move is in, in a world of rooms."""
    foreign: bool = False
    """Whether the file came with the program, or may not be written: a copy of it can be edited."""


@dataclass(frozen=True, slots=True)
class WorldEdit:
    """What came of building."""

    line: str
    """For a person."""
    file: Path


def site(session: Session) -> Site:
    """Where the world that is played comes from."""
    world = session.world
    if not isinstance(world, Authored) or session.renewal is None:
        return Site(world.name, world.title)
    file = world.file.resolve()
    return Site(world.name, world.title, file, _room(session), is_foreign(file))


def build(session: Session, line: str) -> WorldEdit:
    """Do what a builder typed: edit the file, go on in the edited world, and stand where the builder wishes to.

    Raises:
        UsageError: the line cannot be understood.
        WorldError: the world would have mistakes then (it carries them), or cannot be edited.
    """
    from sandbox.world import building

    file = _own_file(session)
    before = read(file)
    try:
        built = building.build(before, line, here=_room(session), file=file)
    except WorldFileError as error:
        raise WorldFileError(error.findings, where=file) from None
    _for_authors(session)
    said = [built.said]
    if built.text != before:
        files.write_bytes(file, built.text.encode())
        said += _renewed(session)
    if built.room:
        _stand_in(session, built.room, walking=built.text != before)
    return WorldEdit(" ".join(said), file)


def test(session: Session, room: str = "") -> WorldEdit:
    """Go on in the world as its file is now, in some room or where we stood."""
    file = _own_file(session)
    _for_authors(session)
    said = []
    if session.renewal is not None and session.renewal.due:
        said = ["You go on in the edited world.", *_renewed(session)]
    if room:
        _stand_in(session, room, walking=False)
    return WorldEdit(" ".join(said) or "You go on.", file)


def copied(session: Session, folder: Path) -> Site:
    """Copy the world into a folder of worlds of the user's own, and go on in the copy.

    Raises `WorldError` where a world of that name is there already, or the copy cannot be made.
    """
    from sandbox.world.advice import advised
    from sandbox.world.native import load_world

    here = site(session)
    if here.file is None:
        raise WorldError(NO_FILE)
    target = folder / here.file.parent.name
    if target.exists():
        raise WorldError("there is a world of that name already", where=target, hint="open that one")
    try:
        with files.new_folder(target) as work:
            for each in here.file.parent.iterdir():
                if each.is_file():
                    shutil.copyfile(each, work / each.name)
                elif each.is_dir():
                    shutil.copytree(each, work / each.name)
    except OSError as error:
        raise WorldError(f"the world cannot be copied: {error.strerror or error}", where=target) from error
    copy, name, seats = target / here.file.name, session.world.name, len(session.world.seats)
    session.world = advised(load_world(copy, name, seats))
    session.renewal = Renewal(copy, lambda: advised(load_world(copy, name, seats)))
    return site(session)


def read(file: Path) -> str:
    """The text of a world file, its line breaks as they are. Raises `WorldError`."""
    try:
        return file.read_bytes().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise WorldError(f"the world file cannot be read: {error}", where=file, hint="check the file") from error


def _own_file(session: Session) -> Path:
    here = site(session)
    if here.file is None:
        raise WorldError(NO_FILE)
    if here.foreign:
        raise WorldError(
            "this world came with the program and is left as it is", where=here.file, hint="F8 offers to copy it"
        )
    return here.file


def is_foreign(file: Path) -> bool:
    """Whether a file is part of an installed package, or may not be written."""
    package = Path(paths.__file__).resolve().parent
    return package in file.parents or not _writable(file)


def _writable(file: Path) -> bool:
    return os.access(file, os.W_OK) and os.access(file.parent, os.W_OK)


def _room(session: Session) -> str:
    """The room of the seat to move; at the end, of the one that moved last."""
    world = _adventure(session)
    if world is None:
        return ""
    from sandbox.world.map import seen_by

    turn = session.current
    return seen_by(world, world.load(turn.snapshot), session.observation().seat)[1]


def _adventure(session: Session) -> NativeWorld | None:
    from sandbox.world.native import NativeWorld

    return session.world if isinstance(session.world, NativeWorld) else None


def _for_authors(session: Session) -> None:
    """Let the seats of the running world be put into any room, now and after each change of the file."""
    from sandbox.world.native import NativeWorld, load_world

    world = _adventure(session)
    if world is None or session.renewal is None or world.testing:
        return
    file, name, seats = Path(world.source.file), world.name, len(world.seats)
    session.world = NativeWorld(world.source, name, seats, testing=True)
    session.renewal.read = lambda: load_world(file, name, seats, testing=True)


def _renewed(session: Session) -> list[str]:
    outcome = session.renew()
    if outcome.carried < outcome.given:
        return [f"{outcome.carried} of {outcome.given} commands could be given again."]
    return []


def _stand_in(session: Session, room: str, *, walking: bool) -> None:
    """Put the seat to move into a room, or have it walk there where that is one free step."""
    from sandbox.world.native.schema import Exit
    from sandbox.world.native.state import ParsedCommand

    world = _adventure(session)
    if world is None or room not in world.definition.rooms:
        raise UsageError(f"there is no room {room!r} in the world that is played")
    if session.done:
        raise PlayError("the episode is over", hint="/restart plays again, undo goes back")
    here = _room(session)
    if here == room:
        return
    steps = [
        world.compiled.phrase(ParsedCommand("go", text=direction))
        for direction, way in world.definition.rooms[here].exits.items()
        if (way.to if isinstance(way, Exit) else way) == room
    ]
    free = session.observation().admissible or ()
    step = next((each for each in steps if walking and each in free), f"goto {room}")
    learn, session.learn = session.learn, False
    try:
        session.act(step, chooser="author")
    finally:
        session.learn = learn
