"""Which commands do something at a moment of a story, remembered: finding out takes a thousand tries.

In memory for the worlds of this process, in a file of the user's cache for all runs. Both are bounded. What is
lost is found again, so that a broken or a busy file is nothing but a slower answer.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import sqlite3
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from cachetools import LRUCache

_VERSION = 11
"""Goes up when commands are found in another way: what was remembered before then counts no longer."""
_IN_MEMORY = 4096
_ON_DISK = 50_000
_TIDY_EVERY = 1000
_BUSY_SECONDS = 0.5
_SCHEMA = "CREATE TABLE IF NOT EXISTS listings (key BLOB PRIMARY KEY, commands TEXT NOT NULL) WITHOUT ROWID"


class Listing(NamedTuple):
    """What was found at a state."""

    commands: tuple[str, ...]
    """Those that do something, one for each effect, sorted."""
    things: tuple[str, ...] = ()
    """What can be spoken of."""
    asked: tuple[str, ...] = ()
    """Those of them that have something to say about a topic."""
    shown: tuple[str, ...] = ()
    """Digests of what the commands do."""


NOTHING = Listing(())


class Listings:
    """Commands by state, for one story. Safe to share between threads.

    Args:
        file: where they are kept between runs; None keeps them in memory.
    """

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._memory: LRUCache[bytes, Listing] = LRUCache(_IN_MEMORY)
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None
        self._owner = 0
        self._written = 0

    def get(self, state: tuple[str, ...], find: Callable[[], Listing]) -> Listing:
        """The commands at a state; `find` tells them where they are not known. `NOTHING` is not remembered."""
        key = hashlib.sha256("\x1f".join((str(_VERSION), *state)).encode()).digest()[:16]
        with self._lock:
            known = self._memory.get(key) or self._read(key)
        if not known:
            known = find()
            if known != NOTHING:
                self._write(key, known)
        with self._lock:
            if known != NOTHING:
                self._memory[key] = known
        return known

    def close(self) -> None:
        """Let go of the file."""
        with self._lock:
            if self._connection is not None and self._owner == os.getpid():
                self._connection.close()
            self._connection = None

    def _read(self, key: bytes) -> Listing | None:
        with _forgiven():
            found = self._database().execute("SELECT commands FROM listings WHERE key = ?", (key,)).fetchone()
            if found:
                parts = json.loads(found[0])
                if len(parts) == len(NOTHING) and all(isinstance(word, str) for part in parts for word in part):
                    return Listing(*map(tuple, parts))
        return None

    def _write(self, key: bytes, listing: Listing) -> None:
        with self._lock, _forgiven():
            database = self._database()
            database.execute("INSERT OR REPLACE INTO listings VALUES (?, ?)", (key, json.dumps(listing)))
            self._written += 1
            if self._written % _TIDY_EVERY == 1:
                database.execute(
                    "DELETE FROM listings WHERE key IN (SELECT key FROM listings LIMIT"
                    " max(0, (SELECT count(*) FROM listings) - ?))",
                    (_ON_DISK,),
                )

    def _database(self) -> sqlite3.Connection:
        """The file's database, opened where it is not, or where the process that opened it was another one."""
        if self._connection is None or self._owner != os.getpid():
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            self._connection = sqlite3.connect(
                self._file or ":memory:", timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
            )
            self._owner = os.getpid()
            self._connection.execute("PRAGMA synchronous = OFF")
            self._connection.execute(_SCHEMA)
        return self._connection


def _forgiven() -> contextlib.suppress:
    """What a file may do wrong without anybody noticing."""
    return contextlib.suppress(sqlite3.Error, OSError, ValueError, TypeError)
