"""What the learning so far would change about the past. For the session's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from sandbox.timeline import history

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.types import Decision, History, Observation

_FAR_BACK = 60
"""Turns that are looked at, from the latest on."""


@runtime_checkable
class Reconsiders(Protocol):
    """An agent that can weigh past proposals by what it knows now."""

    def weigh_again(self, decision: Decision, observation: Observation, history: History) -> tuple[float, ...]: ...


@dataclass(frozen=True, slots=True)
class PolicyChange:
    """A turn in which the agent would now prefer something else."""

    depth: int
    before: str
    now: str


@dataclass(frozen=True, slots=True)
class PolicyChanges:
    """All of them on the way here, latest first, each situation once."""

    turns: tuple[PolicyChange, ...]


def policy_changes(session: Session) -> PolicyChanges:
    """The latest decisions on the way here that would come out otherwise now."""
    path = session.timeline.path(session.current.id)
    found: list[PolicyChange] = []
    seen: set[str] = set()
    for at in range(len(path) - 1, max(len(path) - 1 - _FAR_BACK, 0), -1):
        turn, decision = path[at], path[at].decision
        agent = session.seats.get(turn.seat)
        if decision is None or decision.state_key in seen or not isinstance(agent, Reconsiders):
            continue
        seen.add(decision.state_key)
        before = _best(decision.scores)
        observation = path[at - 1].observations[turn.seat]
        now = _best(agent.weigh_again(decision, observation, history(path[:at], turn.seat)))
        if before != now:
            commands = decision.proposals
            found.append(PolicyChange(turn.depth, commands[before].command, commands[now].command))
    return PolicyChanges(tuple(found))


def _best(scores: tuple[float, ...]) -> int:
    """The first of the highest."""
    return max(range(len(scores)), key=lambda index: scores[index])
