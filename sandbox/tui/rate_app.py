"""The application of `sandbox rate`: one screen over stores that are open."""

from __future__ import annotations

from sandbox.config import Settings
from sandbox.tui.rating import RatingController
from sandbox.tui.screens.rate import RateScreen
from sandbox.tui.themes import ThemedApp


class RateApp(ThemedApp[None]):
    """Asks until the person leaves. Every answer is in its save before the next question stands.

    Args:
        controller: what is asked.
        settings: the theme is taken from these.
    """

    TITLE = "sandbox rate"

    def __init__(self, controller: RatingController, settings: Settings | None = None) -> None:
        super().__init__((settings or Settings()).theme)
        self.rate = RateScreen(controller)

    def on_mount(self) -> None:
        self.push_screen(self.rate, lambda _: self.exit())
