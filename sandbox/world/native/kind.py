"""The kind of world that is written as a YAML file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.types import Progress, World


class NativeKind:
    """Worlds of our own: the engine is imported when one is opened."""

    def canonical(self, reference: str) -> str:
        return reference

    def open(self, reference: str, *, name: str, seats: int | None, progress: Progress) -> World[Any]:
        from sandbox.world.native.world import load_world

        return load_world(Path(reference), name, seats)


KIND = NativeKind()
