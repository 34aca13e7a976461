"""Turns and feedback as rows, and back. What comes back is checked: a save may come from anyone."""

from __future__ import annotations

import json
import math
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, fields, replace
from functools import lru_cache
from typing import Annotated, Any, Final, cast, get_args

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, TypeAdapter, ValidationError

from sandbox.errors import PlayError, SaveError
from sandbox.store.feedback import Feedback, Mark, checked
from sandbox.store.pack import unpack
from sandbox.text import clean, clean_line
from sandbox.timeline import Node, Turn
from sandbox.types import Chooser, Decision, Observation, Proposal, Source

Row = Mapping[str, Any]
Frame = tuple[bytes, bytes, bytes]
"""The bulk of a turn, unpacked: observations as JSON, snapshot, prompt."""

_Text = Annotated[str, AfterValidator(clean), Field(max_length=1_000_000)]
_Line = Annotated[str, AfterValidator(clean_line)]
_Number = Annotated[float, Field(allow_inf_nan=False)]
_END_OF_TIME: Final = 32_503_680_000
"""The year 3000 as Unix time."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Run:
    """One sitting: which version of which world was played, by whom, and where it was left."""

    id: int = 0
    world: _Line
    """The world's reference."""
    title: _Line
    fingerprint: _Line
    seats: Mapping[_Line, _Line | None]
    """Seat -> name of its agent; None for a person."""
    cards: Mapping[_Line, _Text] = field(default_factory=dict)
    """Seat -> the text of its agent's card."""
    seed: int
    learn: bool = True
    annotator: _Line = "anonymous"
    max_steps: int | None = None
    cursor: int | None = None
    """The turn where it stands."""
    created: Annotated[float, Field(ge=0, lt=_END_OF_TIME)] = 0.0
    software: _Line = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Unplayed:
    """A decision that nobody acted on: it was asked for to be compared with another."""

    id: int
    state: int
    """The turn it was made at."""
    decision: Decision
    created: float = 0.0
    """Unix time, seconds."""


_line: Final = lru_cache(maxsize=4096)(clean_line)
"""Seats and commands come again and again in a long save."""


class _Observation(BaseModel):
    """The shape of a stored observation: `types.Observation`, within bounds."""

    model_config = ConfigDict(extra="forbid")

    seat: _Line
    turn: Annotated[int, Field(ge=0)]
    text: _Text
    description: _Text
    inventory: _Text
    goal: _Text
    score: _Number
    max_score: _Number | None
    admissible: Annotated[tuple[_Line, ...], Field(max_length=10_000)] | None
    done: bool
    won: bool


_RUN: Final = TypeAdapter(Run)
_RUN_FIELDS: Final = tuple(item.name for item in fields(Run))
_MARK: Final = TypeAdapter(Mark)
_MARK_FIELDS: Final = tuple(item.name for item in fields(Mark))
_OBSERVATIONS: Final = TypeAdapter(dict[_Line, _Observation])
_REWARDS: Final = TypeAdapter(dict[_Line, _Number])
_OBSERVATION_FIELDS: Final = tuple(item.name for item in fields(Observation))
_CHOOSERS: Final = frozenset((*get_args(Chooser), "opening"))
_SOURCES: Final = frozenset(get_args(Source))


def new_uid() -> str:
    """An identity that holds in every save: 32 hex digits."""
    return uuid.uuid4().hex


def to_json(value: Any) -> str:
    """Compact, keys in order, so that equal values are equal texts."""
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def run_row(run: Run) -> dict[str, Any]:
    """The row of `runs`."""
    return {
        "uid": new_uid(),
        "created": run.created,
        "software": run.software,
        "world": run.world,
        "title": run.title,
        "fingerprint": run.fingerprint,
        "seats": to_json(dict(run.seats)),
        "cards": to_json(dict(run.cards)),
        "seed": run.seed,
        "learn": run.learn,
        "annotator": run.annotator,
        "max_steps": run.max_steps,
        "cursor": run.cursor,
    }


def run_from(row: Row) -> Run:
    """Raises `SaveError`."""
    try:
        return _RUN.validate_python(
            {
                **{name: row[name] for name in _RUN_FIELDS},
                "seats": json.loads(row["seats"]),
                "cards": json.loads(row["cards"]),
            }
        )
    except (ValueError, TypeError, RecursionError) as error:
        raise SaveError(f"run {row['id']!r} of the save is damaged") from error


