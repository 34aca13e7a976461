"""Where the keys go: to the prompt, to single keys, or to what lies over the story."""

from __future__ import annotations

from textual.screen import Screen

from sandbox.tui.widgets.memory import MemoryList
from sandbox.tui.widgets.side import SidePane
from sandbox.tui.widgets.timeline import TimelineTree
from sandbox.tui.widgets.transcript import Transcript


class Places(Screen[None]):
    """A screen with a transcript, a prompt and a side pane, which lies over the transcript where it is narrow."""

    @property
    def at_prompt(self) -> bool:
        """Whether printable keys are text; elsewhere they act."""
        return self.focused is not None and self.focused.id == "prompt"

    @property
    def side_is_over(self) -> bool:
        """Whether the side pane covers part of the story."""
        return self.has_class("-narrow") and self.has_class("-side-open")

    def leave(self) -> None:
        """Leave the prompt, and what lies over the story."""
        self.remove_class("-side-open")
        self.query_one(Transcript).focus()
        self.refresh_bindings()

    def open_timeline(self) -> None:
        self.open_tab("timeline-tab")
        self.query_one(TimelineTree).focus()

    def open_memory(self) -> None:
        self.open_tab("memory-tab")
        self.query_one(MemoryList).focus()

    def toggle_pane(self) -> None:
        self.toggle_class("-side-open" if self.has_class("-narrow") else "-side-shut")
        if self.focused is None or not self.focused.display:
            self.query_one(Transcript).focus()
        self.refresh_bindings()

    def open_tab(self, tab: str) -> None:
        """Show a tab of the side pane, by its id."""
        self.remove_class("-side-shut")
        self.set_class(self.has_class("-narrow"), "-side-open")
        self.query_one(SidePane).open(tab)
        self.refresh_bindings()
