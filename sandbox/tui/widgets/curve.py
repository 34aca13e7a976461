"""A curve in the side pane, drawn with plotext."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from rich.text import Text
from textual.app import RenderResult
from textual.color import Color
from textual.widget import Widget

_ANSI = {
    "ansi_blue": "blue",
    "ansi_green": "green",
    "ansi_red": "red",
    "ansi_yellow": "orange",
    "ansi_cyan": "cyan",
}


class Curve(Widget):
    """A line of values, with a mark at some of them; the numbers that its axes need and nothing else.

    Args:
        tone: the variable of the theme that colours the line, without its `$`.
        first: what the first value is called on the axis below.
    """

    DEFAULT_CSS = "Curve { height: 7; }"

    def __init__(self, tone: str, first: int = 1, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._tone = tone
        self._first = first
        self._values: Sequence[float] = ()
        self._marked: Collection[int] = ()

    def show(self, values: Sequence[float], marked: Collection[int] = ()) -> None:
        """Show these, with marks at some of them, by their place from 0."""
        self._values, self._marked = tuple(values), frozenset(marked)
        self.refresh()

    def render(self) -> RenderResult:
        values = self._values
        if not values:
            return ""
        from textual_plotext import Plot

        plot = Plot()
        plot.plotsize(*self.size)
        plot._set_size(*self.size)  # beyond the terminal's own, which plotext keeps to otherwise
        plot.theme("clear")
        plot.frame(False)
        line, mark = self._colour(self._tone), self._colour("success")
        at = list(range(self._first, self._first + len(values)))
        plot.plot(at, values, marker="braille", color=line)
        if marked := [place for place in at if place - self._first in self._marked]:
            plot.scatter(marked, [values[place - self._first] for place in marked], marker="●", color=mark)
        low, high = min(values), max(values)
        plot.yticks(*_named([low, high]))
        plot.xticks(*_named([at[0], at[-1]]))
        return Text.from_ansi(plot.build())

    def _colour(self, tone: str) -> str | tuple[int, int, int]:
        value = self.app.theme_variables[tone]
        return _ANSI.get(value, "default") if value.startswith("ansi_") else Color.parse(value).rgb


def _named(values: Sequence[float]) -> tuple[list[float], list[str]]:
    """Ticks at these values, each once, and what they are called."""
    once = list(dict.fromkeys(values))
    return once, [f"{value:.3g}".replace("-", "−") for value in once]
