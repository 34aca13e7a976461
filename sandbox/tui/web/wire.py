"""What a page may say on its socket: lists of JSON, read as from a stranger."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

LARGEST = (500, 200)
"""Columns and rows of a terminal; a page that has room for more gets no more."""
_ABSURD = 10 * LARGEST[0]
_LONGEST_PING = 64


class WireError(ValueError):
    """What a page sent is nothing that a page of ours sends. The message is a few words."""


@dataclass(frozen=True, slots=True)
class Said:
    """One message of a page."""

    kind: Literal["stdin", "resize", "ping", "blur", "focus"]
    keys: bytes = b""
    """What was typed."""
    size: tuple[int, int] = LARGEST
    """Columns and rows."""
    ping: object = None


def read(text: str) -> Said:
    """Raises `WireError`."""
    try:
        said = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise WireError("not JSON") from error
    match said:
        case ["stdin", str(keys)]:
            try:
                return Said("stdin", keys=keys.encode())
            except UnicodeEncodeError as error:
                raise WireError("keys that are no text") from error
        case ["resize", {"width": width, "height": height}]:
            return Said("resize", size=clamped(_cells(width), _cells(height)))
        case ["ping", str() | int() | float() | None as data] if len(str(data)) <= _LONGEST_PING:
            return Said("ping", ping=data)
        case [("blur" | "focus") as kind, *_]:
            return Said(kind)
    raise WireError("no message of a page")


def clamped(width: int, height: int) -> tuple[int, int]:
    """A size that a terminal may have."""
    return max(20, min(width, LARGEST[0])), max(5, min(height, LARGEST[1]))


def _cells(given: Any) -> int:
    if type(given) is not int or not 0 < given <= _ABSURD:
        raise WireError("no size of a terminal")
    return given
