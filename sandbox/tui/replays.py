"""Turns that would not go as they went: since the agents changed, or since the world did."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.timeline import history

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.types import Decision

_LONGEST = 200
"""Turns of a branch that agents are asked about again, from the latest on."""


@dataclass(frozen=True, slots=True)
class Replayed:
    """What differs, by turn: what the agent would do now; empty where the world says something else."""

    turns: Mapping[int, str]
    complete: bool = True
    """Whether all was looked at."""


def of_world(session: Session) -> Replayed:
    """The blessed branches and the episode before this one, played again in the world as it is now.

    For the session's thread, and for worlds that are quick.
    """
    from sandbox.session import blessed

    openings = session.timeline.opening_ids()
    leaves = [*_blessed(session), *(_end(session, opening) for opening in openings[-2:-1])]
    found: dict[int, str] = {}
    for leaf in dict.fromkeys(leaves):
        for change in blessed.replay(session.world, session.timeline, leaf, {}, seed=session.seed):
            found[change.turn] = ""
    return Replayed(found)


def of_agents(session: Session, unwanted: Callable[[], bool]) -> Callable[[], Replayed]:
    """What asks the agents again about the turns of the blessed branches and on the way here.

    To be prepared on the session's thread and called on the agents'. It stops when nobody waits any more.
    """
    from sandbox.timeline import decision_seed

    timeline, seats, seed = session.timeline, session.seats, session.seed
    paths = [timeline.path(leaf) for leaf in dict.fromkeys([*_blessed(session), session.current.id])]
    tried = {
        turn.id: timeline.child_ids(turn.parent) for path in paths for turn in path if turn.parent is not None
    }

    def ask() -> Replayed:
        found: dict[int, str] = {}
        asked: set[int] = set()
        for path in paths:
            for at in range(max(1, len(path) - _LONGEST), len(path)):
                before, turn = path[at - 1], path[at]
                agent = seats.get(turn.seat)
                if turn.decision is None or agent is None or turn.id in asked:
                    continue
                if unwanted():
                    return Replayed(found, complete=False)
                asked.add(turn.id)
                now = agent.decide(
                    before.observations[turn.seat],
                    history(path[:at], turn.seat),
                    seed=decision_seed(seed, before, tried[turn.id].index(turn.id)),
                    explore=False,
                ).command
                if now not in (turn.command, _best(turn.decision)):
                    found[turn.id] = now
        return Replayed(found)

    return ask


def _best(decision: Decision) -> str:
    """What the agent would have done then, had it not explored."""
    best = max(range(len(decision.scores)), key=lambda index: decision.scores[index])
    return decision.proposals[best].command


def _blessed(session: Session) -> list[int]:
    return [mark.turn for mark in session.marks() if mark.kind == "blessed"]


def _end(session: Session, opening: int) -> int:
    """Where the branch of an episode ends that was visited last."""
    timeline, end = session.timeline, opening
    while (following := timeline.redo_target(end)) is not None:
        end = following
    return end
