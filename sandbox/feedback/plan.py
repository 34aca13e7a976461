"""How ratings are collected from several people: guidelines, who is asked what, how often, and what may be said.

A plan is a YAML file. Without one a single person is asked about what most needs a human.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Annotated, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from sandbox import marked_yaml
from sandbox.errors import UsageError
from sandbox.text import clean, clean_line

FILE = "rating.yaml"
"""Name of the plan of a home."""
MAX_BYTES = 64 << 10

_Tag = Annotated[str, AfterValidator(clean_line), Field(min_length=1, max_length=60)]
_Tags = Annotated[tuple[_Tag, ...], Field(max_length=20)]
_Rater = Annotated[str, AfterValidator(clean_line), Field(min_length=1, max_length=64)]


class RatingPlan(BaseModel):
    """What a project asks its raters, and how."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)

    guidelines: Annotated[str, AfterValidator(clean), Field(max_length=20_000)] = ""
    """Shown before the first question, and kept in the save with the answers."""
    reasons: _Tags = ()
    """Reasons that a rater can give for an answer."""
    skip_reasons: _Tags = ()
    """Why a question may be skipped; with none, skipping says nothing and the question comes again later."""
    scale: Annotated[int, Field(ge=0, le=9)] = 0
    """Steps from "slightly" to "much better" that are asked for after a choice; 0 does not ask."""
    overlap: Annotated[int, Field(ge=0, le=1000)] = 0
    """How many raters each question goes to; 0 asks everybody everything."""
    raters: Annotated[tuple[_Rater, ...], Field(max_length=1000)] = ()
    """Who rates: with `overlap`, each question is assigned to that many of them. With none, it is asked until as
    many have answered."""
    gold: Annotated[float, Field(ge=0, le=0.5)] = 0.0
    """Share of the questions that are mixed in with a known answer: those that the annotator `gold` answered."""
    order: Literal["need", "shuffled"] = "need"
    """What most needs a human first, or an order of each rater's own."""
    seed: int = 0
    """Of orders and assignment."""

    @property
    def version(self) -> str:
        """12 hex digits over the guidelines and the lists; answers say by which version they were given."""
        said = (self.guidelines, self.reasons, self.skip_reasons, self.scale)
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]

    def is_asked(self, annotator: str, question: str, others: int) -> bool:
        """Whether a question goes to a person.

        Args:
            annotator: the person.
            question: its name.
            others: how many others have answered it.
        """
        if not self.overlap:
            return True
        if not self.raters:
            return others < self.overlap
        drawn = sorted(self.raters, key=lambda rater: draw(self.seed, "rater", question, rater))
        return annotator in drawn[: self.overlap]


def draw(seed: int, *about: str) -> bytes:
    """A lot that depends on the seed and on what it is about, and on nothing else."""
    return hashlib.sha256(json.dumps((seed, *about)).encode()).digest()


def read_plan(file: Path) -> RatingPlan:
    """The plan in a YAML file. Raises `UsageError` naming the line that is wrong."""
    try:
        with file.open("rb") as stream:
            data = stream.read(MAX_BYTES + 1)
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", where=file) from error
    if len(data) > MAX_BYTES:
        raise UsageError(f"more than {MAX_BYTES} bytes", where=file)
    document = marked_yaml.read(data)
    if document.findings:
        raise UsageError(document.findings[0].message, where=file, line=document.findings[0].line)
    try:
        return RatingPlan.model_validate(document.data if document.data is not None else {})
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        place = ".".join(str(part) for part in first["loc"])
        raise UsageError(f"{place}: {first['msg']}", where=file, line=document.line(first["loc"])) from error
