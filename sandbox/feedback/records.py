"""Feedback as raw records that hold outside of their save, so that merging twice adds nothing.

A turn is named by its content, see `ContentNames`. A record keeps the name that it was stored under wherever it
goes; two that say all the same are one, whatever they are called.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.errors import PlayError, SaveError
from sandbox.feedback import kinds
from sandbox.feedback.dataset import Material
from sandbox.feedback.names import ContentNames, name_of
from sandbox.store import Store
from sandbox.store.feedback import Feedback, KindName, checked

MAX_LINE = 4 << 20
"""Longest line of a file of records, in bytes."""
_Name = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class RawRecord(BaseModel):
    """One line of a file of raw records. Whatever else stands in it is there to be read, and ignored on import."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["feedback"] = "feedback"
    id: _Name
    turn: _Name
    kind: KindName
    value: float | None = None
    data: dict[str, Any] = {}
    reasons: tuple[str, ...] = ()
    comment: str = ""
    annotator: str
    created: float
    latency: float | None = None


def records(material: Material) -> Iterator[dict[str, Any]]:
    """All feedback of a save as raw records, retractions included, each with the situation it speaks of."""
    timeline, names = material.timeline, ContentNames(material.world, material.timeline)
    for record, name, data in named(names, material.feedback):
        turn = timeline.get(record.turn)
        decision = turn.decision
        yield {
            "type": "feedback",
            "id": name,
            "turn": names.of(record.turn),
            "kind": record.kind,
            "value": record.value,
            "data": data,
            "reasons": list(record.reasons),
            "comment": record.comment,
            "annotator": record.annotator,
            "created": record.created,
            "latency": record.latency,
            "save": material.name,
            "world": material.world,
            "fingerprint": material.run.fingerprint,
            "seat": turn.seat,
            "command": turn.command,
            "chooser": turn.chooser,
            "wanted": turn.wanted,
            "agent": turn.agent,
            "model": "" if decision is None else decision.model,
            "prompt": "" if decision is None else decision.prompt,
            "proposals": [] if decision is None else [each.command for each in decision.proposals],
        }


def named(names: ContentNames, feedback: Iterable[Feedback]) -> Iterator[tuple[Feedback, str, dict[str, Any]]]:
    """Records, oldest first, each with its name and with its data as other saves have it."""
    for record in feedback:
        data = kinds.read(record).outward(record, names)
        names.note(record, record.uid)
        yield record, record.uid, data


def _content(turn: str, record: Feedback | RawRecord, data: Mapping[str, Any]) -> str:
    """A name for all that a record says."""
    about = (turn, record.kind, record.value, data, record.reasons, record.comment)
    return name_of(*about, record.annotator, record.created)


def merge(store: Store, incoming: Iterable[RawRecord]) -> Counter[str]:
    """Add records to a save, all or none. Returns how many were `added`, `known` before, or `elsewhere`.

    Elsewhere are those about a turn or a proposal that the save does not have. Agents do not learn from what is
    merged; data sets, statistics and rounds do. Raises `SaveError` where a record is out of its bounds.
    """
    names = ContentNames(store.latest_run().world, store.timeline())
    counts: Counter[str] = Counter(added=0, known=0, elsewhere=0)
    with store.transaction(durable=True):
        known: dict[str, int] = {}
        for record, name, data in named(names, store.feedback()):
            known |= {name: record.id, _content(names.of(record.turn), record, data): record.id}
        for each in incoming:
            content = _content(each.turn, each, each.data)
            there = known.get(each.id) or known.get(content)
            if there is not None:
                names.alias(each.id, there)
                counts["known"] += 1
                continue
            try:
                turn = names.turn(each.turn)
                data = kinds.find(each.kind).inward(each.data, turn, names)
            except KeyError:
                counts["elsewhere"] += 1
                continue
            except (TypeError, AttributeError) as error:
                raise SaveError(f"record {each.id} is damaged") from error
            added = store.add_feedback(_checked(each, turn, data))
            names.note(added, added.uid)
            known |= {added.uid: added.id, content: added.id}
            counts["added"] += 1
    return counts


def _checked(record: RawRecord, turn: int, data: dict[str, Any]) -> Feedback:
    fields = {name: getattr(record, name) for name in ("kind", "value", "reasons", "comment", "annotator")}
    try:
        return checked(
            id=0, turn=turn, data=data, created=record.created, latency=record.latency, uid=record.id, **fields
        )
    except PlayError as error:
        raise SaveError(f"record {record.id}: {error.message}") from error


def read(file: Path) -> Iterator[RawRecord]:
    """The records in a file of JSON lines. Raises `SaveError` naming the line that is none."""
    number = 0
    try:
        with file.open("rb") as lines:
            for line in iter(lambda: lines.readline(MAX_LINE), b""):
                number += 1
                if line.strip():
                    yield RawRecord.model_validate_json(line)
    except OSError as error:
        raise SaveError(f"cannot be read: {error.strerror}", where=file) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"no raw record: {place + ': ' if place else ''}{first['msg']}"
        raise SaveError(message, where=file, line=number, hint="use `--format raw` to export them") from error
