"""A retraction: an earlier record that no longer stands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from sandbox.feedback.kind import Kind, TurnId
from sandbox.feedback.names import ContentNames
from sandbox.types import Decision

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback


class Retraction(Kind):
    """Takes back one's own record; it cannot be taken back itself."""

    feedback: TurnId
    """Id of the record that is taken back."""

    @property
    def takes_back(self) -> int:
        return self.feedback

    def text(self, record: Feedback, decision: Decision | None) -> str:
        return "taken back"

    def outward(self, record: Feedback, names: ContentNames) -> dict[str, Any]:
        return {"feedback": names.record(self.feedback)}

    @classmethod
    def inward(cls, data: Mapping[str, Any], turn: int, names: ContentNames) -> dict[str, Any]:
        return {**data, "feedback": names.record_id(data["feedback"])}
