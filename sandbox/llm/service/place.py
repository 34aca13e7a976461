"""Where the process of a language model is found: a record, a lock and a socket in a folder of the user's own."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sandbox
from sandbox.errors import ModelError, UsageError
from sandbox.files import read_bytes, write_bytes
from sandbox.runtime import runtime_folder

_MAX_RECORD = 4096


@dataclass(frozen=True, slots=True)
class ServiceRecord:
    """What a process says of itself."""

    pid: int
    key: bytes
    """Whoever asks has to know it."""


@dataclass(frozen=True, slots=True)
class ServicePlace:
    """Where one model's process is: the same for all programs that mean the same model."""

    folder: Path
    name: str

    @classmethod
    def of(cls, model: Path, loading: Mapping[str, Any]) -> ServicePlace:
        """The place of a model that is loaded in this way, by this very version of the package.

        Raises `ModelError` where there is no folder that is safe.
        """
        marks = (sandbox.__version__, _code(), str(model), _mtime(model), sorted(loading.items()))
        return cls(_folder(), hashlib.sha256(repr(marks).encode()).hexdigest()[:16])

    @property
    def socket(self) -> Path:
        return self.folder / f"{self.name}.sock"

    @property
    def lock(self) -> Path:
        """Held by the process as long as it lives."""
        return self.folder / f"{self.name}.lock"

    @property
    def log(self) -> Path:
        """What the process prints."""
        return self.folder / f"{self.name}.log"

    def find(self) -> ServiceRecord | None:
        """What the latest process wrote down; it may be gone."""
        try:
            told = json.loads(read_bytes(self._record, _MAX_RECORD))
            return ServiceRecord(int(told["pid"]), bytes.fromhex(told["key"]))
        except (OSError, ValueError, KeyError, TypeError, RecursionError):
            return None

    def write(self, key: bytes) -> None:
        """Say that this process is the one. Raises `OSError`."""
        write_bytes(self._record, json.dumps({"pid": os.getpid(), "key": key.hex()}).encode())

    def leave(self) -> None:
        """Take away what this process has put here."""
        found = self.find()
        if found is None or found.pid == os.getpid():
            for file in (self._record, self.socket):
                with suppress(OSError):
                    file.unlink()

    @property
    def _record(self) -> Path:
        return self.folder / f"{self.name}.json"


def _folder() -> Path:
    """Raises `ModelError` where there is none that is safe."""
    try:
        return runtime_folder()
    except UsageError as error:
        raise ModelError(error.message, where=error.where, hint=error.hint) from error


def _code() -> int:
    """A mark of the code: a process of another version of it is not asked."""
    return max(map(_mtime, Path(__file__).parent.parent.rglob("*.py")))


def _mtime(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0
