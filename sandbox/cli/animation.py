"""A terminal recording as a picture that moves, for pages that cannot play recordings."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from html import escape
from itertools import groupby
from pathlib import Path
from typing import Any

CELL = (8.4, 20)
"""Width and height of a character, in pixels."""
_SHORTEST = 0.15
"""Seconds that a picture stays at least; what changes faster is left out."""
_LAST = 4.0
_INK, _PAGE = "e0e0e0", "121212"


@dataclass(frozen=True, slots=True)
class Style:
    """How a run of characters looks."""

    ink: str
    page: str
    bold: bool
    italic: bool


Row = tuple[tuple[Style, int, str, int], ...]
"""Runs of equal style: the style, the first column, the text, how many columns it takes."""


def animate(cast: Path, svg: Path) -> None:
    """Write the recording as an animated SVG that begins again when it has ended.

    Rows that look alike stand in the file once; a frame is a list of them, and the frames pass by as on a film.
    """
    header, *lines = map(json.loads, cast.read_text(encoding="utf-8").splitlines())
    size = (header["width"], header["height"])
    shown = list(_frames(lines, size))
    rows: dict[Row, int] = {}
    film, keys, clock = [], [], 0.0
    total = sum(seconds for seconds, _ in shown)
    width, height = size[0] * CELL[0] + 20, size[1] * CELL[1] + 20
    for number, (seconds, picture) in enumerate(shown):
        uses = (
            f'<use href="#r{rows.setdefault(row, len(rows))}" y="{line * CELL[1]}"/>'
            for line, row in enumerate(picture)
            if row
        )
        film.append(f'<g transform="translate({number * width:g} 0)">{"".join(uses)}</g>')
        keys.append(f"{clock / total:.3%}{{transform:translateX({-number * width:g}px)}}")
        clock += seconds
    defined = "".join(f'<g id="r{number}">{_row(row)}</g>' for row, number in rows.items())
    svg.write_text(
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:g} {height:g}" width="{width:g}">'
        f"<title>{escape(header.get('title', ''))}</title>"
        f"<style>text{{font:14px Menlo,Consolas,'DejaVu Sans Mono',monospace;white-space:pre}}"
        f".film{{animation:film {total:.2f}s steps(1,end) infinite}}@keyframes film{{{''.join(keys)}}}</style>"
        f'<rect width="100%" height="100%" rx="8" fill="#{_PAGE}"/><defs>{defined}</defs>'
        f'<svg x="10" y="10" width="{width - 20:g}" height="{height - 20:g}">'
        f'<g class="film">{"".join(film)}</g></svg></svg>\n',
        encoding="utf-8",
    )


def _frames(lines: list[Any], size: tuple[int, int]) -> Iterator[tuple[float, tuple[Row, ...]]]:
    """How long each picture stays, and its rows."""
    import pyte

    screen = pyte.Screen(*size)
    stream = pyte.Stream(screen)
    since = 0.0
    for (seconds, kind, text), (after, *_) in zip(lines, [*lines[1:], (lines[-1][0] + _LAST,)], strict=True):
        if kind == "o":
            stream.feed(text)
        if after - since >= _SHORTEST or seconds == lines[-1][0]:
            yield after - since, tuple(_runs(screen.buffer[line], size[0]) for line in range(size[1]))
            since = after


def _runs(line: Any, columns: int) -> Row:
    cells = [(column, line[column]) for column in range(columns)]
    runs = []
    for style, group in groupby(cells, key=lambda cell: _style(cell[1])):
        part = list(group)
        text = "".join(cell.data for _, cell in part)
        if text.strip() or style.page != _PAGE:
            runs.append((style, part[0][0], text, len(part)))
    return tuple(runs)


def _style(cell: Any) -> Style:
    ink, page = (
        fallback if colour == "default" else colour for colour, fallback in ((cell.fg, _INK), (cell.bg, _PAGE))
    )
    if cell.reverse:
        ink, page = page, ink
    return Style(ink, page, cell.bold, cell.italics)


def _row(row: Row) -> str:
    parts = []
    for style, column, text, columns in row:
        x, width = column * CELL[0], columns * CELL[0]
        if style.page != _PAGE:
            parts.append(f'<rect x="{x:.1f}" width="{width + 0.3:.1f}" height="{CELL[1]}" fill="#{style.page}"/>')
        if text.strip():
            look = (' font-weight="bold"' if style.bold else "") + (' font-style="italic"' if style.italic else "")
            parts.append(
                f'<text x="{x:.1f}" y="15" textLength="{width:.1f}" lengthAdjust="spacingAndGlyphs" '
                f'fill="#{style.ink}"{look}>{escape(text, quote=False)}</text>'
            )
    return "".join(parts)
