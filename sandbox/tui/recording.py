"""The screen as a terminal recording: while somebody plays, or of what was played."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from shutil import get_terminal_size
from time import monotonic
from typing import TYPE_CHECKING, Any

from rich.console import Console
from textual.driver import Driver
from textual.drivers.headless_driver import HeadlessDriver

from sandbox.config import Settings
from sandbox.errors import PlayError, UsageError
from sandbox.feedback import kinds
from sandbox.render.asciicast import Recording
from sandbox.session.controller import FASTEST
from sandbox.session.replay import RecordedPlay
from sandbox.store.feedback import Feedback
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.curtain import Curtain
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Title
from sandbox.tui.widgets.prompt import Prompt

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from sandbox.timeline import Turn

SIZE = (100, 30)
THEME = "textual-dark"
_KEY, _READ, _GLANCE = 0.06, 1.6, 0.7
"""Seconds of the recording: between keys, to read what a turn brought, to see what the agent wants."""
_STALE = 0.3
"""Seconds for which the screen may go on showing what no longer holds, so as not to flicker."""
_PATIENCE = 30.0
"""Seconds after which a screen that does not come is given up."""


@contextmanager
def cast_file(path: Path, size: tuple[int, int], title: str, began: float | None = None) -> Iterator[Recording]:
    """A recording in a file, complete when the block ends. Raises `UsageError` where it cannot be written."""
    try:
        stream = path.open("w", encoding="utf-8")
    except OSError as error:
        raise UsageError(f"cannot be written: {error.strerror}", where=path) from error
    with stream:
        cast = Recording(stream, size, title, began=began)
        try:
            yield cast
        finally:
            cast.close()


@contextmanager
def recorded(app: SandboxApp, path: Path) -> Iterator[None]:
    """Whatever the app writes to the terminal while the block runs also goes into a file."""
    size, began = get_terminal_size(), monotonic()
    with cast_file(path, size, app.title) as cast:
        app.driver_class = _recording(app.driver_class, cast, lambda: monotonic() - began, size)
        yield


def _recording(
    base: type[Driver], cast: Recording, clock: Callable[[], float], size: tuple[int, int]
) -> type[Driver]:
    class RecordingDriver(base):  # type: ignore[misc, valid-type]
        """Writes what the app writes into the recording too."""

        _seen = size

        def write(self, data: str) -> None:
            super().write(data)
            width, height = self._app.size
            if (width, height) != self._seen and width and height:
                self._seen = (width, height)
                cast.resize(clock(), (width, height))
            cast.write(clock(), data)

        @property
        def is_headless(self) -> bool:
            return False

    return RecordingDriver


# What was played.


def replay(
    recorded: RecordedPlay,
    said: tuple[Feedback, ...],
    path: Path,
    *,
    size: tuple[int, int] = SIZE,
    theme: str = THEME,
) -> None:
    """Play a recorded play on the real screen, with keys as a person presses them, and write the recording.

    The times are made up: typing and reading take as long as they take, waiting is left out.

    Args:
        recorded: what was played.
        said: feedback of the save; what is about the episode is given again, at its time.
        path: file of the recording.
        size: columns and rows.
        theme: name of a theme.
    """
    sitting = Sitting(lambda _say: recorded.session(), Title(recorded.run.title))
    app = SandboxApp(sitting, Settings(speed=FASTEST, theme=theme))
    app.console = Console(  # colours do not depend on the terminal that the recording is made from
        color_system="truecolor", file=app.console.file, force_terminal=True, legacy_windows=False, _environ={}
    )
    with cast_file(path, size, recorded.run.title, recorded.opening.created) as cast:
        player = _Player(app, recorded)
        app.driver_class = _recording(HeadlessDriver, cast, lambda: player.seconds, size)
        asyncio.run(player.play(said, size))


class _Player:
    """Presses the keys."""

    def __init__(self, app: SandboxApp, recorded: RecordedPlay) -> None:
        self.seconds = 0.0
        self._app = app
        self._recorded = recorded
        self._ids: dict[int, int] = {}
        """Turns of the recorded play -> turns of the session."""

    async def play(self, said: tuple[Feedback, ...], size: tuple[int, int]) -> None:
        async with self._app.run_test(headless=False, size=size) as pilot:
            await self._until(pilot, lambda: self._app.play.controller.view is not None)
            self._ids = {self._recorded.opening.id: self._here}
            await self._rest(pilot)
            for each in self._recorded.happened(said):
                await self._until(pilot, lambda: not isinstance(self._app.screen, Curtain))
                if isinstance(each, Feedback):
                    await self._say(pilot, each)
                else:
                    await self._act(pilot, each)
            self.seconds += _READ

    @property
    def _here(self) -> int:
        view = self._app.play.controller.view
        return 0 if view is None else view.current.id

    async def _act(self, pilot: Pilot[Any], turn: Turn) -> None:
        """Bring about a turn: from its parent, by the agent's key or a person's command."""
        self._recorded.next = turn
        game, parent = self._app.play.controller, self._ids[turn.parent or 0]
        if self._here != parent:
            await self._type(pilot, "undo" if self._above == parent else f"/jump {parent}")
            await self._until(pilot, lambda: self._here == parent)
            await self._rest(pilot)
        before = self._here
        by_agent = turn.chooser != "person" and turn.decision is not None
        if by_agent:
            await self._until(pilot, lambda: game.decision is not None or self._here != before)
            await self._pause(pilot, _GLANCE)
            if self._here == before and not (game.view and game.view.others_move and game.flowing):
                await pilot.press("f5")
        else:
            if turn.decision is not None:
                await self._until(pilot, lambda: game.decision is not None)
                await self._pause(pilot, _GLANCE)
            await self._type(pilot, turn.command)
        await self._until(pilot, lambda: self._here != before)
        self._ids[turn.id] = self._here
        await self._rest(pilot)

    @property
    def _above(self) -> int | None:
        view = self._app.play.controller.view
        return None if view is None else view.current.parent

    async def _say(self, pilot: Pilot[Any], record: Feedback) -> None:
        """Give a piece of feedback again, where it was given at the turn where the screen stands."""
        line = kinds.read(record).line(record)
        if line and self._ids.get(record.turn) == self._here:
            game = self._app.play.controller
            await self._type(pilot, line)
            await self._until(pilot, lambda: not game.pending)
            await self._rest(pilot)

    async def _type(self, pilot: Pilot[Any], line: str) -> None:
        prompt = self._app.play.query_one(Prompt)
        prompt.focus()
        for end in range(1, len(line) + 1):
            prompt.value, prompt.cursor_position = line[:end], end
            await self._pause(pilot, _KEY)
        await pilot.press("enter")

    async def _rest(self, pilot: Pilot[Any]) -> None:
        """Time to read what happened, with what the agent makes of it, or with nothing left of what it wanted."""
        end = monotonic() + _STALE
        await self._until(pilot, lambda: self._app.play.controller.decision is not None or monotonic() > end)
        await self._pause(pilot, _READ)

    async def _pause(self, pilot: Pilot[Any], seconds: float) -> None:
        """Let the screen come to rest, and time pass in the recording."""
        await pilot.pause()
        self.seconds += seconds

    async def _until(self, pilot: Pilot[Any], condition: Callable[[], object]) -> None:
        end = monotonic() + _PATIENCE
        while not condition():
            if monotonic() > end:
                turn = self._recorded.next.id if self._recorded.next else self._recorded.opening.id
                raise PlayError(f"turn {turn} could not be played again on the screen")
            if isinstance(self._app.screen, Curtain):
                await pilot.press("enter")
            await pilot.pause(0.01)
        await pilot.pause()
