"""A comment: words about a turn that nobody is trained on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.feedback.kind import Kind, words

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback


class Comment(Kind):
    """Worth nothing; the comment says it all."""

    def line(self, record: Feedback) -> str:
        return f"* {words(record)}"
