"""Saves on a PostgreSQL server: their addresses, their tables, and who plays them.

A database holds any number of saves, each in a PostgreSQL schema of its own, which the address names behind a `#`:
`postgresql://ann@server/class#friday`. Without it the save is in the database's `public`.
"""

from __future__ import annotations

import os
import re
import socket
import zlib
from dataclasses import dataclass
from threading import Event
from time import monotonic
from typing import Any, Final
from urllib.parse import unquote

from sqlalchemy import URL, Engine, create_engine, func, inspect, make_url, select, text
from sqlalchemy.engine import Connection
from sqlalchemy.exc import ArgumentError, DatabaseError, DBAPIError
from sqlalchemy.pool import StaticPool
from sqlalchemy.schema import CreateSchema

from sandbox import passwords
from sandbox.errors import SaveError
from sandbox.store import opening, schema
from sandbox.text import clean_line
from sandbox.types import Progress

_NOTICING = 10
"""Seconds after which who does not answer any more is looked for, on both sides; after 15 more they are gone."""
_BOUNDS: Final = {
    "connect_timeout": 5,
    "keepalives_idle": _NOTICING,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 20_000,
}
"""How long libpq waits for the network: seconds, and milliseconds in the last one."""
_SERVER_BOUNDS: Final = (
    f" -ctcp_keepalives_idle={_NOTICING} -ctcp_keepalives_interval=5 -ctcp_keepalives_count=3 -clock_timeout=30s"
)
"""How long the server waits for us before it lets go of our locks, and for the locks of others."""
_PAUSE, _LONGEST_PAUSE = 0.1, 2.0
"""Seconds between two tries to reach a server that is gone: twice as long after each."""
PUBLIC: Final = "public"
_WRITING, _PLAYING = opening.APPLICATION, opening.APPLICATION + 1
"""The first halves of the advisory locks; the second stands for the save."""
_SPACE = re.compile(r"(?!pg_)[\w][\w.-]{0,59}")
_HOLDER = text(
    "SELECT application_name, backend_start FROM pg_locks JOIN pg_stat_activity USING (pid) "
    "WHERE locktype = 'advisory' AND classid::bigint = :kind AND objid::bigint = :save AND granted "
    "AND pg_locks.database = (SELECT oid FROM pg_database WHERE datname = current_database())"
)


def is_url(name: str) -> bool:
    """Whether this is the address of a save on a server, not the name of one here."""
    return name.partition("://")[0].partition("+")[0] in ("postgresql", "postgres") and "://" in name


@dataclass(frozen=True, slots=True)
class Address:
    """Where a save is."""

    url: URL
    space: str = PUBLIC
    """The PostgreSQL schema that its tables are in."""
    text: str = ""
    """The address as it was written, without the password and the name."""

    @classmethod
    def parse(cls, name: str) -> Address:
        """Raises `SaveError`. What is parsed holds no password: `connect` gives it to the driver alone."""
        address, _, space = passwords.taken_off(name).partition("#")
        try:
            url = make_url(address)
        except ArgumentError as error:
            raise SaveError("this is no address of a save", hint="postgresql://USER@HOST/DATABASE#NAME") from error
        if space and not _SPACE.fullmatch(space):
            raise SaveError(
                f"{space!r} cannot be the name of a save on a server", hint="use letters, digits, '_', '-' and '.'"
            )
        return cls(url, space or PUBLIC, address)

    @property
    def name(self) -> str:
        """What the save is called: `class#friday`."""
        database = self.url.database or ""
        return database if self.space == PUBLIC else f"{database}#{self.space}"

    def __str__(self) -> str:
        """The whole address, without the password."""
        space = "" if self.space == PUBLIC else f"#{self.space}"
        return self.url.render_as_string() + space

    @property
    def key(self) -> int:
        """The second half of this save's locks: 31 bits."""
        return zlib.crc32(self.space.encode()) & 0x7FFFFFFF


def without_password(name: str) -> str:
    """The name of a save, or its address as it may be shown."""
    return passwords.taken_off(name)


