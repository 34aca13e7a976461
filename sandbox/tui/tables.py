"""All keys of all screens."""

from __future__ import annotations

from sandbox.tui import keys
from sandbox.tui.author import keys as author
from sandbox.tui.screens.explore import KEYS as EXPLORE
from sandbox.tui.screens.rate import KEYS as RATE
from sandbox.tui.screens.round import KEYS as ROUND
from sandbox.tui.screens.start import KEYS as START

SCREENS = {"start": START, "author's": author.KEYS, "round": ROUND, "rating": RATE, "exploring": EXPLORE}
"""The keys of each screen beside the game's own."""
ALL = (*keys.KEYS, *(key for table in SCREENS.values() for key in table))
