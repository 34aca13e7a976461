"""A team as one seat: what all members perceive is one observation, what all of them do in a round one command."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import Any, ClassVar

from sandbox.types import Observation, Step, World

TEAM = "team"
_AND = " | "


class JointWorld:
    """A `World` for the one seat `team`, over a world in which several take turns for a shared reward.

    A learner that holds this seat is a joint-action learner (Claus & Boutilier, AAAI 1998) with one mind for all:
    nothing is hidden from it, and the commands of a round are chosen together. The price is their number, which is
    the product of the members'. A member's command that has become impossible by its turn is played all the same,
    and fails as it would for anybody.

    Args:
        world: the world of the members.
    """

    seats: ClassVar[tuple[str, ...]] = (TEAM,)

    def __init__(self, world: World[Any]) -> None:
        self.below = world
        self.name, self.title = world.name, world.title
        self.fingerprint, self.verbs = world.fingerprint, world.verbs
        self.initial, self.dump, self.load, self.close = world.initial, world.dump, world.load, world.close

    def to_move(self, state: Any) -> str | None:
        return None if self.below.to_move(state) is None else TEAM

    def observe(self, state: Any, seat: str) -> Observation:
        members = [self.below.observe(state, each) for each in self.below.seats]
        return Observation(
            seat=seat,
            turn=members[0].turn,
            text=_together(members, "text"),
            description=_together(members, "description"),
            inventory=_together(members, "inventory"),
            goal=_together(members, "goal"),
            score=members[0].score,
            max_score=members[0].max_score,
            admissible=_combinations(members),
            done=all(member.done for member in members),
            won=all(member.won for member in members),
        )

    def step(self, state: Any, seat: str, command: str) -> Step[Any]:
        """Play a round: each member's command at its turn, in the order of the seats."""
        step: Step[Any] = Step(state=state)
        reward = 0.0
        for member, own in zip(self.below.seats, command.split(_AND), strict=False):
            if step.terminated or step.truncated or self.below.to_move(step.state) != member:
                break
            step = self.below.step(step.state, member, own)
            reward += step.rewards.get(self.below.seats[0], 0.0)
        return Step(
            state=step.state,
            rewards={seat: reward} if reward else {},
            terminated=step.terminated,
            truncated=step.truncated,
        )


def _together(members: Sequence[Observation], field: str) -> str:
    """What each perceives, under its name: the same words mean another thing to another member."""
    return "\n".join(f"{member.seat}: {text}" for member in members if (text := getattr(member, field)))


def _combinations(members: Sequence[Observation]) -> tuple[str, ...] | None:
    lists = [member.admissible for member in members if member.admissible is not None]
    if len(lists) < len(members):
        return None
    return tuple(_AND.join(commands) for commands in itertools.product(*lists))
