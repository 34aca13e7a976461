"""Looking after saves that are not being played: checking, copying, shrinking, and writing out as JSON."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import asdict
from pathlib import Path
from typing import Any

from sandbox.errors import SaveError
from sandbox.store import Store
from sandbox.store.opening import FILE, UNBORN, put_in_place

_AT_ONCE = 200


def verify(store: Store) -> int:
    """Read everything there is. Returns the number of turns; raises `SaveError` at the first damage."""
    store.check()
    timeline = store.timeline()
    ids = [node.id for node in timeline.nodes()]
    for start in range(0, len(ids), _AT_ONCE):
        store.turns(ids[start : start + _AT_ONCE])
    for run in store.runs():
        if run.cursor not in timeline:
            raise SaveError(f"run {run.id} was left at a turn that does not exist", where=store.file)
    for record in store.feedback():
        if record.turn not in timeline:
            raise SaveError(f"feedback {record.id} is about a turn that does not exist", where=store.file)
    for each in store.unplayed():
        if each.state not in timeline:
            raise SaveError(f"decision {each.id} was made at a turn that does not exist", where=store.file)
    store.marks()
    return len(ids)


def fork(source: Path, target: Path, at: int | None = None) -> None:
    """Copy a save, even one that is being played.

    Args:
        source: folder of the save.
        target: folder of the copy; it may not hold a save yet.
        at: the turn to stand at in the copy; where the original stands by default.
    """
    if (target / FILE).exists():
        raise SaveError("there is a save of this name already", where=target, hint="choose another name")
    with Store.open(source, readonly=True) as store:
        if at is not None and at not in store.timeline():
            raise SaveError(f"there is no turn {at}", where=store.file)
    target.mkdir(parents=True, exist_ok=True)
    unfinished = target / UNBORN
    try:
        with closing(sqlite3.connect(source / FILE)) as original, closing(sqlite3.connect(unfinished)) as copy:
            original.backup(copy)
            copy.execute("PRAGMA journal_mode = DELETE")  # all of it in the one file that is renamed
        put_in_place(unfinished, target / FILE)
    except (OSError, sqlite3.Error) as error:
        unfinished.unlink(missing_ok=True)
        raise SaveError(f"could not be copied: {error}", where=source / FILE) from error
    if at is not None:
        with Store.open(target) as store, store.transaction():
            store.move(store.latest_run(), at, store.timeline().visits(at))


def copy(source: Store, target: Store, at: int | None = None) -> None:
    """Copy a save into an empty one, of which at least one is on a server; between files `fork` is quicker.

    Args:
        source: where it is.
        target: from `Store.create` or `Store.connect`.
        at: the turn to stand at in the copy; where the original stands by default.

    Raises `SaveError`; the copy is then as empty as it was.
    """
    with target.transaction():
        target.fill_from(source)
        if at is not None:
            timeline = target.timeline()
            if at not in timeline:
                raise SaveError(f"there is no turn {at}", where=source.file)
            target.move(target.latest_run(), at, timeline.visits(at))
    target.publish()


def compact(folder: Path) -> tuple[int, int]:
    """Give the space back that the file no longer needs. Returns its size before and after, in bytes."""
    file = folder / FILE
    with Store.open(folder) as store:
        before = file.stat().st_size
        store.vacuum()
    return before, file.stat().st_size


def export(store: Store) -> Iterator[dict[str, Any]]:
    """All of a save as JSON objects, one at a time, each with its `type`.

    Runs, turns, decisions that nobody acted on, feedback, marks.
    """
    for run in store.runs():
        yield {"type": "run", **asdict(run)}
    timeline = store.timeline()
    ids = [node.id for node in timeline.nodes()]
    for start in range(0, len(ids), _AT_ONCE):
        for turn in store.turns(ids[start : start + _AT_ONCE]):
            fields = asdict(turn)
            del fields["snapshot"]  # means nothing without the world
            yield {"type": "turn", **fields}
    for each in store.unplayed():
        yield {"type": "decision", **asdict(each)}
    for record in store.feedback():
        yield {"type": "feedback", **asdict(record)}
    for mark in store.marks():
        yield {"type": "mark", **asdict(mark)}
