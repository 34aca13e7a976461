"""What people say about turns, as the store knows it: records of any kind, and their bounds.

Records are only ever added. Taking one back is a record too. What the `data` of a record may hold, what it is
worth and how it reads is known to its kind (`sandbox.feedback.kinds`), which is looked up by name; a record of a
kind that no installed package offers is kept as it is.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Annotated, Any, Final, Literal, Protocol, runtime_checkable

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sandbox import plugins
from sandbox.errors import PlayError
from sandbox.text import clean, clean_line

LIMIT: Final = 2.0
"""Values lie in [-LIMIT, LIMIT]; so does their sum over a turn."""
MAX_DATA: Final = 1 << 16
"""Longest data of a record as JSON, in characters."""

_Line = Annotated[str, AfterValidator(clean_line), Field(max_length=400)]
KindName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,15}$")]


@dataclass(frozen=True, slots=True, kw_only=True)
class Feedback:
    """One record of what a person said about a turn."""

    id: int
    """Unique in the save, ascending."""
    turn: int
    kind: str
    value: float | None = None
    """In [-2, 2]; of the kinds that have one."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What the kind needs beside, as JSON would have it."""
    reasons: tuple[str, ...] = ()
    """Tags, such as `loop` or `ignores goal`."""
    comment: str = ""
    annotator: str = "anonymous"
    """A pseudonym."""
    created: float = 0.0
    """Unix time, seconds."""
    latency: float | None = None
    """Seconds between the person seeing the turn and saying this, where known."""
    uid: str = ""
    """The same in every copy of the save, 32 hex digits; empty until the record is stored."""


@runtime_checkable
class RecordKind(Protocol):
    """What the store asks of a kind of feedback."""

    valued: bool
    """Whether its records have a value."""

    def checked(self, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data within its bounds. Raises pydantic's `ValidationError`."""


class _Record(BaseModel):
    """The bounds of every record, whoever wrote it."""

    model_config = ConfigDict(extra="forbid")

    id: Annotated[int, Field(ge=0)]
    turn: Annotated[int, Field(ge=1)]
    kind: KindName
    value: Annotated[float, Field(ge=-LIMIT, le=LIMIT, allow_inf_nan=False)] | None
    data: dict[str, Any]
    reasons: Annotated[tuple[_Line, ...], Field(max_length=20)]
    comment: Annotated[str, AfterValidator(clean), Field(max_length=10_000)]
    annotator: Annotated[str, AfterValidator(clean_line), Field(min_length=1, max_length=64)]
    created: Annotated[float, Field(allow_inf_nan=False)]
    latency: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None
    uid: Annotated[str, Field(pattern=r"^([0-9a-f]{32})?$")] = ""


def checked(**fields: Any) -> Feedback:
    """A record within its bounds, its text clean. Raises `PlayError` naming what is out of them."""
    try:
        record = _Record.model_validate(fields)
        kind = _kind(record.kind)
        data = record.data if kind is None else kind.checked(record.data)
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"]) or "data"
        raise PlayError(f"feedback: {place}: {first['msg']}") from error
    if kind is None and len(json.dumps(data)) > MAX_DATA:
        raise PlayError(f"feedback: data: more than {MAX_DATA} characters")
    if kind is not None and (record.value is None) == kind.valued:
        raise PlayError(f"feedback: a {record.kind} has {'a' if kind.valued else 'no'} value")
    return Feedback(**{**dict(record), "data": data})


def _kind(name: str) -> RecordKind | None:
    """The kind of this name; None where no installed package offers it, or its package is broken."""
    plugin = plugins.find("feedback", name)
    if plugin is None or plugin.problem(RecordKind):
        return None
    kind: RecordKind = plugin.load()
    return kind


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
