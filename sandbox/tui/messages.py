"""What the screen of a game is told, and what it tells the application."""

from __future__ import annotations

from dataclasses import dataclass

from textual.message import Message

from sandbox.errors import SandboxError
from sandbox.session.driver import GameEvent
from sandbox.tui.worker import News


@dataclass
class GameNews(News):
    """An event of the game that is played."""

    event: GameEvent


class GameOpened(Message):
    """The game is open."""


@dataclass
class NotOpened(Message):
    """The game could not be opened."""

    error: SandboxError


class StartWanted(Message):
    """The player wants to leave this game for the start screen."""
