"""Between two people who share the keyboard: what one saw is gone before the other looks."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.tui import format as fmt


class Curtain(ModalScreen[None]):
    """Covers everything until the person whose turn it is has taken the keyboard.

    Args:
        whose: turn it is, by name.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("enter,space", "dismiss", "Ready", id="lift-curtain", tooltip="Take your turn"),
    ]

    def __init__(self, whose: str) -> None:
        super().__init__()
        self._whose = whose

    def compose(self) -> ComposeResult:
        yield Static(
            Content.assemble(
                ("━━━  ", "$text-primary"),
                ("Now: ", fmt.MUTED),
                (self._whose, "bold $text-primary"),
                ("  ━━━", "$text-primary"),
                ("\n\nEnter, when nobody else is looking", fmt.MUTED),
            ),
            id="curtain",
        )
