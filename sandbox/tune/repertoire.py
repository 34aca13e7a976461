"""What did something before may do something again: commands to try at a state whose list is not known."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from itertools import chain, islice

from sandbox.tune.novelty import place_of
from sandbox.types import Observation

MOST = 150
"""Commands that are suggested for one state."""
_WORD = re.compile(r"[^\W\d_]+")


class Repertoire:
    """Commands that were listed, by the place where they were and by what they are about.

    Args:
        listed: the commands of each place.
        about: for each command the words of it that were read where it was listed.
    """

    def __init__(
        self, listed: Mapping[str, Sequence[str]] | None = None, about: Mapping[str, Sequence[str]] | None = None
    ) -> None:
        self._listed = {place: dict.fromkeys(commands) for place, commands in (listed or {}).items()}
        self._about = {command: frozenset(words) for command, words in (about or {}).items()}

    def add(self, seen: Observation, commands: Iterable[str]) -> None:
        """These commands do something at this state."""
        words, here = _words(seen), self._listed.setdefault(place_of(seen), {})
        for command in commands:
            here[command] = None
            self._about.setdefault(command, frozenset(command.lower().split()[1:]) & words)

    def suggest(self, seen: Observation) -> tuple[str, ...]:
        """What may do something here: commands of this place, then commands about what is here."""
        words = _words(seen)
        here = (each for each in self._listed.get(place_of(seen), {}) if self._about[each] <= words)
        things = (each for each, about in self._about.items() if about and about <= words)
        return tuple(islice(dict.fromkeys(chain(here, things)), MOST))

    def dump(self) -> tuple[dict[str, list[str]], dict[str, list[str]]]:
        """The two arguments that make it anew."""
        return (
            {place: list(commands) for place, commands in self._listed.items()},
            {command: sorted(words) for command, words in self._about.items()},
        )


def _words(seen: Observation) -> set[str]:
    return set(_WORD.findall(f"{seen.description}\n{seen.inventory}".lower()))
