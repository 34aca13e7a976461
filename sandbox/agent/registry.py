"""The one door for cards: an agent by the name of its card (`lm-q`, `agents/lm-q`), or by the path of the file."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, replace
from pathlib import Path, PurePath

from sandbox.agent import cards
from sandbox.agent.cards import Card
from sandbox.errors import CardError
from sandbox.llm.permission import Permission
from sandbox.paths import Home, bundled

_SUFFIXES = (".yaml", ".yml")


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card, the text it was read from, and where."""

    card: Card
    text: str
    folder: Path | None = None
    """What relative paths of models start from."""
    own: bool = False
    """Whether it is the user's own, or bundled: not out of a save, nor out of somebody else's folder."""

    @classmethod
    def find(cls, home: Home, reference: str) -> CardFile:
        """A card by name or path. Raises `CardError` with the near miss."""
        return cls.read(home, card_file(home, reference))

    @classmethod
    def read(cls, home: Home, path: Path) -> CardFile:
        """The card in a file. Raises `CardError`."""
        card, text = cards.read_card(path)
        return cls(card, text, path.parent, _is_own(home, path))

    @classmethod
    def stored(cls, home: Home, name: str, text: str) -> CardFile:
        """A card as a save has it, whatever became of the file. Raises `CardError`.

        It counts as the user's own where theirs of that name asks the same server.
        """
        card, path = cards.parse_card(text, name, stored=True), home.card_file(name)
        own = path is not None and _is_own(home, path) and _asks_alike(card, path)
        return cls(card, text, path.parent if path else None, own)

    def with_model(self, reference: str) -> CardFile:
        """The card with another local language model, and without the adapter made for its own.

        Raises `CardError` where the card has no local model that could be replaced.
        """
        if self.card.model is None or self.card.remote is not None:
            lacks = "its model is on a server" if self.card.remote is not None else "it has no language model"
            raise CardError(f"agent {self.card.name!r} cannot take a model: {lacks}", hint="name another --agent")
        if (path := Path(reference).expanduser()).exists():
            # A card's own paths start from its folder, a person's from where the person is.
            reference = str(path.resolve())
        text = re.sub(r"^adapter:.*\n", "", self.text, flags=re.MULTILINE)
        line = f"model: {json.dumps(reference, ensure_ascii=False)}"
        text = re.sub(r"^model:.*$", lambda _: line, text, flags=re.MULTILINE)
        card = cards.parse_card(text, self.card.name)
        if card.model != reference or card.adapter is not None:
            raise CardError(
                f"the card of {self.card.name!r} writes its model in a way that cannot be replaced",
                hint="write `model: NAME` on a line of its own",
            )
        return replace(self, card=card, text=text)

    def check(self, permission: Permission) -> None:
        """Raises `HostError` where the card names a server that it may not ask."""
        if self.card.remote is not None:
            permission.check(self.card.remote.base_url, own=self.own)


def _is_own(home: Home, path: Path) -> bool:
    return path.parent.resolve() in (home.folder("agents").resolve(), (bundled() / "agents").resolve())


def _asks_alike(card: Card, path: Path) -> bool:
    try:
        theirs = cards.load_card(path)
    except CardError:
        return False
    return (theirs.remote, theirs.model) == (card.remote, card.model)


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
