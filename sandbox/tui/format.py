"""Numbers, bars and glyphs as the screen shows them. Pure functions."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from sandbox.render.formatting import gain as gain
from sandbox.render.formatting import points as points
from sandbox.render.formatting import short as short
from sandbox.render.formatting import signed as signed

AGENT, EXPLORATION, PERSON, OVERRIDE, SCRIPT = "◆", "◇", "❯", "▲", "▷"
TALK, OTHERS = "❝", "○"
"""What others said, and what else happened while others had the move."""
CHAT = "»"
"""What people say to each other."""
REWARD, COMMENT, NOTE = "★", "✎", "·"
WRITING = "✐"
FOLDED = "▸"
GHOST = "┊"
"""What has not happened."""
BOOKMARK, BLESSED, CHANGED = "⚑", "✓", "≠"
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

MUTED, FAINT = "$muted", "$faint"
"""What is said beside the point, and what only lines things up. The themes define both."""

COMMAND_STYLES = {
    AGENT: "bold $text-primary",
    EXPLORATION: "bold $text-primary",
    PERSON: "bold $text-success",
    OVERRIDE: "bold $text-warning",
    SCRIPT: "bold $text-secondary",
}


def fit(text: str, width: int) -> str:
    """The text in exactly so many cells, with an ellipsis where it is too long."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def bar(fraction: float, width: int, style: str) -> Content:
    """A thin bar on a track, in steps of half a cell. Readable without colour: the filled part is heavy."""
    halves = round(max(0.0, min(1.0, fraction)) * width * 2)
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    return Content.assemble((filled, style), ("─" * (width - len(filled)), FAINT))
