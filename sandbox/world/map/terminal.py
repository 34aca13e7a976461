"""A map in box characters. Names in wide scripts take two columns a character."""

from __future__ import annotations

from collections.abc import Mapping

from rich.cells import cell_len, set_cell_size

from sandbox.directions import OPPOSITE
from sandbox.world.map.layout import GridCell, layout
from sandbox.world.map.plan import STEPS, UNSEEN, FloorPlan, MapWay

GAP_COLUMNS, GAP_ROWS, BOX_ROWS = 4, 2, 3
_LINES = {"free": "─│╲╱", "door": "═║╲╱", "barred": "┄┆╲╱"}
_ARROWS = {
    (1, 0): "→",
    (-1, 0): "←",
    (0, 1): "↓",
    (0, -1): "↑",
    (1, 1): "↘",
    (-1, -1): "↖",
    (1, -1): "↗",
    (-1, 1): "↙",
}
_STAIRS = {"up": "↑", "down": "↓", "in": "•", "out": "•"}


def draw(plan: FloorPlan, *, here: str = "", width: int = 16) -> str:
    """The map as lines of text, level by level; the room `here` in a heavy box.

    Args:
        plan: what to show.
        here: the room that somebody is in.
        width: columns that a room's name may take; longer ones are cut.
    """
    if not plan.rooms:
        return ""
    cells = layout(plan)
    named: list[MapWay] = [way for way in plan.ways if way.target != UNSEEN]
    blocks = []
    levels = sorted({cell.level for cell in cells.values()}, reverse=True)
    for level in levels:
        canvas = _Level(plan, {room: cell for room, cell in cells.items() if cell.level == level}, width)
        named = [way for way in named if not canvas.connect(way)]
        for room in canvas.cells:
            canvas.box(room, room == here)
        for way in plan.ways:
            if way.target == UNSEEN:
                canvas.stub(way)
        blocks.append((f"── level {level:+d} ──\n" if len(levels) > 1 else "") + canvas.text())
    legend = [_sentence(plan, way) for way in named]
    return "\n\n".join(blocks + (["\n".join(legend)] if legend else []))


def _sentence(plan: FloorPlan, way: MapWay) -> str:
    arrow = "↔" if way.both else "→"
    return f"{plan.rooms[way.source]} {arrow} {plan.rooms[way.target]} ({way.direction})"


