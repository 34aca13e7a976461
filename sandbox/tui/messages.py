"""What the screen of a game is told, and what it tells the application."""

from __future__ import annotations

from textual.message import Message

from sandbox.session.driver import GameEvent
from sandbox.tui.worker import News


class GameNews(News):
    """An event of the game that is played."""

    def __init__(self, event: GameEvent) -> None:
        super().__init__()
        self.event = event


class NotOpened(Message):
    """The game could not be opened."""

    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.error = error


class StartWanted(Message):
    """The player wants to leave this game for the start screen."""