def connect(address: Address, *, readonly: bool = False) -> Engine:
    """An engine with one connection, which sees this save's tables and no others. Raises `SaveError`."""
    options = f'-csearch_path="{address.space}"' + (" -cdefault_transaction_read_only=on" if readonly else "")
    arguments: dict[str, Any] = {**_BOUNDS, "options": options + _SERVER_BOUNDS}
    arguments["application_name"] = f"process {os.getpid()} on {socket.gethostname()!r}"[:63]
    password = passwords.password_for(address.text)
    url = address.url.set(
        drivername="postgresql+psycopg", password=None if password is None else unquote(password)
    )
    try:
        engine = create_engine(url, poolclass=StaticPool, connect_args=arguments)
    except ImportError as error:
        raise SaveError("PostgreSQL needs the package psycopg", hint="install the extra `postgresql`") from error
    try:
        engine.connect().close()
    except DatabaseError as error:
        raise SaveError(f"cannot be reached: {_problem(error)}", where=str(address)) from error
    return engine


def _problem(error: DatabaseError) -> str:
    return clean_line(str(error.orig).strip().partition("\n")[0], 200)


def is_lost(error: BaseException) -> bool:
    """Whether an error means that the server has gone, or has dropped us."""
    return isinstance(error, DBAPIError) and error.connection_invalidated


def reconnect(
    engine: Engine, address: Address, *, playing: bool, patience: float, given_up: Event, say: Progress
) -> Connection:
    """A new connection to a server that has gone, as soon as it is back.

    Args:
        engine: from `connect`.
        address: of the save.
        playing: whether to hold the save as its player again.
        patience: seconds to wait at most.
        given_up: set where nobody waits any more.
        say: told what is waited for, and with an empty line that it is over.

    Raises `SaveError` where it is not back in time.
    """
    began, pause, told = monotonic(), _PAUSE, False
    try:
        while True:
            try:
                return _connected(engine, address, playing)
            except DatabaseError as error:
                problem = _problem(error)
            except SaveError as error:  # the server has not noticed yet that our former connection is gone
                problem = error.message
            left = patience - (monotonic() - began)
            if left <= 0 or given_up.is_set():
                raise SaveError(
                    f"the database is away: {problem}", where=str(address), hint="every command tries it again"
                )
            told = True
            say(f"Waiting for the database {address}, {patience:.0f} seconds at most: {problem}")
            given_up.wait(min(pause, left))
            pause = min(2 * pause, _LONGEST_PAUSE)
    finally:
        if told:
            say("")


def _connected(engine: Engine, address: Address, playing: bool) -> Connection:
    """A new connection. Raises `DatabaseError`, and `SaveError` where somebody else plays the save."""
    engine.dispose()
    connection = engine.connect()
    if playing:
        try:
            with connection.begin():
                play(connection, address)
        except BaseException:
            connection.close()
            engine.dispose()
            raise
    return connection


def alone(connection: Connection, address: Address) -> None:
    """Wait until nobody else writes to the save; for the rest of the transaction."""
    connection.execute(select(func.pg_advisory_xact_lock(_WRITING, address.key)))


def prepare(connection: Connection, address: Address, *, readonly: bool) -> None:
    """Make the tables where there are none, and bring older ones up to date; within a transaction.

    Raises `SaveError`; nothing has changed then.
    """
    if not inspect(connection).has_table(schema.versions.name):
        if readonly:
            raise SaveError("no such save", where=str(address), hint="begin one: sandbox play --save ADDRESS")
        connection.execute(CreateSchema(address.space, if_not_exists=True))
        opening.create_tables(connection)
        return
    version = connection.execute(select(schema.versions.c.version_num)).scalar()
    if version == schema.VERSION:
        return
    if version not in schema.VERSIONS:
        raise SaveError(
            f"the save has schema {version!r}, this is {schema.VERSION!r}",
            where=str(address),
            hint="upgrade the sandbox",
        )
    if readonly:
        raise SaveError("the save is of an older version", where=str(address), hint="rate or play it once")
    from sandbox.store.migrations import upgrade_within

    upgrade_within(connection, str(version), str(address))


def play(connection: Connection, address: Address) -> None:
    """Hold the save as its player's, for as long as the connection lasts. Raises `SaveError` where it is held."""
    if connection.execute(select(func.pg_try_advisory_lock(_PLAYING, address.key))).scalar():
        return
    holder = connection.execute(_HOLDER, {"kind": _PLAYING, "save": address.key}).first()
    who = f"{holder[0]} since {holder[1]:%Y-%m-%d %H:%M:%S}" if holder else "another process"
    raise SaveError(
        f"the save is in use by {who}", where=str(address), hint="close it there, or play one of your own: #NAME"
    )
