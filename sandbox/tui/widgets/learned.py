"""The latest update while it happens."""

from __future__ import annotations

from collections.abc import Sequence

from textual.content import Content
from textual.reactive import reactive
from textual.widget import Widget

from sandbox.tui import format as fmt
from sandbox.types import Update

_SECONDS = 0.6


class Learned(Widget):
    """Below whatever tab is open: which number has changed, moving from its old value to the new one, and why."""

    DEFAULT_CSS = """
    Learned { dock: bottom; display: none; height: 4; padding: 0 1; border-top: solid $faint; }
    """

    value: reactive[float] = reactive(0.0)
    """On its way from the old value to the new one; there at once where animations are off."""

    def __init__(self) -> None:
        super().__init__()
        self._update: Update | None = None

    def show(self, updates: Sequence[Update]) -> None:
        """Show the last of these that is news; what stood there goes away where none is."""
        news = [update for update in updates if update.after != update.before or update.source == "person"]
        self.display = bool(news)
        if news:
            update = self._update = news[-1]
            self.set_reactive(Learned.value, update.before)
            self.animate("value", update.after, duration=_SECONDS, easing="out_cubic", level="basic")
            self.refresh()

    def render(self) -> Content:
        update, width = self._update, self.content_size.width
        if update is None:
            return Content("")
        tone = "$success" if self.value >= 0 else "$error"
        gained = update.after - update.before
        source = f" {fmt.REWARD}" if update.source == "person" else ""
        change = f" {fmt.signed(gained).strip()}"
        rise = "$text-success" if gained > 0 else "$text-error" if gained < 0 else fmt.MUTED
        name = Content.assemble((f"{update.quantity}(s, {update.command})", "bold"), (source, "$text-warning"))
        room = width - len(change)
        scale = max(abs(update.before), abs(update.after)) or 1.0
        number = f"{fmt.signed(self.value):>7}"
        formula = update.formula.rpartition(" = ")[0]
        return Content("\n").join(
            [
                name.truncate(room, ellipsis=True).pad_right(max(room - name.cell_length, 0))
                + Content.styled(change, rise),
                fmt.bar(abs(self.value) / scale, width - len(number), tone) + Content.styled(number, "bold"),
                Content.styled(formula, fmt.MUTED).truncate(width, ellipsis=True),
            ]
        )
