"""What a kind of feedback is: a class whose instances are the data of its records.

All that is particular to a kind is in its class: which data it has, what it is worth as a reward, what it says
about commands, how it reads, which line gives it, and how it moves from one copy of a save to another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sandbox.feedback.names import ContentNames
from sandbox.text import clean_line
from sandbox.timeline import Timeline
from sandbox.types import Decision

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback

Line = Annotated[str, AfterValidator(clean_line), Field(max_length=400)]
Command = Annotated[Line, Field(min_length=1)]
TurnId = Annotated[int, Field(ge=1)]
Verdict = Literal["better", "tie", "bad"]
"""Of two: the first is better, both are equally good, or neither is any good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """Commands for one seat in one state, as a person sees them."""

    kind: str
    """The kind of feedback that it came from, or `intervention`."""
    state: int
    """The turn at which the command was, or would have been, given."""
    turn: int
    """The turn that the judgement came from: below the state, or the state itself where nobody acted on it."""
    seat: str
    good: tuple[str, ...] = ()
    bad: tuple[str, ...] = ()
    equal: tuple[str, ...] = ()
    """Two that are equally good."""
    absolute: bool = True
    """Whether good and bad hold by themselves; a preference only says that good is better than bad."""
    value: float = 0.0
    """Of ratings: what all that the person said comes to, in [-2, 2]."""
    annotator: str = ""
    """Empty for interventions."""
    created: float = 0.0
    """Unix time, seconds."""


TIE, BAD = "=tie", "=bad"
"""Answers to a question beside its options: all are equally good, none is any good."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What a person answered to a question that has options of its own."""

    about: str
    """What was judged, the same in every copy of the save."""
    options: tuple[str, ...]
    """In the order in which they were shown, where that is known; else the two that the record names."""
    choice: str
    """One of the options, `TIE`, or `BAD`."""
    whole: bool = False
    """Whether these were all options; else further records of the same answer may name more."""
    ordered: bool = False
    """Whether the order in which they were shown is known."""


class Kind(BaseModel):
    """The data of one record of feedback, and what it means.

    A kind is a subclass with its own fields, named as an entry point in the group `sandbox.feedback`; whatever it
    leaves out is worth nothing and says nothing.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    valued: ClassVar[bool] = False
    """Whether its records have a value."""

    @classmethod
    def checked(cls, data: Mapping[str, Any]) -> dict[str, Any]:
        """The data as it is stored. Raises pydantic's `ValidationError` where it is out of its bounds."""
        return cls.model_validate(data).model_dump(mode="json")

    @property
    def takes_back(self) -> int | None:
        """The id of a record that no longer stands."""
        return None

    def rewards(self, record: Feedback) -> Mapping[int, float]:
        """What it comes to as a reward, for each turn that it is about."""
        return {}

    def judgements(self, record: Feedback, timeline: Timeline) -> Iterator[Judgement]:
        """What it says about commands, where that does not follow from `rewards`."""
        return iter(())

    def answered(self, record: Feedback, names: ContentNames) -> Answer | None:
        """What it answers, where it is an answer to a question with options."""
        return None

    def text(self, record: Feedback, decision: Decision | None) -> str:
        """What was said, without its reasons; empty where the comment is all.

        Args:
            record: the record.
            decision: of the turn it is about.
        """
        return ""

    def line(self, record: Feedback) -> str:
        """The line that a person types to say it; empty where there is none."""
        return ""

    def outward(self, record: Feedback, names: ContentNames) -> dict[str, Any]:
        """The data with nothing in it that only this save knows."""
        return dict(record.data)

    @classmethod
    def inward(cls, data: Mapping[str, Any], turn: int, names: ContentNames) -> dict[str, Any]:
        """The data as this save has it, of a record about this turn. Raises `KeyError` where it has not."""
        return dict(data)


def reasons(record: Feedback) -> str:
    """Tags and comment in one line."""
    return ", ".join(filter(None, (*record.reasons, record.comment)))


def words(record: Feedback) -> str:
    """Tags and comment as a person types them after a verb."""
    return " ".join(filter(None, (*record.reasons, record.comment)))


def compared(better: str, worse: str, verdict: str) -> str:
    """A verdict on two things, in words."""
    match verdict:
        case "tie":
            return f"{better} and {worse} are equally good"
        case "bad":
            return f"neither {better} nor {worse} is any good"
    return f"{better} is better than {worse}"


def choice_of(better: str, verdict: str) -> str:
    """The choice that a verdict is."""
    return {"tie": TIE, "bad": BAD}.get(verdict, better)


def pair_judgement(
    record: Feedback, state: int, turn: int, seat: str, sides: tuple[str, str], verdict: str
) -> Iterator[Judgement]:
    """What a verdict on two commands says; one command against itself says nothing."""
    better, worse = sides
    if verdict != "bad" and better == worse:
        return
    yield Judgement(
        kind="preference",
        state=state,
        turn=turn,
        seat=seat,
        good=(better,) if verdict == "better" else (),
        bad={"better": (worse,), "bad": tuple(dict.fromkeys(sides))}.get(verdict, ()),
        equal=sides if verdict == "tie" else (),
        absolute=verdict == "bad",
        annotator=record.annotator,
        created=record.created,
    )
