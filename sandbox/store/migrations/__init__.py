"""From older schemas to this one, with Alembic. Imported only where a save needs it: opening one must be quick."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from alembic import command
from alembic.config import Config
from sqlalchemy.engine import Connection

from sandbox.errors import SaveError
from sandbox.store.opening import engine_for


def config(connection: Connection | None = None) -> Config:
    """Alembic's configuration; with a connection, its commands work on that one."""
    made = Config()
    made.set_main_option("script_location", str(Path(__file__).parent).replace("%", "%%"))
    made.attributes["connection"] = connection
    return made


def upgrade_within(connection: Connection, version: str, where: str) -> None:
    """Bring the tables of a save on a server to the current schema, as a part of the transaction.

    There is no file that could be backed up: where it fails, the server takes all of it back. Raises `SaveError`.
    """
    try:
        command.upgrade(config(connection), "head")
    except Exception as error:
        raise SaveError(
            f"the save could not be brought from schema {version} to this one: {error}",
            where=where,
            hint="it is unchanged",
        ) from error


def upgrade(file: Path, version: str, target: str = "head") -> Path:
    """Bring a save to the current schema, after a backup beside it. The backup's path is returned.

    Raises `SaveError` where it fails; the save is then as it was.
    """
    backup = file.with_name(f"{file.stem}-{version}.backup.db")
    if not backup.exists():
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(backup)) as copy:
            source.backup(copy)
    engine = engine_for(file)
    try:
        with engine.begin() as connection:
            command.upgrade(config(connection), target)
    except Exception as error:
        raise SaveError(
            f"the save could not be brought from schema {version} to this one: {error}",
            where=file,
            hint=f"it is unchanged, and a copy is in {backup.name}",
        ) from error
    finally:
        engine.dispose()
    return backup
