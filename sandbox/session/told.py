"""What an agent is told at a turn beside what it perceives: standing advice, and what the world understands."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from sandbox.agent import advice
from sandbox.agent.briefing import Briefing
from sandbox.agent.grounding import looks_refused
from sandbox.agent.recall import title_of
from sandbox.feedback.kinds.advice import Advice
from sandbox.session import worlds
from sandbox.store.feedback import Feedback
from sandbox.timeline import Turn
from sandbox.types import World

Heard = Callable[[int], Sequence[Feedback]]
"""What people said at a turn."""


def standing(feedback: Heard, path: Sequence[Turn], seat: str) -> tuple[tuple[int, str], ...]:
    """What of the advice to a seat stands at the end of a path, neither done nor withdrawn: records and words."""
    left: list[tuple[int, str]] = []
    for turn in path:
        if turn.seat == seat and left:
            room = title_of(turn.observations[seat].description)
            if (done := advice.first_done([words for _, words in left], turn.command, room)) is not None:
                del left[done]
        for record in feedback(turn.id):
            if record.kind == "advice":
                told = Advice.model_validate(record.data)
                if told.seat == seat and not told.question:
                    left += [(record.id, part) for part in advice.parts(told.words)]
    return tuple(left)


def briefing(world: World[Any], feedback: Heard, path: Sequence[Turn], seat: str) -> Briefing:
    """All that an agent is told beside what it perceives at the end of a path."""
    listed = path[-1].observations[seat].admissible
    check = _Understanding(world, path[-1].snapshot, seat) if listed is None else None
    names = worlds.names(world)
    return Briefing(
        advice=tuple(words for _, words in standing(feedback, path, seat)),
        partners=tuple(names.get(each, each) for each in world.seats if each != seat),
        understood=check,
    )


class _Understanding:
    """Whether the world understands a command, tried on a copy. Safe on any thread: worlds change no state."""

    def __init__(self, world: World[Any], snapshot: bytes, seat: str) -> None:
        self._world, self._snapshot, self._seat = world, snapshot, seat
        self._known: dict[str, bool] = {}

    def __call__(self, command: str) -> bool:
        if command not in self._known:
            after = self._world.step(self._world.load(self._snapshot), self._seat, command).state
            self._known[command] = not looks_refused(self._world.observe(after, self._seat).text)
        return self._known[command]
