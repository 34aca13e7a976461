"""What an agent writes down at the end of an episode, to read it in the next: a few lines about what mattered."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sandbox.agent.recall import title_of
from sandbox.errors import SaveError
from sandbox.text import clean_line
from sandbox.types import Transition

LONGEST = 160
"""Characters of a note."""
_RECORD = "notes"
_TELLING = ("unlock", "open", "take", "read", "pull", "push", "turn", "give", "put", "insert", "say")
"""Verbs whose success is worth a line."""


@dataclass(frozen=True, slots=True)
class _Event:
    weight: float
    text: str


class Notebook:
    """The notes of one agent, newest last, and what of the present episode may become one.

    Args:
        most: how many notes are kept; 0 keeps none.
    """

    def __init__(self, most: int) -> None:
        self.most = most
        self._notes: list[str] = []
        self._events: list[_Event] = []
        self._changed = False

    @property
    def notes(self) -> tuple[str, ...]:
        return tuple(self._notes)

    def see(self, transition: Transition) -> None:
        """Take in a step of the episode."""
        if self.most and (event := _event(transition)) is not None:
            self._events.append(event)

    def end_episode(self) -> None:
        """Write down what mattered most: what won or killed, what was rewarded, what opened. The newest stay."""
        best = sorted(self._events, key=lambda event: -event.weight)[: self.most]
        fresh = [event.text for event in self._events if event in best]
        self.write(dict.fromkeys((*(note for note in self._notes if note not in fresh), *fresh)))
        self._events.clear()

    def write(self, notes: Iterable[str]) -> None:
        """Replace all notes, as a person does who edits or forgets some. Only the newest `most` are kept."""
        kept = [clean_line(note, LONGEST) for note in notes]
        kept = [note for note in kept if note][-self.most :] if self.most else []
        self._changed |= kept != self._notes
        self._notes = kept

    def dump(self) -> dict[str, bytes]:
        return {_RECORD: json.dumps(self._notes, ensure_ascii=False).encode()} if self.most else {}

    def changes(self) -> dict[str, bytes]:
        changed, self._changed = self._changed, False
        return self.dump() if changed else {}

    def load(self, records: Mapping[str, bytes]) -> None:
        """Raises `SaveError`."""
        try:
            found: Sequence[object] = json.loads(records.get(_RECORD, b"[]"))
            self._notes = [clean_line(str(note), LONGEST) for note in found][-self.most :] if self.most else []
        except (ValueError, TypeError, RecursionError) as error:
            raise SaveError(f"the notes of an agent cannot be read: {error}") from error
        self._events.clear()
        self._changed = False


def _event(transition: Transition) -> _Event | None:
    """What a step is worth a note for, and how much."""
    before, after, command = transition.observation, transition.next_observation, transition.command
    where = title_of(before.description) or title_of(before.text)
    place = f" in the {where.lower()}" if where else ""
    first = next((line.strip() for line in after.text.split("\n") if line.strip()), "")
    if transition.terminated and after.won:
        return _Event(10.0, f"{command}{place} won.")
    if transition.terminated:
        return _Event(9.0, f"Do not {command}{place}: {first}")
    if transition.reward > 0:
        return _Event(5.0 + transition.reward, f"{command}{place} was rewarded.")
    if transition.reward < 0:
        return _Event(5.0 - transition.reward, f"{command}{place} was punished: {first}")
    if command.startswith(_TELLING) and after.state_key != before.state_key:
        return _Event(1.0, f"{command}{place}: {first}")
    return None
