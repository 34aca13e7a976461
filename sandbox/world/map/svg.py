"""A map as SVG."""

from __future__ import annotations

from xml.sax.saxutils import escape

from rich.cells import cell_len

from sandbox.world.map.layout import GridCell, layout
from sandbox.world.map.plan import UNSEEN, FloorPlan, MapWay

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 132, 44, 56, 40, 28
BEND = 48

_STYLE = """
    rect { fill: #fffdf7; stroke: #444; stroke-width: 1.5; rx: 6 }
    rect.here { stroke-width: 3.5 }
    path { fill: none; stroke: #444; stroke-width: 1.5 }
    path.door { stroke-width: 4 }
    path.barred { stroke-dasharray: 2 4 }
    path.stairs { stroke: #999; stroke-dasharray: 6 4 }
    rect.page { fill: #fff; stroke: none; rx: 0 }
    text { font: 13px sans-serif; fill: #222; text-anchor: middle }
    text.level, text.way { fill: #777; font-size: 11px }
    text.way { paint-order: stroke; stroke: #fff; stroke-width: 4 }
    text.level { text-anchor: start }
"""


def svg(plan: FloorPlan, *, here: str = "") -> str:
    """The map as an SVG document, levels one below the other. Ways that do not lie on the grid are curves."""
    cells = layout(plan)
    levels = sorted({cell.level for cell in cells.values()}, reverse=True)
    first_column = min((cell.column for cell in cells.values()), default=0)
    offsets: dict[int, int] = {}
    rows = 0
    for level in levels:
        on_level = [cell.row for cell in cells.values() if cell.level == level]
        offsets[level] = rows - min(on_level)
        rows += max(on_level) - min(on_level) + 2

    def centre(cell: GridCell) -> tuple[float, float]:
        x = MARGIN + (cell.column - first_column) * (WIDTH + GAP_X) + WIDTH / 2
        y = MARGIN + (cell.row + offsets[cell.level]) * (HEIGHT + GAP_Y) + HEIGHT / 2
        return x, y

    columns = max((cell.column for cell in cells.values()), default=0) - first_column + 1
    width = 2 * MARGIN + columns * (WIDTH + GAP_X) - GAP_X
    height = 2 * MARGIN + max(rows - 1, 1) * (HEIGHT + GAP_Y) - GAP_Y
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}">',
        f"<style>{_STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        '<marker id="end" viewBox="0 0 10 10" refX="9" refY="5" markerWidth="7" markerHeight="7" orient="auto">'
        '<path d="M0 0 L10 5 L0 10 z" style="fill: #444; stroke: none"/></marker>',
    ]
    if len(levels) > 1:
        for level in levels:
            top = min(centre(cell)[1] for cell in cells.values() if cell.level == level) - HEIGHT / 2 - 10
            parts.append(f'<text class="level" x="{MARGIN}" y="{top:g}">level {level:+d}</text>')
    for way in plan.ways:
        if way.target != UNSEEN:
            parts.append(_way(way, *centre(cells[way.source]), *centre(cells[way.target]), cells))
    for room, cell in cells.items():
        x, y = centre(cell)
        mark = ' class="here"' if room == here else ""
        name = escape(plan.rooms[room])
        # Long names are squeezed rather than cut.
        squeeze = f' textLength="{WIDTH - 12}" lengthAdjust="spacingAndGlyphs"'
        fit = squeeze if cell_len(plan.rooms[room]) > 18 else ""
        parts.append(
            f'<rect{mark} x="{x - WIDTH / 2:g}" y="{y - HEIGHT / 2:g}" width="{WIDTH}" height="{HEIGHT}"/>'
        )
        parts.append(f'<text x="{x:g}" y="{y:g}" dy=".35em"{fit}>{name}</text>')
    return "\n".join([*parts, "</svg>", ""])


def _way(way: MapWay, x1: float, y1: float, x2: float, y2: float, cells: dict[str, GridCell]) -> str:
    stairs = cells[way.source].level != cells[way.target].level
    kind = "stairs" if stairs else way.kind
    x1, y1, x2, y2 = *_border(x1, y1, x2, y2), *_border(x2, y2, x1, y1)
    straight = not stairs and (x1 == x2 or y1 == y2 or abs(x2 - x1) < WIDTH + 2 * GAP_X)
    bend = 0.0 if straight else BEND
    middle = (x1 + x2) / 2 + bend * (y1 != y2), (y1 + y2) / 2 + bend * (y1 == y2)
    marker = "" if way.both else ' marker-end="url(#end)"'
    path = f"M{x1:g} {y1:g} Q{middle[0]:g} {middle[1]:g} {x2:g} {y2:g}"
    label = ""
    if not straight or way.direction in ("in", "out"):
        # A quadratic curve comes half as near to its control point as its ends are far from it.
        x, y = (x1 + x2) / 4 + middle[0] / 2, (y1 + y2) / 4 + middle[1] / 2
        label = f'<text class="way" x="{x:g}" y="{y:g}" dy=".35em">{escape(way.direction)}</text>'
    return f'<path class="{kind}" d="{path}"{marker}/>{label}'


def _border(x: float, y: float, toward_x: float, toward_y: float) -> tuple[float, float]:
    """Where the line from a room's centre leaves its box."""
    dx, dy = toward_x - x, toward_y - y
    if dx == 0 and dy == 0:
        return x, y
    scale = min(WIDTH / 2 / abs(dx) if dx else float("inf"), HEIGHT / 2 / abs(dy) if dy else float("inf"), 1.0)
    return x + dx * scale, y + dy * scale
