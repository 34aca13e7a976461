"""What happens in a round, as it is written down."""

from __future__ import annotations

import errno
import json
import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

_RESERVE = 64 << 10
"""Bytes that are kept for the last event on a disk that fills up."""


class Log:
    """The events of a round, a line each.

    Args:
        file: added to; a line that was cut off by the end of a process stays by itself.
    """

    def __init__(self, file: Path) -> None:
        self._reserve = file.with_name(".reserve")
        self._file = file.open("ab", buffering=0)
        self._broken = self._file.tell() > 0
        with suppress(OSError):
            self._reserve.write_bytes(b"\n" * _RESERVE)

    def add(self, kind: str, **data: Any) -> None:
        """Write one event at once. Raises `OSError`."""
        line = json.dumps({"event": kind, "at": time.time(), **data}, ensure_ascii=False, allow_nan=False)
        whole = b"\n" * self._broken + line.encode() + b"\n"
        self._broken = True
        if self._file.write(whole) < len(whole):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        self._broken = False

    def add_last(self, kind: str, **data: Any) -> None:
        """The last event, for which there is room even on a disk that is full by now."""
        self._reserve.unlink(missing_ok=True)
        self.add(kind, **data)
