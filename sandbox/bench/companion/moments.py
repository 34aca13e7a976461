"""Moments of games that nobody was trained on: a seat somewhere on the way to a win."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.abilities import Fact, Factual, Guided
from sandbox.tune.voice.worlds import house
from sandbox.types import Exchange, History, Observation
from sandbox.world import registry
from sandbox.world.native import make_world, parse_source

FIRST = 9000
"""Seeds from here on are trained on by nothing."""
GAMES = "tw:custom?quest={quest}&seed=9001", "tw:custom?quest={quest}&seed=9002"


@dataclass(frozen=True, slots=True)
class PlayMoment:
    """One turn of a seat."""

    world: Factual[Any]
    state: Any
    observation: Observation
    history: History
    facts: frozenset[Fact]
    following: str
    """What the walkthrough does next."""


def moments(count: int, *, first: int = FIRST) -> Iterator[PlayMoment]:
    """So many moments, of native houses and TextWorld games in turns."""
    found, number = 0, 0
    while found < count:
        for moment in _of_world(number, first):
            yield moment
            found += 1
            if found == count:
                return
        number += 1


def _of_world(number: int, first: int) -> Iterator[PlayMoment]:
    if number % 2:
        world: Any = registry.open_world(GAMES[number // 2 % 2].format(quest=3 + number // 4 % 4))
        turns = list(world.walkthrough()) if isinstance(world, Guided) else []
    else:
        made = house(first + number)
        world = make_world(parse_source(made.text), made.name)
        turns = [command for _, command in made.turns]
    state, lived, seat, said = world.initial(0), list[Exchange](), world.seats[0], ""
    for command in turns:
        observation = world.observe(state, seat)
        lived.append(Exchange(command=said, reply=observation.text))
        yield PlayMoment(world, state, observation, tuple(lived), world.facts(state, seat), command)
        state, said = world.step(state, seat, command).state, command
    world.close()
