"""Where a command's results go: checked before the work, written after it."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

from sandbox.errors import UsageError

STANDARD_OUTPUT = "-"


def check_file(file: str | Path | None) -> None:
    """Raises `UsageError` where the file could not be written, as far as that is known beforehand."""
    if file is None or str(file) == STANDARD_OUTPUT:
        return
    path = Path(file)
    if path.is_dir():
        raise UsageError("this is a folder", where=path, hint="name a file in it")
    if not path.parent.is_dir():
        raise UsageError("there is no such folder", where=path.parent, hint="make it, or name another file")
    if not os.access(path if path.exists() else path.parent, os.W_OK):
        raise UsageError("cannot be written: permission denied", where=path, hint="name another file")


def write_json(file: str, found: Any, *, indent: int | None = None) -> bool:
    """Write an object to a file, or to standard output; True where it went there, and nothing else may.

    Raises `UsageError` where the file cannot be written.
    """
    text = json.dumps(found, ensure_ascii=False, indent=indent)
    if file == STANDARD_OUTPUT:
        print(text)
        return True
    try:
        Path(file).write_text(text + "\n", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=file, hint="name another file") from error
    return False
