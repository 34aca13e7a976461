"""A world in which seats remember and tell: another world, with a notebook for each seat.

A learner that goes by what it perceives here and now cannot use what it was told a minute ago. The notebook makes
that part of what it perceives: its points, and the last line about one of a few subjects that it saw or heard. A
line about such a subject can also be said aloud, for all to write down: so this is for worlds in which everybody
hears everybody.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from sandbox.abilities import Simultaneous
from sandbox.errors import SaveError
from sandbox.types import Observation, Step, World

_LONGEST = 120
"""Characters of a line worth writing down: prose is longer."""


@dataclass(frozen=True, slots=True)
class Noted:
    """A state of the world below, and the note of each seat."""

    state: Any
    notes: tuple[str, ...]


class NotedWorld:
    """A `World` like the one it is made of, with notebooks.

    Args:
        world: the world below.
        about: words; a line with one of them is written down, and can be told.
        saying: the command that says a line aloud.
    """

    def __init__(self, world: World[Any], about: Sequence[str] = (), saying: str = "say {line}") -> None:
        self.below = world
        self.name = world.name
        self.title = world.title
        self.seats = world.seats
        self.fingerprint = world.fingerprint
        self.verbs = world.verbs
        self.simultaneous = isinstance(world, Simultaneous) and world.simultaneous
        self._before, _, self._after = saying.partition("{line}")
        words = "|".join(re.escape(word) for word in about)
        self._about = re.compile(rf"\b(?:{words})\b", re.IGNORECASE) if about else None

    def initial(self, seed: int) -> Noted:
        return self._read(self.below.initial(seed), ("",) * len(self.seats))

    def to_move(self, state: Noted) -> str | None:
        return self.below.to_move(state.state)

    def observe(self, state: Noted, seat: str) -> Observation:
        seen = self.below.observe(state.state, seat)
        note = state.notes[self.seats.index(seat)]
        admissible = seen.admissible
        if admissible and not seen.done:
            told = [line for line in self._lines(seen.description) if line not in note or line == note]
            admissible = (*admissible, *(self._before + line + self._after for line in told))
        kept = (seen.description, f"Points: {seen.score:g}", note)
        return replace(seen, description="\n".join(part for part in kept if part), admissible=admissible)

    def step(self, state: Noted, seat: str, command: str) -> Step[Noted]:
        below = self.below.step(state.state, seat, command)
        return Step(
            state=self._read(below.state, state.notes, spoken=command),
            rewards=below.rewards,
            terminated=below.terminated,
            truncated=below.truncated,
        )

    def dump(self, state: Noted) -> bytes:
        below = base64.b64encode(self.below.dump(state.state)).decode()
        return json.dumps({"below": below, "notes": state.notes}, ensure_ascii=False).encode()

    def load(self, data: bytes) -> Noted:
        try:
            kept = json.loads(data)
            notes = tuple(str(note) for note in kept["notes"])
            below = base64.b64decode(kept["below"], validate=True)
        except (ValueError, TypeError, KeyError, RecursionError) as error:
            raise SaveError(f"this is no state of {self.name} with notes: {error}") from error
        if len(notes) != len(self.seats):
            raise SaveError(f"{self.name} has {len(self.seats)} seats, the state {len(notes)} notes")
        return Noted(self.below.load(below), notes)

    def close(self) -> None:
        self.below.close()

    def _read(self, state: Any, notes: tuple[str, ...], spoken: str = "") -> Noted:
        """Every seat writes down what it sees, and what is said: with the verb, so that the two differ."""
        if self._about is None:
            return Noted(state, notes)
        kept = list(notes)
        for number, seat in enumerate(self.seats):
            seen = self.below.observe(state, seat)
            for line in self._lines(seen.description):
                if line not in kept[number]:
                    kept[number] = line
            said = spoken.removeprefix(self._before).removesuffix(self._after)
            if said != spoken and self._lines(said):
                kept[number] = spoken
        return Noted(state, tuple(kept))

    def _lines(self, text: str) -> list[str]:
        """The lines about one of the subjects."""
        if self._about is None:
            return []
        return [line for line in text.splitlines() if len(line) <= _LONGEST and self._about.search(line)]
