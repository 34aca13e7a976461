"""The folder of what runs just now: sockets and records of processes, the user's alone."""

from __future__ import annotations

import os
import stat
import tempfile
from collections.abc import Iterator
from pathlib import Path

from sandbox import paths
from sandbox.errors import UsageError

_LONGEST = 100
"""Bytes that the path of a socket may have on all systems, with some to spare."""
_NAME = 25
"""Bytes of the name of a file there, at most."""


def runtime_folder() -> Path:
    """The first folder that fits; it is made where it is not there. Raises `UsageError` where it is not safe."""
    folder = next(each for each in _candidates() if len(os.fsencode(each)) + _NAME <= _LONGEST)
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        about = folder.lstat()
        if not stat.S_ISDIR(about.st_mode) or about.st_uid != os.geteuid():
            raise UsageError("is not a folder of yours", where=folder, hint="set SANDBOX_RUNTIME to one that is")
        if stat.S_IMODE(about.st_mode) != 0o700:
            folder.chmod(0o700)
    except OSError as error:
        raise UsageError(
            f"cannot be used: {error.strerror}", where=folder, hint="set SANDBOX_RUNTIME to a folder of yours"
        ) from error
    return folder


def _candidates() -> Iterator[Path]:
    for name in ("SANDBOX_RUNTIME", "XDG_RUNTIME_DIR"):
        if given := os.environ.get(name):
            yield Path(given) / "sandbox"
    yield paths.cache_dir().absolute() / "run"
    yield Path(tempfile.gettempdir()) / f"sandbox-{os.geteuid()}"
    yield Path("/tmp") / f"sandbox-{os.geteuid()}"
