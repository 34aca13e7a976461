"""What a learner is told, read off the tree: nothing here is remembered between turns.

A seat's transition is complete when the seat sees its next observation to act on, or when the episode ends;
the rewards in between add up. For a world with one seat that is every step.
"""

from __future__ import annotations

from sandbox.timeline import Node, Timeline
from sandbox.types import Transition


def completed_by(timeline: Timeline, turn_id: int, seat: str) -> int | None:
    """The seat's turn whose transition another turn (often itself) completes; None where it completes none."""
    end = timeline.node(turn_id)
    if end.to_move not in (seat, None):
        return None
    return next((node.id for node in timeline.ancestors(turn_id) if node.seat == seat), None)


def transition(
    timeline: Timeline, turn_id: int, feedback: float = 0.0, *, rated: bool = False
) -> Transition | None:
    """The step that a turn was for the seat that acted in it; None while it is still under way.

    What followed is taken from where redo leads, so the branch that was visited last counts.

    Args:
        timeline: the tree.
        turn_id: the turn in which the seat acted.
        feedback: what people's feedback on this turn comes to; it is added to the world's reward.
        rated: whether a person brought this about, even where the feedback comes to 0.
    """
    acted = timeline.node(turn_id)
    if acted.parent is None:
        return None
    seat, reward = acted.seat, 0.0
    end: Node = acted
    while True:
        reward += end.rewards.get(seat, 0.0)
        if end.to_move is None or end.to_move == seat:
            break
        following = timeline.redo_target(end.id)
        if following is None:
            return None
        end = timeline.node(following)
    before, after = timeline.turns([acted.parent, end.id])
    successor = after.observations[seat]
    return Transition(
        observation=before.observations[seat],
        command=acted.command,
        reward=reward + feedback,
        next_observation=successor,
        candidates=() if end.terminated else successor.admissible or (),
        terminated=end.terminated,
        source="person" if rated or feedback else "world",
    )
