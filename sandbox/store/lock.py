"""One process writes a save at a time: a lock on a file beside it, which dies with the process that holds it."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import socket
import time
from pathlib import Path

from sandbox.errors import SaveError

_held: set[int] = set()


def _close_in_child() -> None:
    # A forked child shares the lock: left open, it would keep the save locked after its parent was killed.
    for descriptor in _held:
        with contextlib.suppress(OSError):
            os.close(descriptor)
    _held.clear()


os.register_at_fork(after_in_child=_close_in_child)


class SaveLock:
    """Holds a save from construction to `close`. Raises `SaveError` with the holder's name where it is taken."""

    def __init__(self, file: Path) -> None:
        self._file, self._made = file, not file.exists()
        try:
            self._descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
        except OSError as error:
            raise SaveError(f"cannot be written: {error.strerror}", where=file) from error
        try:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            holder = os.read(self._descriptor, 1000)
            os.close(self._descriptor)
            raise SaveError(
                f"the save is in use by {_name(holder)}",
                where=file.parent,
                hint="close it there, or fork the save",
            ) from error
        except OSError as error:
            os.close(self._descriptor)
            raise SaveError(f"cannot be locked: {error.strerror}", where=file) from error
        _held.add(self._descriptor)
        since = time.strftime("%Y-%m-%d %H:%M:%S")
        note = json.dumps({"pid": os.getpid(), "host": socket.gethostname(), "since": since})
        with contextlib.suppress(OSError):  # on a full disk nobody learns who holds it
            os.ftruncate(self._descriptor, 0)
            os.pwrite(self._descriptor, note.encode(), 0)

    def undo(self) -> None:
        """Let go of what turned out to be no save, and leave nothing behind."""
        if self._made:
            self._file.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Let go. The file stays: removing it would let two processes hold two files of one name."""
        if self._descriptor in _held:
            _held.discard(self._descriptor)
            with contextlib.suppress(OSError):
                os.ftruncate(self._descriptor, 0)
            os.close(self._descriptor)


def _name(holder: bytes) -> str:
    try:
        note = json.loads(holder)
        return f"process {int(note['pid'])} on {str(note['host'])[:64]!r} since {str(note['since'])[:19]}"
    except (ValueError, TypeError, KeyError):
        return "another process"
