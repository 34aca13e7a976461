"""The application of `sandbox rate`: one screen over stores that are open."""

from __future__ import annotations

from collections.abc import Sequence

from textual.app import App

from sandbox.config import Settings
from sandbox.play.rating import Queue
from sandbox.play.review import Review
from sandbox.tui.screens.rate import RateScreen


class RateApp(App[None]):
    """Asks until the person leaves. Every answer is in its save before the next question stands.

    Args:
        reviews: of the saves, in the order in which the questions number them.
        queue: what is asked.
        settings: the theme is taken from these.
    """

    TITLE = "sandbox rate"
    ENABLE_COMMAND_PALETTE = False

    def __init__(self, reviews: Sequence[Review], queue: Queue, settings: Settings | None = None) -> None:
        super().__init__()
        settings = settings or Settings()
        self.rate = RateScreen(reviews, queue)
        if settings.theme in self.available_themes:
            self.theme = settings.theme

    def on_mount(self) -> None:
        self.push_screen(self.rate)
