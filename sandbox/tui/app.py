"""The application: theme, palette, and the play screen."""

from __future__ import annotations

import asyncio

from textual import on
from textual.app import App
from textual.binding import Binding

from sandbox.config import Settings
from sandbox.errors import SandboxError
from sandbox.tui.commands import PlayCommands
from sandbox.tui.driver import SessionFactory
from sandbox.tui.keys import KEYS, bindings
from sandbox.tui.messages import Failed
from sandbox.tui.screens.play import PlayScreen
from sandbox.tui.themes import THEMES
from sandbox.tui.widgets.header import Title


class SandboxApp(App[SandboxError]):
    """Plays one session on the screen. `run()` gives None, or the error for which no session could be opened.

    Args:
        session_factory: opens the session. Called on a thread of its own once the screen stands, so it may load
            torch, compile a world or fetch a model, and say so through the function it is given; the session is
            used and closed on that thread.
        title: what to show until then.
        settings: theme and speed are taken from these.
    """

    TITLE = "sandbox"
    BINDINGS = bindings("app")
    COMMANDS = App.COMMANDS | {PlayCommands}

    def __init__(self, session_factory: SessionFactory, title: Title, settings: Settings | None = None) -> None:
        super().__init__()
        settings = settings or Settings()
        self.title = title.world
        self.play = PlayScreen(session_factory, title, settings.speed)
        self._keys = settings.keys
        for theme in THEMES:
            self.register_theme(theme)
        if settings.theme in self.available_themes:
            self.theme = settings.theme

    def on_mount(self) -> None:
        self.push_screen(self.play)
        self.set_keymap(self._keys)
        if unknown := sorted(self._keys.keys() - {key.id for key in KEYS}):
            named = ", ".join(unknown)
            self.notify(f"No key is called {named} (F1 shows the names)", severity="warning", markup=False)

    @on(Failed)
    def _could_not_open(self, message: Failed) -> None:
        """What a user can mend is said on the terminal, where it stays."""
        if isinstance(message.error, SandboxError):
            self.exit(message.error, return_code=message.error.exit_code)

    async def on_unmount(self) -> None:
        await asyncio.to_thread(self.play.driver.close)

    def get_key_display(self, binding: Binding) -> str:
        if binding.key == "escape":
            return "Esc"
        shown = super().get_key_display(binding)
        return shown.upper() if shown[:1] == "f" and shown[1:].isdigit() else shown
