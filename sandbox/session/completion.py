"""What could be typed here, given how it begins. Pure functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from sandbox.session.commands import BARE, VERBS

if TYPE_CHECKING:
    from sandbox.session.view import View
    from sandbox.types import Decision

_WORD = re.compile(r"\w[\w'-]{2,}")


def candidates(view: View | None, decision: Decision | None, typed: str) -> Sequence[str]:
    """Verbs of the screen after a slash; else what the world accepts, or words in sight where it cannot say."""
    if typed.startswith("/"):
        return [f"/{verb.name}" for verb in VERBS if not verb.prefix]
    if view is None:
        return ()
    proposed = [proposal.command for proposal in decision.proposals] if decision else []
    known = view.observation.admissible
    if known is not None:
        return _once((*known, *proposed, *sorted(BARE)))
    before, space, _ = typed.rpartition(" ")
    return _once((*proposed, *(f"{before}{space}{word}" for word in words_in_sight(view, first=not before))))


def words_in_sight(view: View, *, first: bool) -> list[str]:
    """Verbs of the world as a command's first word; after that the words that the seat has before its eyes."""
    if first:
        return list(view.verbs)
    observation = view.observation
    return _once(
        _WORD.findall(" ".join((observation.text, observation.description, observation.inventory)).lower())
    )


def matches(typed: str, options: Sequence[str]) -> list[str]:
    """Options that begin with what is typed, then those with a word that does."""
    low = typed.strip().casefold()
    starting = [option for option in options if option.casefold().startswith(low)]
    inside = [
        option
        for option in options
        if option not in starting and any(word.startswith(low) for word in option.casefold().split())
    ]
    return starting + inside


def _once(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
