"""The application: theme, palette, and which screen is in front."""

from __future__ import annotations

import asyncio
import gc
from functools import partial
from typing import TYPE_CHECKING

from textual import events, on
from textual.binding import Binding

from sandbox.errors import SandboxError
from sandbox.tui import clipboard
from sandbox.tui.keys import KEYS, bindings
from sandbox.tui.messages import GameOpened, NotOpened, StartWanted
from sandbox.tui.rounds import ContestWanted, RoundController, RoundNews, RoundsWanted
from sandbox.tui.screens.play import PlayScreen
from sandbox.tui.screens.round import RoundScreen
from sandbox.tui.screens.start import Lobby, Sitting, StartScreen
from sandbox.tui.tables import ALL
from sandbox.tui.themes import ThemedApp
from sandbox.tui.widgets.prompt import ENTER, Prompt
from sandbox.tui.widgets.round_pages import brief

if TYPE_CHECKING:
    from sandbox.config import Settings
    from sandbox.together import Invitation


class SandboxApp(ThemedApp[SandboxError]):
    """Plays games on the screen. `run()` gives None, or the error for which the one game could not be opened.

    Args:
        opens: the game to play, or the lobby of a start screen to choose games in.
        settings: theme, keys and speed are taken from these.
        lobby: what the start screen offers to which F10 leads, where one game is opened; None for no such screen.
        invitation: to whom its games are open; None keeps them closed.
    """

    TITLE = "sandbox"
    BINDINGS = bindings("app")

    def __init__(
        self,
        opens: Sitting | Lobby,
        settings: Settings | None = None,
        lobby: Lobby | None = None,
        invitation: Invitation | None = None,
    ) -> None:
        if settings is None:
            from sandbox import config

            settings = config.Settings()
        self._settings = settings
        taken = {key for given in settings.keys.values() for key in given.split(",")}
        own = (key for key in KEYS if key.scope == "app" and key.id not in settings.keys)
        self._given_away = {key.action for key in own if key.key in taken}
        """Actions whose key the user's settings give to something else: theirs would come first."""
        self._invitation = invitation
        super().__init__(self._settings.theme)
        self._lobby = opens if isinstance(opens, Lobby) else lobby
        if isinstance(opens, Sitting):
            self._sit_down(opens)

    def _sit_down(self, sitting: Sitting) -> None:
        self.title = sitting.title.world
        self.play = PlayScreen(sitting.open, sitting.title, self._settings.speed, sitting.notice)
        self.play.invitation = self._invitation
        self.rounds = RoundController(sitting.plan_round, self.post_message)
        self._open_contest = sitting.open_contest

    @property
    def playing(self) -> bool:
        """Whether a game is open, or being opened."""
        return hasattr(self, "play")

    def on_mount(self) -> None:
        if self.playing:
            self._play()
        elif self._lobby is not None:
            self.push_screen(StartScreen(self._lobby))
        keys = self._settings.keys
        self.set_keymap(keys)
        if unknown := sorted(keys.keys() - {key.id for key in ALL}):
            named = ", ".join(unknown)
            self.notify(f"No key is called {named} (F1 shows the names)", severity="warning", markup=False)

    def _play(self) -> None:
        self.push_screen(self.play)

    @on(GameOpened)
    def _opened(self) -> None:
        gc.freeze()  # all that has been imported by now
        gc.enable()
        if self.playing:
            self.rounds.rejoin()

    @on(StartScreen.Chosen)
    def _chosen(self, message: StartScreen.Chosen) -> None:
        if self._lobby is None or self.playing:
            return
        try:
            self._sit_down(self._lobby.choose(message.choice))
        except SandboxError as error:
            self.notify(str(error), severity="warning", markup=False)
        else:
            self._play()

    async def action_quit(self) -> None:
        """Leave; where something would be lost, only when asked again."""
        if not self.playing or self.play.may_leave():
            self.exit()

    @on(StartWanted)
    async def action_start(self) -> None:
        """Leave the game for the start screen, where there is one."""
        if self._lobby is None:
            self.notify("Leave with /quit first; then:  sandbox play", severity="warning", markup=False)
        elif self.playing and self.play.may_leave():
            self.title = self.TITLE
            await self._get_up()
            while len(self.screen_stack) > 1 and not isinstance(self.screen, StartScreen):
                await self.pop_screen()
            if not isinstance(self.screen, StartScreen):
                self.push_screen(StartScreen(self._lobby))

    async def _get_up(self) -> None:
        self.rounds.close()
        await self.play.close_host()
        await asyncio.to_thread(self.play.close)
        del self.play, self.rounds

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        if action in self._given_away:
            return False
        return self.playing if action == "start" else True

    @on(NotOpened)
    async def _could_not_open(self, message: NotOpened) -> None:
        """What a user can put right is said on the start screen, or on the terminal, where it stays."""
        if any(isinstance(screen, StartScreen) for screen in self.screen_stack):
            await self.action_start()
            self.notify(str(message.error), severity="warning", markup=False)
        else:
            self.exit(message.error, return_code=message.error.exit_code)

    @on(RoundsWanted)
    def _open_rounds(self) -> None:
        if not isinstance(self.screen, RoundScreen):
            self.push_screen(RoundScreen(self.rounds))

    @on(ContestWanted)
    def _judge(self, wanted: ContestWanted) -> None:
        """What is judged is written where the game is, on the thread that has it."""
        from sandbox.tui.contest_rating import ContestController
        from sandbox.tui.screens.rate import RateScreen

        if self._open_contest is None:
            return
        contest = ContestController(
            partial(self._open_contest, wanted.sides),
            lambda job: self.play.controller.change("comparison", job, halting=False, keeps=True),
            annotator=self._settings.annotator,
        )
        self.push_screen(
            RateScreen(contest), lambda _: self.notify(f"Blind A/B: {contest.summary()}", markup=False)
        )

    @on(RoundNews)
    def _rounds(self, news: RoundNews) -> None:
        """A round goes on whatever screen is in front; its news reach all that show it."""
        if not self.playing:
            return
        ended = self.rounds.running and news.view is not None and news.view.over
        self.rounds.take(news)
        self.play.follow_round(self.rounds.view)
        if isinstance(self.screen, RoundScreen):
            self.screen.show(news)
        elif ended and (summary := brief(self.rounds.view)):
            self.notify(summary.plain[0].upper() + summary.plain[1:], markup=False)
        if news.swapped:
            self.play.adapter_changed()

    async def on_unmount(self) -> None:
        if self.playing:
            await self._get_up()

    async def _on_key(self, event: events.Key) -> None:
        """A prompt lets no text come as far as here: it was typed right after the key that led to the prompt."""
        prompt = self.focused
        if isinstance(prompt, Prompt) and (event.is_printable or event.key in ENTER):
            event.stop()
            event.prevent_default()
            prompt.post_message(events.Key(event.key, event.character))

    def copy_to_clipboard(self, text: str) -> None:
        """Through the terminal (OSC 52), which not all of them allow, and with the desktop's own tool."""
        super().copy_to_clipboard(text)
        self.run_worker(asyncio.to_thread(clipboard.copy, text))

    def get_key_display(self, binding: Binding) -> str:
        if binding.key == "escape":
            return "Esc"
        shown = super().get_key_display(binding)
        return shown.upper() if shown[:1] == "f" and shown[1:].isdigit() else shown
