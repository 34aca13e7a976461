"""The tables of keys and verbs in the manual, made from the tables that the screens are made from.

`python -m sandbox.tui.reference docs/playing.md` brings a page up to date.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from sandbox.manual import PagePart
from sandbox.session.commands import VERBS
from sandbox.tui import keys
from sandbox.tui.keys import Key
from sandbox.tui.tables import SCREENS

_NAMES = {
    "escape": "Esc",
    "enter": "Enter",
    "left": "←",
    "right": "→",
    "up": "↑",
    "down": "↓",
    "equals_sign": "=",
    "comma": ",",
    "full_stop": ".",
}
_OTHER_DIGITS = re.compile("(pick|choose)-[2-9]")


def markdown() -> str:
    """A table for each screen, and one of the verbs."""
    anywhere = [key for key in keys.KEYS if key.scope != "decide"]
    decide = [key for key in keys.KEYS if key.scope == "decide"]
    screens = (_table(f"The {name} screen", table) for name, table in SCREENS.items())
    return "\n".join(
        (_table("While playing", anywhere), _table("Single keys, after Esc", decide), _verbs(), *screens)
    )


def _table(title: str, table: Iterable[Key]) -> str:
    rows = (f"| {_shown(key)} | `{key.id}` | {key.help} |" for key in table if not _OTHER_DIGITS.fullmatch(key.id))
    return "\n".join((f"### {title}", "", "| key | name | what it does |", "| --- | --- | --- |", *rows, ""))


def _verbs() -> str:
    rows = (f"| `{verb.usage}` | {verb.help} |" for verb in VERBS)
    return "\n".join(("### Verbs", "", "| typed | what it does |", "| --- | --- |", *rows, ""))


def _shown(key: Key) -> str:
    if key.id in ("pick-1", "choose-1"):
        return "`1` to `9`"
    return ", ".join(f"`{_name(each)}`" for each in key.key.split(","))


def _name(key: str) -> str:
    """A key as a person says it: `ctrl+p` is Ctrl+P."""
    return key if len(key) == 1 else "+".join(_NAMES.get(part, part.capitalize()) for part in key.split("+"))


PART = PagePart("<!-- keys: begin, written by `make docs` -->", "<!-- keys: end -->", markdown)
updated = PART.updated

if __name__ == "__main__":
    PART.main()
