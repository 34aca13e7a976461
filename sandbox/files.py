"""Files and folders that are whole or not there, whatever happens while they are written."""

from __future__ import annotations

import errno
import os
import shutil
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


def read_bytes(file: Path, at_most: int) -> bytes:
    """The beginning of a file. Raises `OSError`, also for what is no file: a pipe or a device could be endless."""
    handle = os.open(file, os.O_RDONLY | os.O_NONBLOCK)
    with os.fdopen(handle, "rb") as stream:
        if not stat.S_ISREG(os.fstat(handle).st_mode):
            raise OSError(errno.EINVAL, "is no file", str(file))
        return stream.read(at_most)


def stamp(file: Path) -> tuple[tuple[str, int, int], ...] | None:
    """What changes when a file or one of its kind in its folder is written; None where the file is not there."""
    found = []
    try:
        for each in (file, *sorted(file.parent.glob(f"*{file.suffix}"))):
            status = each.stat()
            found.append((each.name, status.st_mtime_ns, status.st_size))
    except OSError:
        return None
    return tuple(found)


def write_bytes(file: Path, data: bytes) -> None:
    """Put a file in place of another, at once and for good. Raises `OSError`; the old one stays then.

    It may be read by the same people as the old one.
    """
    file.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{file.name}-", dir=file.parent)
    temporary = Path(name)
    try:
        with os.fdopen(handle, "wb") as stream:
            if file.exists():
                temporary.chmod(stat.S_IMODE(file.stat().st_mode))
            stream.write(data)
            stream.flush()
            os.fsync(stream.fileno())
        temporary.replace(file)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    sync(file.parent)


@contextmanager
def new_folder(folder: Path) -> Iterator[Path]:
    """A folder to be filled; it gets its name when the block ends without an error. Raises `OSError`."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    work = Path(tempfile.mkdtemp(prefix=f".{folder.name}-", dir=folder.parent))
    try:
        yield work
        for file in work.iterdir():
            sync(file)
        sync(work)
        work.chmod(0o755)
        work.rename(folder)
        sync(folder.parent)
    finally:
        shutil.rmtree(work, ignore_errors=True)


def sync(path: Path) -> None:
    """Have a file or folder reach the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
