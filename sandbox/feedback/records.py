"""Feedback as raw records that hold outside of their save: named by content, so that merging twice adds nothing.

A turn is named by how it was reached: the world, the seed and the commands. So the turns of a fork are those of
the original, and of anyone who played the same. A record is named by all that it says.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from sandbox.errors import PlayError, SaveError
from sandbox.feedback.dataset import Material
from sandbox.store import Store
from sandbox.store import feedback as fb
from sandbox.store.feedback import Feedback
from sandbox.timeline import Timeline

MAX_LINE = 4 << 20
"""Longest line of a file of records, in bytes."""
_Name = Annotated[str, Field(pattern=r"^[0-9a-f]{32}$")]


class Record(BaseModel):
    """One line of a file of raw records. Whatever else stands in it is there to be read, and ignored on import."""

    model_config = ConfigDict(extra="ignore", frozen=True)

    type: Literal["feedback"] = "feedback"
    id: _Name
    turn: _Name
    kind: fb.Kind
    value: float | None = None
    data: dict[str, Any] = {}
    reasons: tuple[str, ...] = ()
    comment: str = ""
    annotator: str
    created: float
    latency: float | None = None


class Names:
    """Turns of a save by content, and back."""

    def __init__(self, world: str, timeline: Timeline) -> None:
        self._timeline = timeline
        self._names: dict[int, str] = {}
        self._turns: dict[str, int] = {}
        for node in timeline.nodes():  # parents come first
            above = _name("world", world, node.seed) if node.parent is None else self._names[node.parent]
            name = _name(above, node.seat, node.command)
            self._names[node.id] = name
            self._turns.setdefault(name, node.id)

    def of(self, turn: int) -> str:
        return self._names[turn]

    def turn(self, name: str) -> int | None:
        """The oldest turn of this content; None where the save has none."""
        return self._turns.get(name)

    def outward(self, record: Feedback, others: Mapping[int, str]) -> dict[str, Any]:
        """The data of a record with nothing in it that only this save knows; `others` names earlier records."""
        data = dict(record.data)
        if record.kind == "credit":
            data["shares"] = {self._names[int(turn)]: share for turn, share in data["shares"].items()}
        elif record.kind == "retract":
            data["feedback"] = others.get(data["feedback"], "")
        elif record.kind == "comparison":
            data |= {side: {**data[side], "decision": None} for side in ("better", "worse")}
        elif record.kind == "preference" and data["between"] == "turns":
            data |= {side: self._names[data[side]] for side in ("better", "worse")}
        elif record.kind == "preference":
            decision = self._timeline.get(record.turn).decision
            commands = [] if decision is None else [proposal.command for proposal in decision.proposals]
            data |= {side: commands[data[side]] for side in ("better", "worse")}
        return data

    def inward(self, record: Record, others: Mapping[str, int]) -> tuple[int, dict[str, Any]]:
        """The turn and the data of a record, as this save has them. Raises `KeyError` where it has not."""
        turn, data = self._turns[record.turn], dict(record.data)
        if record.kind == "credit":
            data["shares"] = {str(self._turns[name]): share for name, share in data["shares"].items()}
        elif record.kind == "retract":
            data["feedback"] = others[data["feedback"]]
        elif record.kind == "preference" and data["between"] == "turns":
            data |= {side: self._turns[data[side]] for side in ("better", "worse")}
        elif record.kind == "preference":
            decision = self._timeline.get(turn).decision
            places = {} if decision is None else {each.command: k for k, each in enumerate(decision.proposals)}
            data |= {side: places[data[side]] for side in ("better", "worse")}
        return turn, data


def records(material: Material) -> Iterator[dict[str, Any]]:
    """All feedback of a save as raw records, retractions included, each with the situation it speaks of."""
    timeline, names = material.timeline, Names(material.world, material.timeline)
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


def named(names: Names, feedback: Iterable[Feedback]) -> Iterator[tuple[Feedback, str, dict[str, Any]]]:
    """Records, oldest first, each with its name and with its data as other saves have it."""
    known: dict[int, str] = {}
    for record in feedback:
        data = names.outward(record, known)
        known[record.id] = name = _name(
            names.of(record.turn),
            record.kind,
            record.value,
            data,
            record.reasons,
            record.comment,
            record.annotator,
            record.created,
        )
        yield record, name, data


def merge(store: Store, incoming: Iterable[Record]) -> Counter[str]:
    """Add records to a save, all or none. Returns how many were `added`, `known` before, or `elsewhere`.

    Elsewhere are those about a turn or a proposal that the save does not have. Agents do not learn from what is
    merged; data sets, statistics and rounds do. Raises `SaveError` where a record is out of its bounds.
    """
    names = Names(store.latest_run().world, store.timeline())
    counts: Counter[str] = Counter(added=0, known=0, elsewhere=0)
    with store.transaction(durable=True):
        places = {name: record.id for record, name, _ in named(names, store.feedback())}
        for record in incoming:
            if record.id in places:
                counts["known"] += 1
                continue
            try:
                turn, data = names.inward(record, places)
            except KeyError:
                counts["elsewhere"] += 1
                continue
            except (TypeError, AttributeError) as error:
                raise SaveError(f"record {record.id} is damaged") from error
            places[record.id] = store.add_feedback(_checked(record, turn, data)).id
            counts["added"] += 1
    return counts


def _checked(record: Record, turn: int, data: dict[str, Any]) -> Feedback:
    fields = {name: getattr(record, name) for name in ("kind", "value", "reasons", "comment", "annotator")}
    try:
        return fb.checked(id=0, turn=turn, data=data, created=record.created, latency=record.latency, **fields)
    except PlayError as error:
        raise SaveError(f"record {record.id}: {error.message}") from error


def read(file: Path) -> Iterator[Record]:
    """The records in a file of JSON lines. Raises `SaveError` naming the line that is none."""
    number = 0
    try:
        with file.open("rb") as lines:
            for line in iter(lambda: lines.readline(MAX_LINE), b""):
                number += 1
                if line.strip():
                    yield Record.model_validate_json(line)
    except OSError as error:
        raise SaveError(f"cannot be read: {error.strerror}", where=file) from error
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        message = f"no raw record: {place + ': ' if place else ''}{first['msg']}"
        raise SaveError(message, where=file, line=number, mend="use `--format raw` to export them") from error


def _name(*parts: Any) -> str:
    text = json.dumps(parts, ensure_ascii=True, sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(text.encode()).hexdigest()[:32]
