"""The guidelines that a person rated by, in the version that they read."""

from __future__ import annotations

from typing import Annotated

from pydantic import AfterValidator, Field

from sandbox.feedback.kind import Kind, Line
from sandbox.store.feedback import Feedback
from sandbox.text import clean
from sandbox.types import Decision


class Guidelines(Kind):
    """Kept once for each person and version; worth nothing."""

    version: Line
    words: Annotated[str, AfterValidator(clean), Field(max_length=20_000)]
    reasons: Annotated[tuple[Line, ...], Field(max_length=20)] = ()
    """Those that could be given."""

    def text(self, record: Feedback, decision: Decision | None) -> str:
        return f"read the guidelines {self.version}"
