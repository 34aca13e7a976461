"""Turns and records named by content, so that they are the same in every copy of a save.

A turn is named by how it was reached: the world, the seed and the commands. So the turns of a fork are those of
the original, and of anyone who played the same.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

from sandbox.timeline import Timeline

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback


class ContentNames:
    """The turns of a save by content, and back; and the records that were named or stored so far."""

    def __init__(self, world: str, timeline: Timeline) -> None:
        self.timeline = timeline
        self._names: dict[int, str] = {}
        self._turns: dict[str, int] = {}
        self._records: dict[int, str] = {}
        self._ids: dict[str, int] = {}
        for node in timeline.nodes():  # parents come first
            above = name_of("world", world, node.seed) if node.parent is None else self._names[node.parent]
            name = name_of(above, node.seat, node.command)
            self._names[node.id] = name
            self._turns.setdefault(name, node.id)

    def of(self, turn: int) -> str:
        return self._names[turn]

    def turn(self, name: str) -> int:
        """The oldest turn of this content. Raises `KeyError` where the save has none."""
        return self._turns[name]

    def commands(self, turn: int) -> list[str]:
        """The commands that an agent weighed at a turn."""
        decision = self.timeline.get(turn).decision
        return [] if decision is None else [proposal.command for proposal in decision.proposals]

    def note(self, record: Feedback, name: str) -> None:
        """A record goes by this name from now on."""
        self._records[record.id] = name
        self.alias(name, record.id)

    def alias(self, name: str, feedback_id: int) -> None:
        """A record that was noted goes by this name too."""
        self._ids[name] = feedback_id

    def record(self, feedback_id: int) -> str:
        """The name of a record that was noted; empty where it was not."""
        return self._records.get(feedback_id, "")

    def record_id(self, name: str) -> int:
        """The record of this name. Raises `KeyError` where none was noted."""
        return self._ids[name]


def name_of(*parts: Any) -> str:
    """32 hex digits that say the same of the same parts, whatever the machine."""
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
