"""Self-play: every generation of an agent learns against a pool of the earlier ones.

Fictitious self-play in its plainest form (Heinrich, Lanctot & Silver, ICML 2015): an opponent drawn from all
earlier selves keeps an agent from forgetting how to beat what it has left behind, which playing only against the
latest self does not. Opponents play greedily: what is learned against one that stumbles is how to take one's time.
Of what a generation was in the course of its learning the best is kept, judged against the whole pool, as AlphaGo
Zero was (Silver et al., Nature 2017): a table that goes by what a seat perceives does not get better with every
episode.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.play.team import play
from sandbox.types import Agent, World

_TRIALS = 1_000_000_000
"""Where the seeds of trials begin, far from those of learning."""


def self_play(
    world: World[Any],
    make: Callable[[], Agent],
    *,
    generations: int,
    episodes: int,
    checks: int = 4,
    trials: int = 10,
    opening: int = 0,
    seed: int = 0,
    max_steps: int = 1000,
    progress: Callable[[int], None] = lambda generation: None,
) -> list[Agent]:
    """The generations of one agent, oldest first: what it was at its best while it learned on and on.

    Args:
        world: for two seats or more. The agent learns to play all of them.
        make: a fresh agent.
        generations: how many.
        episodes: that each of them learns from. The seat it learns in is drawn anew for every episode, and so is
            the earlier self in each other seat; the first plays against one that knows nothing.
        checks: how often a generation is tried out in the course of its learning. The first is not: it has nobody
            to be judged by.
        trials: races against each earlier generation at each check.
        opening: commands of the random openings of the trials.
        seed: of the draws and of the first episode.
        max_steps: commands of an episode.
        progress: told each generation that is done, counted from 1.
    """
    rng = random.Random(seed)
    learner, pool = make(), [make()]
    for generation in range(1, generations + 1):
        best = make()
        best.load(pool[-1].dump())
        earlier = pool[1:]
        highest = _share(world, best, earlier, trials, opening, max_steps) if earlier else -1.0
        for check in range(checks if earlier else 1):
            for number in range(episodes // (checks if earlier else 1)):
                own = rng.choice(world.seats)
                agents = {seat: learner if seat == own else rng.choice(pool) for seat in world.seats}
                play(
                    world,
                    agents,
                    seed=seed + generation * episodes + check * (episodes // checks) + number,
                    explore=(own,),
                    learn=(own,),
                    max_steps=max_steps,
                )
                learner.end_episode()
            share = _share(world, learner, earlier, trials, opening, max_steps) if earlier else 0.0
            if share > highest:
                highest = share
                best.load(learner.dump())
        pool.append(best)
        progress(generation)
    return pool[1:]


def _share(
    world: World[Any], agent: Agent, others: Sequence[Agent], trials: int, opening: int, max_steps: int
) -> float:
    """Share of the races that an agent wins against others."""
    won = sum(
        races_won(world, agent, other, races=trials, opening=opening, seed=_TRIALS, max_steps=max_steps)
        for other in others
    )
    return won / (trials * len(others))


def races_won(
    world: World[Any],
    agent: Agent,
    other: Agent,
    *,
    races: int,
    opening: int,
    seed: int = 0,
    max_steps: int = 1000,
) -> int:
    """In how many races an agent gets more than every seat of another does, both playing greedily.

    Every random opening is raced once from each seat, so that a good start favours nobody.

    Args:
        world: the race.
        agent: in one seat.
        other: in all others.
        races: how many.
        opening: commands of the random opening, of all seats together.
        seed: of the first opening.
        max_steps: commands of a race.
    """
    won = 0
    for number in range(races):
        own = world.seats[number % len(world.seats)]
        agents = {seat: agent if seat == own else other for seat in world.seats}
        start = seed + number // len(world.seats)
        returns = play(world, agents, seed=start, opening=opening, max_steps=max_steps).returns
        won += all(returns[own] > value for seat, value in returns.items() if seat != own)
    return won