def turn_row(turn: Turn, run: int) -> dict[str, Any]:
    """The row of `turns`."""
    return {
        "uid": new_uid(),
        "run": run,
        "parent": turn.parent,
        "episode": turn.episode,
        "depth": turn.depth,
        "seat": turn.seat,
        "command": turn.command,
        "chooser": turn.chooser,
        "agent": turn.agent,
        "wanted": turn.wanted,
        "rewards": to_json(dict(turn.rewards)),
        "to_move": turn.to_move,
        "terminated": turn.terminated,
        "truncated": turn.truncated,
        "seed": turn.seed,
        "created": turn.created,
    }


def frame_of(turn: Turn) -> Frame:
    """The bulk of a turn."""
    observations = {
        seat: {name: getattr(observation, name) for name in _OBSERVATION_FIELDS}
        for seat, observation in turn.observations.items()
    }
    prompt = turn.decision.prompt if turn.decision is not None else ""
    return to_json(observations).encode(), turn.snapshot, prompt.encode("utf-8", "surrogatepass")


def decision_row(
    state: int | None, turn: int | None, decision: Decision, prompt: bytes, created: float | None = None
) -> dict[str, Any]:
    """The row of `decisions`; without a turn where nobody acted on it."""
    return {
        "state": state,
        "turn": turn,
        "seat": decision.seat,
        "state_key": decision.state_key,
        "chosen": decision.chosen,
        "chooser": decision.chooser,
        "reason": decision.reason,
        "agent": decision.agent,
        "model": decision.model,
        "seconds": decision.seconds,
        "prompt": prompt,
        "created": created,
    }


def proposal_rows(decision_id: int, decision: Decision) -> list[dict[str, Any]]:
    """The rows of `proposals`."""
    return [
        {
            "decision": decision_id,
            "rank": rank,
            "command": proposal.command,
            "said": proposal.said,
            "source": proposal.source,
            "understood": proposal.understood,
            "prior": _to_null(proposal.prior),
            "q": _to_null(decision.q_values[rank]),
            "score": _to_null(decision.scores[rank]),
            "visits": decision.visits[rank] if decision.visits else None,
        }
        for rank, proposal in enumerate(decision.proposals)
    ]


def node_from(row: Row) -> Node:
    """Raises `SaveError`."""
    with _checking(row["id"]):
        return Node(**_node_fields(row))


def turn_from(row: Row, frame: Frame, decision: Row | None, proposals: Sequence[Row]) -> Turn:
    """Raises `SaveError` where anything in it is not what a turn is made of."""
    with _checking(row["id"]):
        stored = _OBSERVATIONS.validate_json(frame[0])
        prompt = frame[2].decode("utf-8", "surrogatepass")
        return Turn(
            **_node_fields(row),
            decision=None if decision is None else _decision_from(decision, proposals, prompt),
            observations={seat: Observation(**dict(observation)) for seat, observation in stored.items()},
            snapshot=frame[1],
        )


def unplayed_from(row: Row, proposals: Sequence[Row]) -> Unplayed:
    """Raises `SaveError`."""
    with _checking(row["id"], "decision"):
        prompt = unpack(row["prompt"], b"").decode("utf-8", "surrogatepass")
        return Unplayed(
            id=row["id"],
            state=row["state"],
            decision=_decision_from(row, proposals, prompt),
            created=moment(row["created"] or 0.0),
        )


def _node_fields(row: Row) -> dict[str, Any]:
    turn_id, parent = row["id"], row["parent"]
    if not isinstance(turn_id, int) or not (parent is None or (isinstance(parent, int) and 0 < parent < turn_id)):
        raise ValueError(f"it cannot hang under {parent!r}")
    if row["chooser"] not in _CHOOSERS:
        raise ValueError(f"unknown chooser {row['chooser']!r}")
    if not all(isinstance(row[name], int) for name in ("episode", "depth")):
        raise ValueError("episode and depth must be whole numbers")
    return {
        "id": turn_id,
        "parent": parent,
        "episode": row["episode"],
        "depth": row["depth"],
        "seat": _line(row["seat"]),
        "command": _line(row["command"]),
        "chooser": row["chooser"],
        "agent": _line(row["agent"]),
        "wanted": None if row["wanted"] is None else _line(row["wanted"]),
        "rewards": _REWARDS.validate_json(row["rewards"]),
        "to_move": None if row["to_move"] is None else _line(row["to_move"]),
        "terminated": bool(row["terminated"]),
        "truncated": bool(row["truncated"]),
        "seed": None if row["seed"] is None else int(row["seed"]),
        "created": moment(row["created"]),
    }


