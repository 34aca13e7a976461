"""All that was said in a save, and what of it stands."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

from sandbox.feedback import kinds
from sandbox.feedback.kind import Judgement, Kind
from sandbox.store.feedback import LIMIT, Feedback
from sandbox.timeline import Timeline


class FeedbackBook:
    """All records of a save, found by the turn they stand at and by the turns they speak of."""

    def __init__(self, records: Iterable[Feedback] = ()) -> None:
        self._records: dict[int, Feedback] = {}
        self._kinds: dict[int, Kind] = {}
        self._at: dict[int, list[Feedback]] = {}
        self._about: dict[int, list[Feedback]] = {}
        self._gone: dict[int, int] = {}
        """Record -> the retraction that took it back."""
        for record in records:
            self.add(record)

    def add(self, record: Feedback) -> None:
        kind = kinds.read(record)
        self._records[record.id], self._kinds[record.id] = record, kind
        if kind.takes_back is not None:
            taken = self._records.get(kind.takes_back)
            if taken is not None and taken.annotator == record.annotator:
                self._gone.setdefault(taken.id, record.id)
            return
        self._at.setdefault(record.turn, []).append(record)
        for turn in kind.rewards(record):
            self._about.setdefault(turn, []).append(record)

    def forget(self, record: Feedback) -> None:
        """Take back an `add` that could not be saved."""
        del self._records[record.id]
        kind = self._kinds.pop(record.id)
        if kind.takes_back is not None:
            if self._gone.get(kind.takes_back) == record.id:
                del self._gone[kind.takes_back]
            return
        self._at[record.turn].remove(record)
        for turn in kind.rewards(record):
            self._about[turn].remove(record)

    def get(self, feedback_id: int) -> Feedback | None:
        """A record that has not been taken back, other than a retraction."""
        return self._records[feedback_id] if feedback_id in self._records and self._stands(feedback_id) else None

    def at(self, turn: int) -> tuple[Feedback, ...]:
        """What stands of what was said at a turn, oldest first."""
        return tuple(record for record in self._at.get(turn, ()) if self._stands(record.id))

    def about(self, turn: int) -> tuple[Feedback, ...]:
        """What stands of what was said about a turn, wherever it was said; oldest first."""
        return tuple(record for record in self._about.get(turn, ()) if self._stands(record.id))

    def standing(self) -> tuple[Feedback, ...]:
        """All records that have not been taken back, oldest first; no retractions."""
        return tuple(record for record in self._records.values() if self._stands(record.id))

    def kind(self, record: Feedback) -> Kind:
        """A record's data as its kind has it."""
        return self._kinds[record.id]

    def value(self, turn: int, annotator: str | None = None) -> float:
        """What all feedback comes to for a turn, or that of one person, as a reward in [-2, 2]."""
        said = (each for each in self.about(turn) if annotator in (None, each.annotator))
        total = math.fsum(self._kinds[record.id].rewards(record)[turn] for record in said)
        return max(-LIMIT, min(LIMIT, total))

    def judgements(self, record: Feedback, timeline: Timeline) -> Iterator[Judgement]:
        """What a record says about commands."""
        return self._kinds[record.id].judgements(record, timeline)

    def _stands(self, feedback_id: int) -> bool:
        return feedback_id not in self._gone and self._kinds[feedback_id].takes_back is None
