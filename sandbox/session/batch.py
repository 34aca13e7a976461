"""Seats that move at once decide at once: what their agents ask of a language model goes through it together.

In a world of simultaneous moves nobody sees what the others have committed, so what a seat will want is settled
before its turn comes. A session still asks one seat after the other, and nothing of that changes: what was thought
ahead is only found in the model's decision cache when the turn comes.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sandbox.abilities import Simultaneous
from sandbox.agent.agent import CardAgent
from sandbox.agent.briefing import Briefing
from sandbox.llm.cached import CachedModel
from sandbox.llm.questions import think_together
from sandbox.session.players import Seats
from sandbox.types import Agent, Decision, History, Observation, World

Perceived = tuple[Observation, History, int, Briefing]
"""What a seat goes by, the seed of its decision, and what its agent is told beside."""


def at_once(world: World[Any]) -> bool:
    """Whether the seats of a world commit their commands without seeing each other's."""
    return isinstance(world, Simultaneous) and world.simultaneous and len(world.seats) > 1


def decide(
    world: World[Any],
    seats: Seats,
    seat: str,
    perceived: Callable[[str, int], Perceived],
    *,
    explore: bool,
) -> Decision:
    """The decision of a seat's agent; where others decide in the same round, they think along.

    Args:
        world: where they play.
        seats: who holds them.
        seat: the one to move, held by an agent.
        perceived: what a seat that moves so many commands from now goes by.
        explore: whether agents explore.
    """
    agent = seats[seat]
    assert agent is not None, "the seat is held by an agent"
    observation, lived, seed, briefing = perceived(seat, 0)
    if not isinstance(agent, CardAgent):
        return agent.decide(observation, lived, seed=seed, explore=explore)
    if not (at_once(world) and _asks(agent)):
        return agent.decide(observation, lived, seed=seed, explore=explore, briefing=briefing)
    thoughts = []
    for ahead, each in enumerate(world.seats[world.seats.index(seat) :]):
        other = seats[each]
        if isinstance(other, CardAgent) and _asks(other):
            observation, lived, seed, briefing = perceived(each, ahead)
            thought = other.deciding(observation, lived, seed=seed, explore=explore, briefing=briefing)
            thoughts.append((thought, other.language_model))
    return think_together(thoughts)[0]


def _asks(agent: Agent) -> bool:
    """Whether an agent asks a language model that will remember what it said."""
    return isinstance(agent, CardAgent) and isinstance(agent.language_model, CachedModel)
