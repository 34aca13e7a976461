"""Games that others join: a seat of a running game played from another screen, people who watch, and their chat.

The game stays where it was opened (`host`); whoever joins (`guest`) sends lines for a seat, and is told what that
seat perceives, over a socket of this machine or a web socket of `sandbox serve`.
"""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Invitation:
    """To whom a game is open."""

    home: Path
    """The folder it is of: `sandbox serve` shows the games of its own home."""
    watchers: bool = True
    """Whether people may watch what its screen shows."""
