"""A rating: a reward or a punishment for one turn."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar

from sandbox.feedback.kind import Kind, words
from sandbox.text import gain, speaker
from sandbox.types import Decision

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback


class Rating(Kind):
    """Worth its value, to the turn it is about."""

    valued: ClassVar[bool] = True

    def rewards(self, record: Feedback) -> Mapping[int, float]:
        return {record.turn: record.value or 0.0}

    def text(self, record: Feedback, decision: Decision | None) -> str:
        return f"{gain(record.value or 0.0)} from {speaker(record.annotator)}"

    def line(self, record: Feedback) -> str:
        return f"/reward {record.value or 0:+g} {words(record)}".rstrip()
