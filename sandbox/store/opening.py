"""From a path to a connection: is it a save, is it whole, is it of this version, and how SQLite is to treat it."""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Engine, create_engine, event
from sqlalchemy.engine import Connection
from sqlalchemy.exc import DatabaseError, DBAPIError
from sqlalchemy.pool import StaticPool

from sandbox.errors import SaveError
from sandbox.store import schema
from sandbox.text import clean_line

FILE: Final = "save.db"
UNBORN: Final = "save.db.new"
LOCK: Final = "save.lock"
APPLICATION: Final = 0x53414E44
"""SQLite's application id of a save: "SAND"."""
_LONGEST_PATH: Final = 500
"""SQLite takes 512 bytes, with what it appends for the files beside it."""
_NOT_OF_THE_FILE: Final = tuple(
    f"SQLITE_{name}" for name in ("CANTOPEN", "READONLY", "PERM", "IOERR", "FULL", "BUSY", "LOCKED", "NOMEM")
)
"""Errors that say nothing about what is in the file."""
_NO_DATABASE: Final = "this is not a save: not an SQLite database"
FROM_BACKUP: Final = "put back a copy of it, or start a new save"


def engine_for(file: Path | None, *, readonly: bool = False) -> Engine:
    """An engine with one connection, which any thread may use in turn. None is a database in memory."""
    if file is None:
        url = "sqlite+pysqlite://"
    else:
        # For writing wherever that is allowed, even to look only: else SQLite leaves its -wal and -shm behind.
        writable = _allows(file, os.W_OK) and _allows(file.parent, os.W_OK)
        mode = "ro" if readonly and not writable else "rw" if readonly else "rwc"
        # Without leave to make files beside it, SQLite reads only what it is told nobody changes meanwhile.
        still = "&immutable=1" if mode == "ro" and not _log_of(file) else ""
        url = f"sqlite+pysqlite:///file:{_quoted(file)}?mode={mode}{still}&uri=true"
    engine = create_engine(url, poolclass=StaticPool, connect_args={"check_same_thread": False, "timeout": 10})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = (
            None  # transactions begin where the listener below says, not by the driver's guess
        )
        with closing(connection.cursor()) as cursor:
            cursor.execute("PRAGMA trusted_schema = OFF")
            cursor.execute("PRAGMA cell_size_check = ON")
            cursor.execute("PRAGMA foreign_keys = ON")
            if readonly:
                cursor.execute("PRAGMA query_only = ON")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN" if readonly else "BEGIN IMMEDIATE")

    return engine


def use_log(connection: Connection) -> None:
    """Write ahead: a commit survives the death of the process, and readers never block the writer."""
    driver = connection.connection.driver_connection
    assert driver is not None
    with closing(driver.cursor()) as cursor:
        cursor.execute("PRAGMA journal_mode = WAL")


def create_tables(connection: Connection) -> None:
    """A new save of the current version; within a transaction."""
    schema.metadata.create_all(connection)
    connection.execute(schema.versions.insert().values(version_num=schema.VERSION))
    if connection.dialect.name == "sqlite":
        connection.exec_driver_sql(f"PRAGMA application_id = {APPLICATION}")


def put_in_place(unfinished: Path, file: Path) -> None:
    """Rename a finished database so that after a crash either nothing or all of it is there. Raises `OSError`."""
    with unfinished.open("rb") as stream:
        os.fsync(stream.fileno())
    unfinished.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _allows(path: Path, mode: int) -> bool:
    return os.access(path, mode, effective_ids=os.access in os.supports_effective_ids)


def _log_of(file: Path) -> int:
    """Bytes that were written ahead of the database and are not in it yet."""
    try:
        return file.with_name(f"{file.name}-wal").stat().st_size
    except OSError:
        return 0


def check_path(file: Path) -> None:
    """Raises `SaveError` where SQLite could not open a file for the length of its path."""
    length = len(os.fsencode(file.absolute()))
    if length > _LONGEST_PATH:
        raise SaveError(
            f"the path of the save is too long for a database: {length} bytes of {_LONGEST_PATH}",
            hint="choose a --home nearer to the root",
        )


