"""Credit: a reward or a punishment that the turns before share in (after TAMER, Knox & Stone 2009)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final

from pydantic import Field

from sandbox.feedback.kind import Kind, TurnId, words
from sandbox.feedback.names import ContentNames
from sandbox.text import counted, gain, speaker
from sandbox.types import Decision

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback

REACH: Final = 5
"""How many of a seat's own turns back credit may go."""
DECAY: Final = 0.5
"""How much less each turn further back gets."""

Share = Annotated[float, Field(ge=0, le=1)]


class Credit(Kind):
    """Worth its value, to each turn in its share."""

    valued: ClassVar[bool] = True

    shares: Annotated[dict[TurnId, Share], Field(min_length=1, max_length=REACH + 1)]
    """Turn -> share."""

    def rewards(self, record: Feedback) -> Mapping[int, float]:
        return {turn: share * (record.value or 0.0) for turn, share in self.shares.items()}

    def text(self, record: Feedback, decision: Decision | None) -> str:
        earlier = len(self.shares) - 1
        back = f", in part for {counted(earlier, 'turn')} before" if earlier else ""
        return f"{gain(record.value or 0.0)} from {speaker(record.annotator)}{back}"

    def line(self, record: Feedback) -> str:
        return f"/credit {record.value or 0:+g} {words(record)}".rstrip()

    def outward(self, record: Feedback, names: ContentNames) -> dict[str, Any]:
        return {"shares": {names.of(turn): share for turn, share in self.shares.items()}}

    @classmethod
    def inward(cls, data: Mapping[str, Any], turn: int, names: ContentNames) -> dict[str, Any]:
        return {**data, "shares": {str(names.turn(name)): share for name, share in data["shares"].items()}}


def shares(turns: list[int], back: int = REACH) -> dict[str, float]:
    """How much each turn gets, newest first: all, half, a quarter..."""
    return {str(turn): DECAY**steps for steps, turn in enumerate(turns[: min(back, REACH) + 1])}
