"""The map as a player knows it."""

from __future__ import annotations

from sandbox.world.map.plan import FloorPlan, plan_of
from sandbox.world.native import NativeWorld, State


def seen_by(world: NativeWorld, state: State, seat: str) -> tuple[FloorPlan, str]:
    """The rooms that a seat has been in, and the one it is in now; empty where it is nowhere."""
    compiled = world.compiled
    number = compiled.index[seat]
    memory = state.memory[number - compiled.seats[0]]
    visited = [left is not None for page in memory.rooms for left in page]
    parent = state.core.things[number >> 5][number & 31].parent
    here = compiled.ids[parent] if 0 <= parent < compiled.rooms else ""
    rooms = {compiled.ids[room] for room, been in enumerate(visited[: compiled.rooms]) if been} | ({here} - {""})
    return plan_of(world.definition).seen(rooms, here), here