def unusable(error: DBAPIError | sqlite3.Error | OSError, file: Path) -> SaveError:
    """What an error of the database or of the disk means, in one line."""
    problem = getattr(error, "orig", None) or error
    if isinstance(problem, OSError):
        return SaveError(f"cannot be used: {problem.strerror or problem}", where=file)
    if getattr(problem, "sqlite_errorname", "") == "SQLITE_FULL":
        return SaveError("the disk is full", where=file, hint="make room and try again")
    if _log_of(file) and not _allows(file.parent, os.W_OK):
        return SaveError(
            "was left in the middle of writing, in a folder that may not be written to",
            where=file,
            hint="copy the folder to where you may write, and open it there",
        )
    hint = "see whether there is room on the disk" if "I/O" in str(problem) else ""
    return SaveError(f"cannot be opened: {clean_line(str(problem), 200)}", where=file, hint=hint)


def check_file(file: Path) -> None:
    """Raises `SaveError` where the file is missing, unreadable or empty; opens nothing.

    Where this process is playing the save, closing any descriptor of its file would drop the locks that SQLite
    holds on it (fcntl(2)): the next reader to leave would then take the log for nobody's, and delete it.
    """
    try:
        size = file.stat().st_size
    except FileNotFoundError as error:
        raise SaveError("no such save", where=file, hint="`sandbox save list` shows what there is") from error
    except OSError as error:
        raise SaveError(f"cannot be read: {error.strerror}", where=file) from error
    if not _allows(file, os.R_OK):
        raise SaveError("cannot be read: permission denied", where=file)
    if not size:
        raise SaveError(_NO_DATABASE, where=file, hint=FROM_BACKUP)


def version_of(connection: Connection, file: Path) -> str:
    """The schema version, once the file is known to be a save and to be whole. Raises `SaveError`."""
    try:
        application = connection.exec_driver_sql("PRAGMA application_id").scalar()
        if application != APPLICATION:
            raise SaveError("this is a database, but not a save", where=file, hint=FROM_BACKUP)
        problem = connection.exec_driver_sql("PRAGMA quick_check(1)").scalar()
        if problem != "ok":
            raise SaveError(f"the save is damaged: {clean_line(str(problem), 200)}", where=file, hint=FROM_BACKUP)
        objects = connection.exec_driver_sql("SELECT name, type FROM sqlite_master").tuples()
        found: dict[str, str] = dict(objects.all())
        version = connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()
    except DatabaseError as error:
        if getattr(error.orig, "sqlite_errorname", "") == "SQLITE_NOTADB":
            raise SaveError(_NO_DATABASE, where=file, hint=FROM_BACKUP) from error
        if getattr(error.orig, "sqlite_errorname", "").startswith(_NOT_OF_THE_FILE):
            raise unusable(error, file) from error
        raise SaveError(f"the save is damaged: {error.orig}", where=file, hint=FROM_BACKUP) from error
    except UnicodeDecodeError as error:
        raise SaveError("the save is damaged: text in it is no text", where=file, hint=FROM_BACKUP) from error
    if {"view", "trigger"} & set(found.values()):
        raise SaveError(
            "the save carries code of its own (a view or a trigger)", where=file, hint="do not trust it"
        )
    if not isinstance(version, str) or (version not in schema.VERSIONS and version < schema.VERSION):
        raise SaveError(f"no schema of a save is called {version!r}", where=file, hint=FROM_BACKUP)
    if version > schema.VERSION:
        raise SaveError(
            f"the save was written by a newer version (schema {version}, this is {schema.VERSION})",
            where=file,
            hint="upgrade the sandbox",
        )
    if version == schema.VERSION and (missing := set(schema.metadata.tables) - set(found)):
        raise SaveError(f"the save lacks the table {min(missing)!r}", where=file, hint=FROM_BACKUP)
    return version


def _quoted(file: Path) -> str:
    return str(file.resolve()).replace("%", "%25").replace("?", "%3f").replace("#", "%23")
