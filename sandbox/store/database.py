"""The database file of a save: creating, opening, locking, transactions, upkeep. What is in it is the store's."""

from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager, closing, contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any, Self

from sqlalchemy import Engine, Insert, Transaction, text
from sqlalchemy.exc import DBAPIError

from sandbox import signals
from sandbox.errors import SaveError
from sandbox.store import opening, schema, server
from sandbox.store.lock import SaveLock
from sandbox.text import clean_line
from sandbox.types import Progress, silent

Row = Mapping[str, Any]


class Database:
    """A save as a file: created, opened, locked, written in transactions, closed. `Store` knows what is in it."""

    def __init__(
        self, engine: Engine, file: Path | None, lock: SaveLock | None, *, readonly: bool = False
    ) -> None:
        self.file = file
        """The database file; None in memory."""
        self.readonly = readonly
        self._lock = lock
        self._engine = engine
        self._connection = engine.connect()
        self._mutex = threading.RLock()
        self._plain, self._level = "NORMAL", ""  # how SQLite waits for the disk: for most commits, and just now
        self._unborn: Path | None = None  # where a new save is until it is published
        self._address: server.Address | None = None
        self._playing = self._lost = False
        self._given_up = threading.Event()
        self.patience = 60.0
        """Seconds for which a server that has gone is waited for, whenever it is needed."""
        self.on_wait: Progress = silent
        """Told what is waited for, and with an empty line that it is over; from any thread."""

    @classmethod
    def create(cls, folder: Path) -> Self:
        """A new save, which appears in the folder with `publish`. Raises `SaveError` where there is one."""
        file = folder / opening.FILE
        opening.check_path(file)
        made = not folder.exists()
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SaveError(f"cannot be written: {error.strerror}", where=folder) from error
        lock, store = SaveLock(folder / opening.LOCK), None
        try:
            if file.exists():
                raise SaveError(
                    "there is a save of this name already", where=file, hint="choose another, or resume it"
                )
            unborn = folder / opening.UNBORN
            unborn.unlink(missing_ok=True)
            store = cls(opening.engine_for(unborn), file, lock)
            store._unborn = unborn
            with store.transaction():
                opening.create_tables(store._connection)
        except BaseException as error:
            if store is not None:
                store.close()
            lock.undo()
            if made:
                with suppress(OSError):
                    folder.rmdir()
            if isinstance(error, DBAPIError | OSError):
                raise opening.unusable(error, file) from error
            raise
        return store

    def publish(self) -> None:
        """Let a new save appear under its name, whole. Closed before that, it leaves nothing behind."""
        if self._unborn is None or self.file is None:
            return
        with self._mutex:
            self._connection.close()
            self._engine.dispose()
            try:
                opening.put_in_place(self._unborn, self.file)
                self._unborn = None
                self._engine = opening.engine_for(self.file)
                self._connection = self._engine.connect()
                self._level = ""
                opening.use_log(self._connection)
            except (OSError, DBAPIError, sqlite3.Error) as error:
                raise opening.unusable(error, self.file) from error

    @classmethod
    def open(cls, folder: Path, *, readonly: bool = False) -> Self:
        """The save in a folder. Raises `SaveError` where it is missing, damaged, in use or of a newer version.

        Args:
            folder: `saves/<name>`.
            readonly: only look; works while another process plays it.
        """
        file = folder / opening.FILE
        opening.check_path(file)
        opening.check_file(file)
        lock = None if readonly else SaveLock(folder / opening.LOCK)
        try:
            inspected = opening.engine_for(file, readonly=True)
            try:
                with inspected.connect() as connection:
                    version = opening.version_of(connection, file)
            finally:
                inspected.dispose()
            if version != schema.VERSION:
                if readonly:
                    raise SaveError("the save is of an older version", where=file, hint="open it to play it once")
                from sandbox.store.migrations import upgrade

                upgrade(file, version)
            store = cls(opening.engine_for(file, readonly=readonly), file, lock, readonly=readonly)
            if not readonly:
                opening.use_log(store._connection)
        except (DBAPIError, sqlite3.Error, OSError) as error:
            if lock is not None:
                lock.undo()
            raise opening.unusable(error, file) from error
        except BaseException:
            if lock is not None:
                lock.undo()
            raise
        return store

    @classmethod
    def memory(
        cls,
    ) -> Self:
        """A store that is gone when it is closed."""
        store = cls(opening.engine_for(None), None, None)
        with store.transaction():
            opening.create_tables(store._connection)
        return store

    @classmethod
    def connect(cls, url: str, *, readonly: bool = False, playing: bool = False) -> Self:
        """A save on a PostgreSQL server, as `server.Address` has it; its tables are made where there are none.

        Any number of processes may say things about turns at once: each transaction waits for the one before.
        Raises `SaveError` where it cannot be reached, is of a newer version, or is played by somebody else.

        Args:
            url: `postgresql://USER@HOST/DATABASE#NAME`.
            readonly: only look.
            playing: hold it as its one player, until it is closed.
        """
        address = server.Address.parse(url)
        store = cls(server.connect(address, readonly=readonly), None, None, readonly=readonly)
        store._address = address
        try:
            with store._exclusive():
                server.prepare(store._connection, address, readonly=readonly)
                if playing:
                    server.play(store._connection, address)
                    store._playing = True
        except BaseException:
            store.close()
            raise
        return store

    @property
    def name(self) -> str:
        """Name of the save, `DATABASE#NAME` on a server; empty in memory."""
        if self._address is not None:
            return self._address.name
        return "" if self.file is None else self.file.parent.name

    @property
    def kept(self) -> bool:
        """Whether it outlives the process."""
        return self.file is not None or self._on_server

    @property
    def _on_server(self) -> bool:
        return self._address is not None

    @contextmanager
    def _exclusive(self) -> Iterator[None]:
        """A transaction in which nobody else writes. SQLite locks by itself, as `BEGIN IMMEDIATE` asks it to."""
        with self._begun():
            yield

    def _begun(self) -> Transaction:
        """The beginning of such a transaction: it waits for a server that has gone."""
        while True:
            if self._lost:
                self._come_back()
            begun = self._connection.begin()
            try:
                if self._address is not None:
                    server.alone(self._connection, self._address)
                return begun
            except BaseException as error:
                begun.close()
                if not self._is_lost(error):
                    raise

    def _is_lost(self, error: BaseException) -> bool:
        """Whether an error means that the server has gone: then it is waited for when it is needed next."""
        lost = server.is_lost(error)
        self._lost = self._lost or lost
        return lost

    def _come_back(self) -> None:
        """Connect again to the server that has gone. Raises `SaveError` where it stays away for too long."""
        assert self._address is not None, "a file does not go away"
        self._connection.close()
        self._connection = server.reconnect(
            self._engine,
            self._address,
            playing=self._playing,
            patience=self.patience,
            given_up=self._given_up,
            say=self.on_wait,
        )
        self._came_back()
        self._lost = False

    def _came_back(self) -> None:
        """See whether the save is as it was left. Raises `SaveError`."""

    def give_up(self) -> None:
        """Wait no longer for a server that has gone, now and later. From any thread."""
        self._given_up.set()

    def close(self) -> None:
        """Close the file and let go of the lock. Twice does no harm."""
        with self._mutex:
            self._connection.close()
            self._engine.dispose()
            if self._unborn is not None:
                self._unborn.unlink(missing_ok=True)
            if self._lock is not None:
                self._lock.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def transaction(self, *, durable: bool = False) -> Iterator[None]:
        """All or nothing. Raises `SaveError` where the file cannot be written; it is then as it was before.

        Within another transaction it is a part of that one.

        Args:
            durable: return only once this, and all before it, would survive a power cut. Any commit survives the
                death of the process.
        """
        with self.undisturbed(), self._mutex:
            if self._connection.in_transaction():
                yield
                return
            try:
                self._wait_as("FULL" if durable else self._plain)
                with self._exclusive():
                    yield
            except BaseException as error:
                self._forget()
                if isinstance(error, DBAPIError | sqlite3.Error):
                    raise self._error(error) from error
                raise

    @contextmanager
    def _placed(self) -> Iterator[None]:
        """Errors about what was read name the file. What is there may be anything: then the save is damaged."""
        try:
            yield
        except SaveError as error:
            raise SaveError(error.message, where=self.file, hint=error.hint or opening.FROM_BACKUP) from error
        except (ValueError, TypeError, LookupError, AttributeError, ArithmeticError, RecursionError) as error:
            raise self._damaged(error) from error

    def _damaged(self, error: Exception) -> SaveError:
        told = clean_line(str(error), 200)
        return SaveError(f"the save is damaged: {told}", where=self.file, hint=opening.FROM_BACKUP)

    def _error(self, error: DBAPIError | sqlite3.Error) -> SaveError:
        problem = clean_line(str(getattr(error, "orig", error)))
        if self._is_lost(error):
            return SaveError(
                "the database went away, and what was under way is not saved",
                where=str(self._address),
                hint="give the latest command again",
            )
        if "full" in problem:
            return SaveError(
                "the disk is full, the latest change was not saved", where=self.file, hint="make room and go on"
            )
        return SaveError(f"the save cannot be used: {problem}", where=self.file)

    def undisturbed(self) -> AbstractContextManager[None]:
        """Have signals wait: no handler cuts off what SQLite does, which takes moments.

        A server may be waited for in vain: there they do not wait.
        """
        return nullcontext() if self._on_server else signals.held()

    def _rows(self, statement: Any) -> list[Row]:
        with self.undisturbed(), self._mutex:
            try:
                if self._connection.in_transaction():
                    return [dict(row) for row in self._connection.execute(statement).mappings()]
                while True:
                    if self._lost:
                        self._come_back()
                    try:
                        with self._connection.begin():
                            return [dict(row) for row in self._connection.execute(statement).mappings()]
                    except DBAPIError as error:
                        if not self._is_lost(error):
                            raise
            except DBAPIError as error:
                raise self._error(error) from error
            except UnicodeDecodeError as error:
                raise self._damaged(error) from error

    @contextmanager
    def still(self) -> Iterator[None]:
        """All that is read within is of one moment; whoever plays the save meanwhile goes on."""
        with self._mutex, self._connection.begin():
            if self._on_server:
                self._connection.exec_driver_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            yield

    def _batches(self, statement: Any, size: int) -> Iterator[list[Row]]:
        """The rows of a statement, so many at a time; within `still`."""
        try:
            found = self._connection.execution_options(yield_per=size).execute(statement).mappings()
            for batch in found.partitions():
                yield [dict(row) for row in batch]
        except DBAPIError as error:
            raise self._error(error) from error
        except UnicodeDecodeError as error:
            raise self._damaged(error) from error

    def _forget(self) -> None:
        """Drop what is remembered of a transaction that failed."""

    def _insert(self, statement: Insert, values: dict[str, Any]) -> int:
        key = self._connection.execute(statement, values).inserted_primary_key
        assert key is not None
        return int(key[0])

    # Upkeep.

    def size(self) -> int:
        """Bytes on the disk; 0 in memory."""
        files = () if self.file is None else (self.file, self.file.with_name(self.file.name + "-wal"))
        return sum(file.stat().st_size for file in files if file.exists())

    def check(self) -> None:
        """Have SQLite check all of the file; a server looks after itself. Raises `SaveError`."""
        if self._on_server:
            return
        found = self._rows(text("PRAGMA integrity_check(1)"))[0]
        broken = self._rows(text("PRAGMA foreign_key_check"))
        if set(found.values()) != {"ok"} or broken:
            problem = next(iter(found.values())) if not broken else f"table {broken[0]['table']} refers to nothing"
            raise SaveError(f"the save is damaged: {problem}", where=self.file, hint=opening.FROM_BACKUP)

    def vacuum(self) -> None:
        """Rewrite the file without its gaps."""
        self._outside("VACUUM", "PRAGMA wal_checkpoint(TRUNCATE)")

    def wait_for_disk(self, wait: bool) -> None:
        """Whether the disk is waited for at all: always, but for bulk that can be redone."""
        self._plain = "NORMAL" if wait else "OFF"

    def _wait_as(self, level: str) -> None:
        if self.file is not None and level != self._level:
            self._outside(f"PRAGMA synchronous = {level}")
            self._level = level

    def _outside(self, *statements: str) -> None:
        """Run statements that cannot stand in a transaction."""
        if self._on_server:
            raise SaveError("this is for files, not for a database on a server")
        driver = self._connection.connection.driver_connection
        assert driver is not None
        with self._mutex, closing(driver.cursor()) as cursor:
            for statement in statements:
                cursor.execute(statement)
