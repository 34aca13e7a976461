"""What a kind of feedback is: a class whose instances are the data of its records.

All that is particular to a kind is in its class: which data it has, what it is worth as a reward, what it says
about commands, how it reads, which line gives it, and how it moves from one copy of a save to another.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sandbox.feedback.names import Names
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


HIGH = 1.0
"""Feedback from which a command is worth imitating."""


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
    absolute: bool = True
    """Whether good and bad hold by themselves; a preference only says that good is better than bad."""
    value: float = 0.0
    """Of ratings: what all feedback comes to, in [-2, 2]."""
    annotator: str = ""
    """Empty for interventions."""

    @property
    def imitable(self) -> bool:
        """Whether what is good is good enough to be imitated."""
        return bool(self.good) and self.absolute and (self.kind != "rating" or self.value >= HIGH)


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

    def outward(self, record: Feedback, names: Names) -> dict[str, Any]:
        """The data with nothing in it that only this save knows."""
        return dict(record.data)

    @classmethod
    def inward(cls, data: Mapping[str, Any], turn: int, names: Names) -> dict[str, Any]:
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


def pair_judgement(
    record: Feedback, state: int, turn: int, seat: str, sides: tuple[str, str], verdict: str
) -> Iterator[Judgement]:
    """What a verdict on two commands says; ties, and one command against itself, say nothing."""
    better, worse = sides
    if verdict == "tie" or (verdict == "better" and better == worse):
        return
    good, bad = ((better,), (worse,)) if verdict == "better" else ((), tuple(dict.fromkeys(sides)))
    yield Judgement(
        kind="preference",
        state=state,
        turn=turn,
        seat=seat,
        good=good,
        bad=bad,
        absolute=verdict == "bad",
        annotator=record.annotator,
    )
