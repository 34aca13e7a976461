"""Which requests to a language model are answered together. No threads and no model in it: whoever has these asks.

While a model computes, requests gather. Those that want the same adapter then share the next passes, the oldest
first; nobody waits for others to ask.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeVar

from sandbox.llm.questions import Question

MOST = 32_000
"""Characters of the prompts that are answered together, at most: bounds the memory of a pass."""


@dataclass(eq=False, slots=True)
class ModelRequest:
    """Questions of one asker that wait for their answers."""

    adapter: Path | None
    questions: Sequence[Question]
    over: bool = False
    """Answered, or not wanted any more."""

    @property
    def characters(self) -> int:
        return sum(len(question.prompt) for question in self.questions)


R = TypeVar("R", bound=ModelRequest)


class RequestQueue(Generic[R]):
    """Requests that wait, in the order in which they came. Those that are over when it is their turn drop out.

    Args:
        most: characters that are answered together, where it is more than one request.
    """

    def __init__(self, most: int = MOST) -> None:
        self._most = most
        self._waiting: list[R] = []

    def __bool__(self) -> bool:
        """Whether any request waits."""
        return any(not each.over for each in self._waiting)

    def add(self, request: R) -> None:
        self._waiting.append(request)

    def take(self) -> list[R]:
        """The oldest request, and those that are to be answered with it; none where none waits."""
        waiting = [each for each in self._waiting if not each.over]
        taken: list[R] = []
        for each in waiting:
            room = self._most - sum(other.characters for other in taken)
            if not taken or (each.adapter == taken[0].adapter and each.characters <= room):
                taken.append(each)
        self._waiting = [each for each in waiting if each not in taken]
        return taken


def answered(
    requests: Sequence[R], ask: Callable[[Sequence[R]], Sequence[Any]]
) -> Iterator[tuple[R, list[Any] | Exception]]:
    """Each request with its answers, or what went wrong: together, and where that goes wrong, each by itself.

    Args:
        requests: as `RequestQueue.take` gives them.
        ask: the answers to all questions of some of them, end to end.
    """
    wanted = [each for each in requests if not each.over]
    try:
        found = iter(ask(wanted) if wanted else ())
    except Exception as error:
        if len(wanted) == 1:
            yield wanted[0], error
        else:
            for each in wanted:
                yield from answered([each], ask)
        return
    for each in wanted:
        yield each, [next(found) for _ in each.questions]
