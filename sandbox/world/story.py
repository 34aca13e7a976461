"""Story files of the Z-machine: is this one, and is it whole? Answered before any interpreter sees it.

The header is that of the Z-Machine Standards Document 1.1, section 11.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from sandbox.errors import WorldError

VERSIONS = (3, 4, 5, 6, 7, 8)
SUFFIXES = tuple(f".z{version}" for version in VERSIONS)
MAX_BYTES = 576 * 1024
"""The largest story that any version allows (6 and 7; version 8 ends at 512 KiB)."""

_HEADER_BYTES = 64
_LENGTH_UNIT = {3: 2, 4: 4, 5: 4, 6: 8, 7: 8, 8: 8}


@dataclass(frozen=True, slots=True)
class StoryFile:
    """A story file that has passed the checks."""

    path: Path
    data: bytes

    @property
    def version(self) -> int:
        return self.data[0]

    @property
    def digest(self) -> str:
        """SHA-256 of the file, in hex."""
        return hashlib.sha256(self.data).hexdigest()


def read(path: Path) -> StoryFile:
    """The story in this file. Raises `WorldError` where it is missing, too large, cut short or no story at all."""
    data = read_bounded(path, MAX_BYTES, "a story file")
    problem = flaw(data)
    if problem:
        raise WorldError(
            f"this is no Z-machine story: {problem}", where=path, hint="give a whole story file, .z3 to .z8"
        )
    return StoryFile(path, data)


def read_bounded(path: Path, limit: int, what: str) -> bytes:
    """The bytes of a file of at most `limit` bytes. Raises `WorldError`."""
    try:
        if not path.exists():
            raise WorldError("no such file", where=path, hint="check the path of the story file")
        if not path.is_file():  # a folder, or a pipe that would keep us waiting
            raise WorldError(f"this is not {what}", where=path, hint="give the path of a file")
        with path.open("rb") as file:
            data = file.read(limit + 1)
    except OSError as error:
        raise WorldError(error.strerror or str(error), where=path, hint="give a file that can be read") from error
    if len(data) > limit:
        raise WorldError(
            f"too large for {what}: {limit // 1024} KiB at most", where=path, hint="give another file"
        )
    return data


def flaw(data: bytes) -> str:
    """What keeps these bytes from being a story; empty where nothing does."""
    if len(data) < _HEADER_BYTES:
        return "it is shorter than a story's header"
    version = data[0]
    if version not in VERSIONS:
        return f"its first byte, the version, is {version}, not 3 to 8"
    static, high, dictionary, objects, globals_ = (
        int.from_bytes(data[at : at + 2], "big") for at in (0x0E, 0x04, 0x08, 0x0A, 0x0C)
    )
    if not _HEADER_BYTES <= static <= len(data) or high > len(data):
        return "its memory map points outside the file"
    if not (
        _HEADER_BYTES <= objects < len(data) and _HEADER_BYTES <= globals_ < static and dictionary < len(data)
    ):
        return "its tables lie outside the file"
    length = int.from_bytes(data[0x1A:0x1C], "big") * _LENGTH_UNIT[version]
    if length > len(data):
        return f"it is cut short: {len(data)} bytes of {length}"
    checksum = int.from_bytes(data[0x1C:0x1E], "big")
    if length and sum(data[_HEADER_BYTES:length]) & 0xFFFF != checksum:
        return "its checksum is wrong: the file is damaged"
    return ""
