"""Where each room lies on the grid."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from itertools import count
from typing import NamedTuple

from sandbox.directions import OPPOSITE
from sandbox.world.map.plan import STEPS, UNSEEN, FloorPlan

FARTHEST = 4
"""How many cells away a room is put in its direction, where the nearer ones are taken."""


class GridCell(NamedTuple):
    """A place on the grid: level, column to the right, row downwards."""

    level: int
    column: int
    row: int

    def moved(self, step: tuple[int, int, int], times: int = 1) -> GridCell:
        return GridCell(*(here + delta * times for here, delta in zip(self, step, strict=True)))


def layout(plan: FloorPlan) -> dict[str, GridCell]:
    """A cell for each room: one step from a neighbour in the direction of its exit, wherever that can be.

    Rooms are placed breadth first from the start. One whose cell is taken goes farther in the same direction, or
    to the nearest free cell: the way is then named, not drawn. What cannot be reached from the start comes below.
    """
    neighbours: dict[str, list[tuple[str, str]]] = {room: [] for room in plan.rooms}
    for way in plan.ways:
        if way.target != UNSEEN:
            neighbours[way.source].append((way.direction, way.target))
            if way.both:
                neighbours[way.target].append((OPPOSITE[way.direction], way.source))
    for found in neighbours.values():
        found.sort(key=lambda item: item[0] not in STEPS or STEPS[item[0]][0] != 0)

    cells: dict[str, GridCell] = {}
    taken: set[GridCell] = set()
    for root in ([plan.start] if plan.start in plan.rooms else []) + list(plan.rooms):
        if root in cells:
            continue
        floor = max((cell.row for cell in cells.values()), default=-2) + 2
        left = min((cell.column for cell in cells.values()), default=0)
        cells[root] = GridCell(0, left, floor)
        taken.add(cells[root])
        waiting = deque([root])
        while waiting:
            room = waiting.popleft()
            for direction, target in neighbours[room]:
                if target not in cells:
                    cell = next(c for c in _wishes(cells[room], direction) if c not in taken)
                    cells[target] = cell
                    taken.add(cell)
                    waiting.append(target)
    return cells


def _wishes(origin: GridCell, direction: str) -> Iterator[GridCell]:
    """Cells for a room in this direction, best first."""
    step = STEPS.get(direction)
    if step is not None:
        yield origin.moved(step)
        if step[0] == 0:
            yield from (origin.moved(step, times) for times in range(2, FARTHEST + 1))
        origin = origin.moved(step)
    for radius in count(1):
        ring = [
            (column, row)
            for column in range(-radius, radius + 1)
            for row in range(-radius, radius + 1)
            if max(abs(column), abs(row)) == radius
        ]
        ring.sort(key=lambda offset: (abs(offset[0]) + abs(offset[1]), -offset[0], -offset[1]))
        yield from (GridCell(origin.level, origin.column + column, origin.row + row) for column, row in ring)
