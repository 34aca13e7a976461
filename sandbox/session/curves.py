"""How the episodes of a save went, one after the other. For the session's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.timeline import Node, Timeline


@dataclass(frozen=True, slots=True)
class EpisodeReward:
    """One episode, along the branch that was visited last."""

    number: int
    reward: float
    """What the world gave in all; feedback is not counted."""
    ended: bool
    won: bool
    interventions: float
    """Share of the turns in which a person did something else than the agent wanted."""


@dataclass(frozen=True, slots=True)
class Curves:
    """All of them, oldest first."""

    episodes: tuple[EpisodeReward, ...]


def curves(session: Session, watcher: str | None) -> Curves:
    """Rewards are the watcher's own; without one they are the sum of all seats', and anyone's win counts."""
    timeline = session.timeline
    paths = [_visited(timeline, opening) for opening in timeline.opening_ids()]
    ends = timeline.turns([path[-1].id for path in paths])
    return Curves(
        tuple(
            EpisodeReward(
                number,
                sum(_reward(each, watcher) for each in path),
                end.ended,
                any(seen.won for seat, seen in end.observations.items() if watcher in (None, seat)),
                sum(map(session.deeds.stepped_in, path)) / max(len(path) - 1, 1),
            )
            for number, (path, end) in enumerate(zip(paths, ends, strict=True), 1)
        )
    )


def _reward(node: Node, watcher: str | None) -> float:
    return sum(node.rewards.values()) if watcher is None else node.rewards.get(watcher, 0.0)


def _visited(timeline: Timeline, opening: int) -> list[Node]:
    """From an opening down to where redo leads."""
    path = [timeline.node(opening)]
    while (following := timeline.redo_target(path[-1].id)) is not None:
        path.append(timeline.node(following))
    return path
