"""What the screen asks a world beyond what every world can tell. For the session's thread."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sandbox.abilities import Authored
from sandbox.types import World

if TYPE_CHECKING:
    from sandbox.world.native import NativeWorld


def adventure(world: World[Any]) -> NativeWorld | None:
    """The world, where it is one of rooms and things from a world file.

    Only those are authored; to ask for their class first would load their engine for any world.
    """
    if not isinstance(world, Authored):
        return None
    from sandbox.world.native import NativeWorld

    return world if isinstance(world, NativeWorld) else None


def names(world: World[Any]) -> dict[str, str]:
    """What the world calls its seats."""
    native = adventure(world)
    given = {} if native is None else {seat: native.definition.seats[seat].name for seat in native.seats}
    return {seat: given.get(seat) or seat for seat in world.seats}


def simultaneous(world: World[Any]) -> bool:
    """Whether all seats decide before anything happens."""
    native = adventure(world)
    return native is not None and len(native.seats) > 1 and native.definition.turns == "simultaneous"
