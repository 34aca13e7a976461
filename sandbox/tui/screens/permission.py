"""Before a card that is not the player's own sends anything for the first time."""

from __future__ import annotations

from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import Binding, BindingType
from textual.content import Content
from textual.screen import ModalScreen
from textual.widgets import Static

from sandbox.tui import format as fmt


class PermissionScreen(ModalScreen[bool]):
    """Asks whether a server may be asked. Gives True for yes.

    Args:
        host: the server.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("y", "dismiss(True)", "Yes", id="allow-host", tooltip="Let the agent ask it until you leave"),
        Binding("n,escape", "dismiss(False)", "No", id="refuse-host", tooltip="Send nothing"),
    ]

    def __init__(self, host: str) -> None:
        super().__init__()
        self.host = host

    def compose(self) -> ComposeResult:
        yield Static(
            Content.assemble(
                ("The agent of this game would ask the server ", ""),
                (self.host, "bold $text-warning"),
                ("\n\nIts card is not one of yours. All that the agent reads would be sent there.", ""),
                ("\n\ny lets it, until you leave    n sends nothing", fmt.MUTED),
            ),
            id="permission",
        )
