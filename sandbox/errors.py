"""One tree of errors. Each says what is wrong, where, and how to mend it; none reaches a user as a traceback."""

from __future__ import annotations

from pathlib import Path


class SandboxError(Exception):
    """Base of everything this package raises on purpose.

    Args:
        message: what is wrong, one line, no full stop needed.
        where: the file it is about, if any.
        line: the line in that file, counted from 1.
        mend: what the user can do about it, one line.
    """

    exit_code = 2

    def __init__(
        self, message: str, *, where: Path | str | None = None, line: int | None = None, mend: str = ""
    ) -> None:
        self.message = message
        self.where = None if where is None else str(where)
        self.line = line
        self.mend = mend
        super().__init__(message)

    def __str__(self) -> str:
        place = "" if self.where is None else f"{self.where}:{self.line}: " if self.line else f"{self.where}: "
        return f"{place}{self.message}" + (f" ({self.mend})" if self.mend else "")


class UsageError(SandboxError):
    """The command line asks for something that does not exist or does not go together."""


class SettingsError(SandboxError):
    """The settings file, or a setting in the environment, cannot be used."""


class WorldError(SandboxError):
    """A world cannot be found, built or loaded."""


class CardError(SandboxError):
    """An agent's card cannot be used."""


class ModelError(SandboxError):
    """A language model cannot be found, fetched or loaded."""


class SaveError(SandboxError):
    """A save is missing, damaged, in use, or from another version."""
