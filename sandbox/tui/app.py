"""The application: theme, palette, and the play screen."""

from __future__ import annotations

import asyncio

from textual import on
from textual.app import App
from textual.binding import Binding

from sandbox.config import Settings
from sandbox.errors import SandboxError
from sandbox.tui.driver import SessionFactory
from sandbox.tui.keys import KEYS, bindings
from sandbox.tui.messages import Failed
from sandbox.tui.round_desk import PlanRound, RoundDesk, RoundNews, RoundsWanted
from sandbox.tui.screens.play import PlayScreen
from sandbox.tui.screens.round import RoundScreen
from sandbox.tui.themes import THEMES
from sandbox.tui.widgets.header import Title
from sandbox.tui.widgets.round_pages import brief
from sandbox.tui.widgets.status import Status


class SandboxApp(App[SandboxError]):
    """Plays one session on the screen. `run()` gives None, or the error for which no session could be opened.

    Args:
        session_factory: opens the session. Called on a thread of its own once the screen stands, so it may load
            torch, compile a world or fetch a model, and say so through the function it is given; the session is
            used and closed on that thread.
        title: what to show until then.
        settings: theme and speed are taken from these.
        plan_round: plans fine-tuning rounds over the save; None where the game is kept in none.
    """

    TITLE = "sandbox"
    BINDINGS = bindings("app")

    def __init__(
        self,
        session_factory: SessionFactory,
        title: Title,
        settings: Settings | None = None,
        plan_round: PlanRound | None = None,
    ) -> None:
        super().__init__()
        settings = settings or Settings()
        self.title = title.world
        self.play = PlayScreen(session_factory, title, settings.speed)
        self.rounds = RoundDesk(plan_round, self.post_message)
        self._keys = settings.keys
        for theme in THEMES:
            self.register_theme(theme)
        if settings.theme in self.available_themes:
            self.theme = settings.theme

    def on_mount(self) -> None:
        self.push_screen(self.play)
        self.rounds.rejoin()
        self.set_keymap(self._keys)
        if unknown := sorted(self._keys.keys() - {key.id for key in KEYS}):
            named = ", ".join(unknown)
            self.notify(f"No key is called {named} (F1 shows the names)", severity="warning", markup=False)

    @on(Failed)
    def _could_not_open(self, message: Failed) -> None:
        """What a user can mend is said on the terminal, where it stays."""
        if isinstance(message.error, SandboxError):
            self.exit(message.error, return_code=message.error.exit_code)

    @on(RoundsWanted)
    def _open_rounds(self) -> None:
        if not isinstance(self.screen, RoundScreen):
            self.push_screen(RoundScreen(self.rounds))

    @on(RoundNews)
    def _rounds(self, news: RoundNews) -> None:
        """A round goes on whatever screen is in front; its news reach all that show it."""
        ended = self.rounds.running and news.view is not None and news.view.over
        self.rounds.take(news)
        self.play.query_one(Status).round = summary = brief(self.rounds.view)
        if isinstance(self.screen, RoundScreen):
            self.screen.show(news)
        elif ended and summary:
            self.notify(summary.plain[0].upper() + summary.plain[1:], markup=False)
        if news.swapped and self.play.game.view is not None:
            # What the agent has in mind is the former adapter's.
            self.play.game.do("adapter", lambda session: None, halting=False)

    async def on_unmount(self) -> None:
        self.rounds.close()
        await asyncio.to_thread(self.play.driver.close)

    def get_key_display(self, binding: Binding) -> str:
        if binding.key == "escape":
            return "Esc"
        shown = super().get_key_display(binding)
        return shown.upper() if shown[:1] == "f" and shown[1:].isdigit() else shown
