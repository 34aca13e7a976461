"""The one door for cards: an agent by the name of its card (`lm-q`, `agents/lm-q`), or by the path of the file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path, PurePath

from sandbox.agent import cards
from sandbox.agent.cards import Card
from sandbox.errors import CardError
from sandbox.paths import Home

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card, the text it was read from, and where."""

    card: Card
    text: str
    folder: Path | None = None
    """What relative paths of models start from."""

    @classmethod
    def find(cls, home: Home, reference: str) -> CardFile:
        """A card by name or path. Raises `CardError` with the near miss."""
        path = card_file(home, reference)
        return cls(cards.load_card(path), path.read_text(encoding="utf-8"), path.parent)

    @classmethod
    def stored(cls, home: Home, name: str, text: str) -> CardFile:
        """A card as a save has it, whatever became of the file. Raises `CardError`."""
        path = home.card_file(name)
        return cls(cards.parse_card(text, name), text, path.parent if path else None)


def card_file(home: Home, reference: str) -> Path:
    """The file of a card; opens nothing. Raises `CardError` with the near miss."""
    text = reference.strip()
    try:
        path = Path(text).expanduser()
    except RuntimeError as error:
        raise CardError("no such user", where=text, hint="write the path in full") from error
    if path.suffix in _SUFFIXES and path.is_file():
        return path
    match PurePath(text).parts:
        case ("agents", file):
            name = PurePath(file).stem if PurePath(file).suffix in _SUFFIXES else file
        case _:
            name = text
    found = home.card_file(name)
    if found is not None:
        return found
    if PurePath(name).suffix in _SUFFIXES:
        raise CardError("no such card", where=text, hint=home.way_out("agents", PurePath(name).stem))
    raise CardError(f"there is no agent {name!r}", hint=home.way_out("agents", name))
