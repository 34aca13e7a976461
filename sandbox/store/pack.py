"""Turns are much like the turns before them: each is compressed against one of those.

A prompt grows by a line at every turn, most of an observation stays, a snapshot changes a little. So the bulk of a
turn is deflated (RFC 1950) with the same part of an earlier turn as the preset dictionary: what was said before
costs a few bytes, wherever in the text it stands, so that a prompt whose front is cut off stays cheap too. Every
16th turn of an episode stands by itself, which bounds how many must be unpacked to read one.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterable
from typing import Final

from sandbox.errors import SaveError
from sandbox.timeline import Node

KEYFRAME: Final = 16
"""Turns of an episode between two that stand by themselves."""
MAX_BYTES: Final = 64 << 20
"""The largest thing that is unpacked: a save may come from anyone."""
_WINDOW: Final = 32_768 - 262
"""How far back deflate can refer."""


def choose_base(ancestors: Iterable[Node], seat: str) -> int | None:
    """The turn to pack a new one against: the seat's own latest, as its prompt goes on from there.

    Args:
        ancestors: the new turn's parent first.
        seat: who acts in the new turn.
    """
    nearest: Node | None = None
    for node in ancestors:
        nearest = nearest or node
        if (node.depth // KEYFRAME) != (nearest.depth + 1) // KEYFRAME:
            return None if node is nearest else nearest.id
        if node.seat == seat:
            return node.id
    return None if nearest is None else nearest.id


def pack(data: bytes, base: bytes) -> bytes:
    """The data, compressed against the base; `unpack` needs the same base."""
    if base:
        deflate = zlib.compressobj(6, zlib.DEFLATED, 15, 9, zlib.Z_DEFAULT_STRATEGY, base[-_WINDOW:])
    else:
        deflate = zlib.compressobj(6, zlib.DEFLATED, 15, 9)
    return deflate.compress(data) + deflate.flush()


def unpack(data: bytes, base: bytes) -> bytes:
    """Raises `SaveError` where the data is damaged or unpacks to more than `MAX_BYTES`."""
    if not isinstance(data, bytes):
        raise SaveError("a packed turn is no bytes")
    inflate = zlib.decompressobj(15, base[-_WINDOW:]) if base else zlib.decompressobj(15)
    try:
        found = inflate.decompress(data, MAX_BYTES)
    except zlib.error as error:
        raise SaveError(f"a packed turn is damaged: {error}") from error
    if not inflate.eof:
        raise SaveError("a packed turn is cut short, or larger than a turn can be")
    return found
