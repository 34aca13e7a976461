"""A question that is answered with yes or no."""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.tui import format as fmt

_SHOWN = 8


class AskScreen(ModalScreen[bool]):
    """Asks, and shows what it is about.

    Args:
        question: in a line.
        lines: what it is about; the first few are shown.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,y", "dismiss(True)", "Yes", id="ask-yes", tooltip="Do it"),
        Binding("escape,n", "dismiss(False)", "No", id="ask-no", tooltip="Leave it"),
    ]

    def __init__(self, question: str, lines: Sequence[str]) -> None:
        super().__init__()
        self._question, self._lines = question, lines

    def compose(self) -> ComposeResult:
        told = [Content.styled(f"  {line}", fmt.MUTED) for line in self._lines[:_SHOWN]]
        if (more := len(self._lines) - _SHOWN) > 0:
            told.append(Content.styled(f"  and {more} more", fmt.MUTED))
        question = Content.styled(self._question, "bold $text-primary")
        yield Static(
            Content("\n").join([question, *told, Content.styled("Enter: yes   Esc: no", fmt.MUTED)]), id="ask"
        )
