"""The line above the prompt: whose turn it is, what is going on and for how long."""

from __future__ import annotations

from collections.abc import Sequence
from time import monotonic

from textual.content import Content
from textual.timer import Timer
from textual.widget import Widget

from sandbox.tui import format as fmt

_TICK = 0.1


class Status(Widget):
    """Says one thing at a time: work under way with a spinner and its seconds, or how things stand."""

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._text = Content("")
        self._since: float | None = None
        self._aside = Content("")
        self._options: tuple[str, ...] = ()
        self._chosen = 0
        self._ticker: Timer | None = None

    def on_mount(self) -> None:
        self._ticker = self.set_interval(_TICK, self.refresh, pause=self._since is None)

    def say(self, text: Content | str, aside: Content | str = "", *, since: float | None = None) -> None:
        """Show a text, and another at the right end; with `since` (monotonic seconds) it is work under way."""
        self._text, self._aside = Content(text) if isinstance(text, str) else text, Content("") + aside
        self._since = since
        if self._ticker is not None:
            (self._ticker.pause if since is None else self._ticker.resume)()
        self.refresh()

    def complete(self, options: Sequence[str], chosen: int) -> None:
        """Show the completions instead, until there are none."""
        self._options, self._chosen = tuple(options), chosen
        self.refresh()

    @property
    def busy(self) -> bool:
        return self._since is not None

    def render(self) -> Content:
        width = self.content_size.width
        if self._options:
            return self._completions(width)
        text = self._text
        if self._since is not None:
            seconds = monotonic() - self._since
            frame = fmt.SPINNER[int(seconds / _TICK) % len(fmt.SPINNER)]
            text = Content.assemble((f"{frame} ", "$text-primary"), text, (f"  {seconds:.1f} s", "$text-muted"))
        aside = self._aside
        text = text.truncate(max(width - aside.cell_length - 1, 10), ellipsis=True)
        return Content("").join([text, Content(" " * max(width - text.cell_length - aside.cell_length, 1)), aside])

    def _completions(self, width: int) -> Content:
        """The options in a row, beginning far enough on that the chosen one is in sight."""
        first = self._chosen
        room = width - len(self._options[first]) - 4
        while first > 0 and (room := room - len(self._options[first - 1]) - 2) > 0:
            first -= 1
        parts: list[tuple[str, str]] = [("‹ " if first else "  ", "$text-muted")]
        for index, option in enumerate(self._options[first:], first):
            parts += [(option, "reverse" if index == self._chosen else "$text-muted"), ("  ", "")]
        return Content.assemble(*parts).truncate(width, ellipsis=True)