class _Level:
    """One level while it is drawn."""

    def __init__(self, plan: FloorPlan, cells: Mapping[str, GridCell], width: int) -> None:
        self.plan = plan
        self.cells = cells
        self.at = {(cell.column, cell.row): room for room, cell in cells.items()}
        self.first_column = min(cell.column for cell in cells.values())
        self.first_row = min(cell.row for cell in cells.values())
        columns = max(cell.column for cell in cells.values()) - self.first_column + 1
        self.titles = {room: _cut(plan.rooms[room], width) for room in cells}
        widths = [
            max(
                (cell_len(self.titles[r]) for r, c in cells.items() if c.column == self.first_column + i),
                default=0,
            )
            for i in range(columns)
        ]
        self.widths = [max(w, 1) + 4 if w else 3 for w in widths]
        self.lefts = [GAP_COLUMNS + sum(self.widths[:i]) + GAP_COLUMNS * i for i in range(columns)]
        self.canvas: dict[tuple[int, int], str] = {}

    def connect(self, way: MapWay) -> bool:
        """Draw a way as a straight line. False where that cannot be; it is then named below the map."""
        if way.source not in self.cells or way.target not in self.cells or way.direction not in STEPS:
            return False
        a, b = self.cells[way.source], self.cells[way.target]
        step = STEPS[way.direction][1:]
        distance = max(abs(b.column - a.column), abs(b.row - a.row))
        if (a.column + step[0] * distance, a.row + step[1] * distance) != (b.column, b.row) or step == (0, 0):
            return False
        between = [(a.column + step[0] * i, a.row + step[1] * i) for i in range(1, distance)]
        if any(cell in self.at for cell in between) or (step[0] and step[1] and distance > 1):
            return False
        points = self._line(a, b, step)
        glyphs = _LINES[way.kind]
        glyph = glyphs[0] if not step[1] else glyphs[1] if not step[0] else glyphs[2 if step[0] == step[1] else 3]
        if any(point in self.canvas for point in points) and glyph not in "╲╱":
            return False
        for point in points:
            self.canvas[point] = "╳" if self.canvas.get(point, glyph) != glyph else glyph
        if not way.both:
            self.canvas[points[-1]] = _ARROWS[step]
        return True

    def box(self, room: str, here: bool) -> None:
        """A room: its name in a box, with marks in the lower edge for ways up, down, in and out."""
        top, left, width = *self._corner(self.cells[room]), self._width(self.cells[room])
        marks = "".join(
            dict.fromkeys(
                _STAIRS[direction]
                for way in self.plan.ways
                for direction in _directions_at(way, room)
                if direction in _STAIRS
            )
        )
        edges = "┏━┓┃┗┛" if here else "┌─┐│└┘"
        self._write(top, left, edges[0] + edges[1] * (width - 2) + edges[2])
        inside = set_cell_size(" " + self.titles[room], width - 2)
        self._write(top + 1, left, edges[3] + inside + edges[3])
        self._write(top + 2, left, edges[4] + (marks + edges[1] * width)[: width - 2] + edges[5])

    def stub(self, way: MapWay) -> None:
        """A way into the unknown."""
        if way.source not in self.cells or way.direction not in STEPS or STEPS[way.direction][0]:
            return
        cell = self.cells[way.source]
        row, column = self._edge(cell, STEPS[way.direction][1:], 1)
        self.canvas.setdefault((row, column), "?")

    def text(self) -> str:
        rows = range(min(row for row, _ in self.canvas), max(row for row, _ in self.canvas) + 1)
        left = min(column for _, column in self.canvas)
        right = max(column for _, column in self.canvas)
        lines = ("".join(self.canvas.get((row, c), " ") for c in range(left, right + 1)).rstrip() for row in rows)
        return "\n".join(lines)

    def _corner(self, cell: GridCell) -> tuple[int, int]:
        row = (cell.row - self.first_row) * (BOX_ROWS + GAP_ROWS) + GAP_ROWS
        return row, self.lefts[cell.column - self.first_column]

    def _width(self, cell: GridCell) -> int:
        return self.widths[cell.column - self.first_column]

    def _edge(self, cell: GridCell, step: tuple[int, int], away: int) -> tuple[int, int]:
        """The point so far from a room's box in some direction."""
        top, left = self._corner(cell)
        width = self._width(cell)
        column = {1: left + width - 1 + away, -1: left - away, 0: left + width // 2}[step[0]]
        row = {1: top + BOX_ROWS - 1 + away, -1: top - away, 0: top + 1}[step[1]]
        return row, column

    def _line(self, a: GridCell, b: GridCell, step: tuple[int, int]) -> list[tuple[int, int]]:
        """Points from just outside a to just outside b."""
        start, end = self._edge(a, step, 1), self._edge(b, (-step[0], -step[1]), 1)
        if step[0] and step[1]:
            # Two rows of gap and four columns: a short slope in the middle.
            return [(start[0], start[1] + step[0]), (end[0], end[1] - step[0])]
        if step[0]:
            return [(start[0], c) for c in range(start[1], end[1] + step[0], step[0])]
        return [(r, start[1]) for r in range(start[0], end[0] + step[1], step[1])]

    def _write(self, row: int, column: int, text: str) -> None:
        for character in text:
            self.canvas[row, column] = character
            for extra in range(1, cell_len(character)):
                self.canvas[row, column + extra] = ""
            column += cell_len(character)


def _directions_at(way: MapWay, room: str) -> list[str]:
    """The directions in which a way leaves a room."""
    leaving = [way.direction] if way.source == room else []
    return leaving + ([OPPOSITE[way.direction]] if way.both and way.target == room else [])


def _cut(name: str, width: int) -> str:
    return name if cell_len(name) <= width else set_cell_size(name, width - 1).rstrip() + "…"