def moment(value: Any) -> float:
    """Unix time, seconds. Raises `ValueError` where it is none that a calendar has."""
    seconds = float(value)
    if not 0 <= seconds < _END_OF_TIME:
        raise ValueError(f"{seconds:g} is no time")
    return seconds


def _decision_from(row: Row, proposals: Sequence[Row], prompt: str) -> Decision:
    if not 0 <= row["chosen"] < len(proposals):
        raise ValueError("the chosen proposal is none of those stored")
    if row["chooser"] not in _CHOOSERS or any(each["source"] not in _SOURCES for each in proposals):
        raise ValueError("a word that stands for no chooser or source")
    visits = tuple(each["visits"] for each in proposals)
    return Decision(
        seat=clean_line(row["seat"]),
        state_key=clean_line(row["state_key"]),
        proposals=tuple(
            Proposal(
                command=clean_line(each["command"]),
                said=clean(each["said"]),
                source=each["source"],
                prior=_from_null(each["prior"]),
                understood=bool(each["understood"]),
            )
            for each in proposals
        ),
        q_values=tuple(_from_null(each["q"]) for each in proposals),
        scores=tuple(_from_null(each["score"]) for each in proposals),
        visits=() if None in visits else tuple(int(count) for count in visits),
        chosen=row["chosen"],
        chooser=cast(Chooser, row["chooser"]),
        reason=clean(row["reason"]),
        agent=clean_line(row["agent"]),
        model=clean_line(row["model"]),
        prompt=prompt,
        seconds=float(row["seconds"]),
    )


def feedback_row(record: Feedback) -> dict[str, Any]:
    """The row of `feedback`."""
    return {
        "uid": record.uid or new_uid(),
        "turn": record.turn,
        "kind": record.kind,
        "value": record.value,
        "data": to_json(dict(record.data)),
        "reasons": to_json(list(record.reasons)),
        "comment": record.comment,
        "annotator": record.annotator,
        "created": record.created,
        "latency": record.latency,
    }


def feedback_from(row: Row) -> Feedback:
    """Raises `SaveError`."""
    try:
        return checked(
            **{
                name: row[name]
                for name in ("id", "uid", "turn", "kind", "value", "comment", "annotator", "created", "latency")
            },
            data=json.loads(row["data"]),
            reasons=json.loads(row["reasons"]),
        )
    except (PlayError, ValueError, TypeError, RecursionError) as error:
        raise SaveError(f"feedback {row['id']!r} of the save is damaged: {error}") from error


def mark_row(mark: Mark) -> dict[str, Any]:
    """The row of `marks`."""
    return {name: getattr(mark, name) for name in _MARK_FIELDS}


def mark_from(row: Row) -> Mark:
    """Raises `SaveError`."""
    try:
        mark = _MARK.validate_python({name: row[name] for name in _MARK_FIELDS})
        return replace(mark, name=clean_line(mark.name, 64), annotator=clean_line(mark.annotator, 64))
    except ValidationError as error:
        raise SaveError(f"mark {row['id']!r} of the save is damaged") from error


@contextmanager
def _checking(row_id: object, what: str = "turn") -> Iterator[None]:
    """Whatever is wrong with what was stored of a turn becomes a `SaveError`."""
    try:
        yield
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise SaveError(f"{what} {row_id} of the save is damaged: {place}: {first['msg']}") from error
    except (ValueError, TypeError, AttributeError, OverflowError) as error:
        raise SaveError(f"{what} {row_id} of the save is damaged: {error}") from error


def _to_null(value: float) -> float | None:
    return None if math.isnan(value) else value


def _from_null(value: float | None) -> float:
    return math.nan if value is None else float(value)
