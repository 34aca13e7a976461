"""What people say about turns: values, their validation, and what they come to as a reward.

Records are only ever added. Taking one back is a record too.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sandbox.errors import PlayError
from sandbox.text import clean, clean_line

Kind = Literal["rating", "preference", "comparison", "correction", "comment", "credit", "retract"]

LIMIT: Final = 2.0
"""Ratings lie in [-LIMIT, LIMIT]; so does their sum over a turn."""
REACH: Final = 5
"""How many of a seat's own turns back credit may go."""
DECAY: Final = 0.5
"""How much less each turn further back gets."""

_Line = Annotated[str, AfterValidator(clean_line), Field(max_length=400)]
_TurnId = Annotated[int, Field(ge=1)]


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class NoData(_Data):
    """Ratings and comments: value and comment say it all."""


class Preference(_Data):
    """One of two is better, both are equally good, or neither is any good."""

    between: Literal["turns", "proposals"]
    """Turns: ids of siblings. Proposals: indices into the turn's decision."""
    better: Annotated[int, Field(ge=0)]
    worse: Annotated[int, Field(ge=0)]
    verdict: Literal["better", "tie", "bad"] = "better"


class Answer(_Data):
    """What one agent wanted in a state that it was asked about."""

    agent: _Line
    model: _Line = ""
    """Language model and adapter."""
    command: Annotated[_Line, Field(min_length=1)]
    decision: Annotated[int, Field(ge=1)] | None = None
    """The decision in this save; None where the record was merged from another that has it."""


class Comparison(_Data):
    """Of what two agents wanted in the same state one is better, both are equally good, or neither is any good."""

    seat: _Line
    better: Answer
    worse: Answer
    verdict: Literal["better", "tie", "bad"] = "better"
    first: Literal["better", "worse"]
    """Which of the two was shown first."""


class Correction(_Data):
    """The command that should have been given."""

    command: Annotated[_Line, Field(min_length=1)]


class Credit(_Data):
    """How a value is shared among earlier turns: turn id -> share, in [0, 1]."""

    shares: Annotated[
        dict[_TurnId, Annotated[float, Field(ge=0, le=1)]], Field(min_length=1, max_length=REACH + 1)
    ]


class Retract(_Data):
    """The record that is taken back."""

    feedback: _TurnId


_DATA: Mapping[str, type[_Data]] = {
    "rating": NoData,
    "comment": NoData,
    "preference": Preference,
    "comparison": Comparison,
    "correction": Correction,
    "credit": Credit,
    "retract": Retract,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One record of what a person said about a turn."""

    id: int
    """Unique in the save, ascending."""
    turn: int
    kind: Kind
    value: float | None = None
    """In [-2, 2]; of ratings and credit only."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What the kind needs beside, as JSON would have it: the fields of `Preference`, `Comparison`, `Correction`,
    `Credit` or `Retract`."""
    reasons: tuple[str, ...] = ()
    """Tags, such as `loop` or `ignores goal`."""
    comment: str = ""
    annotator: str = "anonymous"
    """A pseudonym."""
    created: float = 0.0
    """Unix time, seconds."""
    latency: float | None = None
    """Seconds between the person seeing the turn and saying this, where known."""


class _Record(BaseModel):
    """The bounds of every record, whoever wrote it."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[int, Field(ge=0)]
    turn: _TurnId
    kind: Kind
    value: Annotated[float, Field(ge=-LIMIT, le=LIMIT, allow_inf_nan=False)] | None
    data: dict[str, Any]
    reasons: Annotated[tuple[_Line, ...], Field(max_length=20)]
    comment: Annotated[str, AfterValidator(clean), Field(max_length=10_000)]
    annotator: Annotated[str, AfterValidator(clean_line), Field(min_length=1, max_length=64)]
    created: Annotated[float, Field(allow_inf_nan=False)]
    latency: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None


def checked(**fields: Any) -> Feedback:
    """A record within its bounds, its text clean. Raises `PlayError` naming what is out of them."""
    try:
        record = _Record.model_validate(fields)
        data = _DATA[record.kind].model_validate(record.data).model_dump(mode="json")
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "data"
        raise PlayError(f"feedback: {place}: {first['msg']}") from error
    if (record.value is None) == (record.kind in ("rating", "credit")):
        raise PlayError(f"feedback: a {record.kind} has {'no' if record.value is not None else 'a'} value")
    return Feedback(**{**dict(record), "data": data})


def shares(record: Feedback) -> dict[int, float]:
    """What one record comes to for each turn it speaks of, as a reward.

    A rating is worth its value. A preference between siblings is a point for one and a point against the other;
    a correction is a point against what was done. Comments, and what is said of things not done, are worth none.
    """
    if record.kind == "rating":
        return {record.turn: record.value or 0.0}
    if record.kind == "credit":
        return {int(turn): share * (record.value or 0.0) for turn, share in record.data["shares"].items()}
    if record.kind == "preference" and record.data["between"] == "turns":
        better, worse = record.data["better"], record.data["worse"]
        points = {"better": (1.0, -1.0), "tie": (0.0, 0.0), "bad": (-1.0, -1.0)}[record.data["verdict"]]
        return {better: points[0], worse: points[1]}
    if record.kind == "correction":
        return {record.turn: -1.0}
    return {}


MarkKind = Literal["bookmark", "blessed"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Mark:
    """A name on a turn, or the statement that the branch ending there is the expected one."""

    turn: int
    kind: MarkKind
    name: str
    """Unique among the marks of a kind."""
    annotator: str = "anonymous"
    created: float = 0.0


class FeedbackBook:
    """All records of a save, found by the turn they stand at and by the turns they speak of."""

    def __init__(self, records: Iterable[Feedback] = ()) -> None:
        self._records: dict[int, Feedback] = {}
        self._at: dict[int, list[Feedback]] = {}
        self._about: dict[int, list[Feedback]] = {}
        self._gone: set[int] = set()
        for record in records:
            self.add(record)

    def add(self, record: Feedback) -> None:
        self._records[record.id] = record
        if record.kind == "retract":
            self._gone.add(record.data["feedback"])
            return
        self._at.setdefault(record.turn, []).append(record)
        for turn in shares(record):
            self._about.setdefault(turn, []).append(record)

    def forget(self, record: Feedback) -> None:
        """Take back an `add` that could not be saved."""
        del self._records[record.id]
        if record.kind == "retract":
            self._gone.discard(record.data["feedback"])
            return
        self._at[record.turn].remove(record)
        for turn in shares(record):
            self._about[turn].remove(record)

    def get(self, feedback_id: int) -> Feedback | None:
        """A record that has not been taken back, other than a retraction."""
        record = self._records.get(feedback_id)
        return None if record is None or record.kind == "retract" or feedback_id in self._gone else record

    def at(self, turn: int) -> tuple[Feedback, ...]:
        """What stands of what was said at a turn, oldest first."""
        return tuple(record for record in self._at.get(turn, ()) if record.id not in self._gone)

    def about(self, turn: int) -> tuple[Feedback, ...]:
        """What stands of what was said about a turn, wherever it was said; oldest first."""
        return tuple(record for record in self._about.get(turn, ()) if record.id not in self._gone)

    def standing(self) -> tuple[Feedback, ...]:
        """All records that have not been taken back, oldest first; no retractions."""
        return tuple(
            record for record in self._records.values() if record.kind != "retract" and record.id not in self._gone
        )

    def value(self, turn: int) -> float:
        """What all feedback comes to for a turn, as a reward in [-2, 2]."""
        total = math.fsum(shares(record)[turn] for record in self.about(turn))
        return max(-LIMIT, min(LIMIT, total))
