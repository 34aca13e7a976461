"""States of story worlds as bytes: JSON, compressed, with a digest that tells damage, and never a pickle."""

from __future__ import annotations

import base64
import hashlib
import json
import zlib
from typing import Any, TypeVar

from pydantic import BaseModel, ConfigDict, ValidationError

from sandbox.errors import SaveError

_MAGIC = b"SBXS1"
_DIGEST_BYTES = 16
_MAX_BYTES = 4 << 20

Model = TypeVar("Model", bound="Sealed")


class Sealed(BaseModel):
    """What every dumped state carries."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    world: str
    """Fingerprint of the world that the state belongs to."""
    machine: str
    """The interpreter's snapshot, base64."""
    turn: int
    text: str
    description: str
    inventory: str
    score: float
    max_score: float | None
    done: bool
    won: bool


def encode(snapshot: bytes) -> str:
    """A snapshot for a JSON field."""
    return base64.b64encode(snapshot).decode()


def decode(text: str) -> bytes:
    """The snapshot in a JSON field."""
    return base64.b64decode(text)


def seal(state: Sealed) -> bytes:
    """The state as bytes."""
    body = zlib.compress(state.model_dump_json().encode(), 6)
    return _MAGIC + hashlib.sha256(body).digest()[:_DIGEST_BYTES] + body


def unseal(data: bytes, model: type[Model], fingerprint: str, name: str) -> Model:
    """The state in these bytes. Raises `SaveError` where they are damaged or from another world."""
    head = len(_MAGIC) + _DIGEST_BYTES
    body = data[head:]
    if data[: len(_MAGIC)] != _MAGIC or data[len(_MAGIC) : head] != hashlib.sha256(body).digest()[:_DIGEST_BYTES]:
        raise SaveError(f"a stored state of {name} is damaged", hint="go back to an earlier turn")
    try:
        fields: dict[str, Any] = json.loads(zlib.decompressobj().decompress(body, _MAX_BYTES))
        state = model.model_validate(fields)
        decode(state.machine)
    except (zlib.error, ValueError, ValidationError) as error:
        raise SaveError(f"a stored state of {name} cannot be read", hint="go back to an earlier turn") from error
    if state.world != fingerprint:
        raise SaveError(
            f"a stored state belongs to another version of {name}", hint="play the version that it was saved on"
        )
    return state
