"""A question that a person did not want to answer, and why."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from sandbox.feedback.kind import Kind, Line, reasons
from sandbox.store.feedback import Feedback
from sandbox.types import Decision


class Skip(Kind):
    """Worth nothing; the question is not asked of that person again."""

    asked: Annotated[int, Field(ge=0)] = 0
    """Its place in the pass, from 1; 0 where that is not known."""
    guidelines: Line = ""
    """Version of the guidelines that held."""

    def text(self, record: Feedback, decision: Decision | None) -> str:
        return "not judged" if reasons(record) else "not judged, without a reason"
