"""Numbers, bars and glyphs as the screen shows them. Pure functions."""

from __future__ import annotations

from rich.cells import cell_len, set_cell_size
from textual.content import Content

from sandbox.types import Update

AGENT, EXPLORATION, PERSON, OVERRIDE, SCRIPT = "◆", "◇", "❯", "▲", "▷"
TALK, OTHERS = "❝", "○"
"""What others said, and what else happened while others had the move."""
REWARD, COMMENT, NOTE = "★", "✎", "·"
GHOST = "┊"
"""What has not happened."""
BOOKMARK, BLESSED = "⚑", "✓"
SPINNER = "⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏"

MUTED = "$foreground 60%"
"""What is said beside the point. (`$text-muted` has no fixed colour, and only style sheets can resolve it.)"""

COMMAND_STYLES = {
    AGENT: "bold $text-primary",
    EXPLORATION: "bold $text-primary",
    PERSON: "bold $text-success",
    OVERRIDE: "bold $text-warning",
    SCRIPT: "bold $text-secondary",
}


def signed(value: float) -> str:
    """Two decimals with a sign, and a real minus: `+0.50`, `−1.00`. Zero has no sign but keeps its place."""
    text = f"{abs(value):.2f}"
    return (" " if float(text) == 0 else "+" if value > 0 else "−") + text


def short(value: float) -> str:
    """As few digits as it takes, three at most: `1`, `0.5`, `−0.125`."""
    return f"{value:.3g}".replace("-", "−")


def gain(value: float) -> str:
    """A reward, with its sign: `+1`, `−0.5`."""
    return ("+" if value > 0 else "") + short(value)


def points(score: float, maximum: float | None) -> str:
    """A score, out of how much where that is known: `3/10`."""
    return short(score) if maximum is None else f"{short(score)}/{short(maximum)}"


def fit(text: str, width: int) -> str:
    """The text in exactly so many cells, with an ellipsis where it is too long."""
    return set_cell_size(text, width) if cell_len(text) <= width else set_cell_size(text, width - 1) + "…"


def bar(fraction: float, width: int, style: str) -> Content:
    """A thin bar on a track, in steps of half a cell. Readable without colour: the filled part is heavy."""
    halves = round(max(0.0, min(1.0, fraction)) * width * 2)
    filled = "━" * (halves // 2) + "╸" * (halves % 2)
    return Content.assemble((filled, style), ("─" * (width - len(filled)), "$foreground 20%"))


def formula(update: Update) -> str:
    """The Bellman update as it happened: `0.00 + 0.5·(1 + 0.9·0.00 − 0.00) = 0.50`."""
    before, following = _operand(update.before), _operand(update.next_value)
    target = f"{short(update.reward)} + {short(update.gamma)}·{following}"
    after = f"{update.after:.2f}".replace("-", "−")
    return f"{before} + {short(update.alpha)}·({target} − {before}) = {after}"


def _operand(value: float) -> str:
    text = f"{value:.2f}"
    return f"(−{text[1:]})" if text.startswith("-") else text
