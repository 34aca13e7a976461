"""The kinds of feedback by name. Each is one class in a module of its own, or in another package."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from pydantic import ConfigDict

from sandbox import plugins
from sandbox.feedback.kind import Kind
from sandbox.types import Decision

if TYPE_CHECKING:
    from sandbox.store.feedback import Feedback


class Unknown(Kind):
    """A record of a kind that no installed package offers: kept, shown, exported, and worth nothing."""

    model_config = ConfigDict(extra="allow", frozen=True)

    valued: ClassVar[bool] = False

    def text(self, record: Feedback, decision: Decision | None) -> str:
        return f"{record.kind}, a kind of feedback that is not installed"


def find(name: str) -> type[Kind]:
    """The class of a kind; `Unknown` where no installed package offers it, or its package is broken."""
    plugin = plugins.find("feedback", name)
    if plugin is None or plugin.problem():
        return Unknown
    found = plugin.load()
    return found if isinstance(found, type) and issubclass(found, Kind) else Unknown


def read(record: Feedback) -> Kind:
    """A record's data as its kind has it. Raises pydantic's `ValidationError` where it is out of its bounds."""
    return find(record.kind).model_validate(record.data)
