"""Self-play: every generation of an agent learns against a pool of the earlier ones.

Fictitious self-play in its plainest form (Heinrich, Lanctot & Silver, ICML 2015): an opponent drawn from all
earlier selves keeps an agent from forgetting how to beat what it has left behind, which playing only against the
latest self does not. Opponents play greedily: what is learned against one that stumbles is how to take one's time.
A generation is done when it wins often enough against all before it, as AlphaGo Zero put a network in the place of
the best one only after it had won 55 of 100 games against it (Silver et al., Nature 2017).
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.multiagent.team import play
from sandbox.types import Agent, World

_TRIALS = 1_000_000_000
"""Where the seeds of trials begin, far from those of learning."""


def self_play(
    world: World[Any],
    make: Callable[[], Agent],
    *,
    generations: int,
    episodes: int,
    wanted: float = 0.8,
    tries: int = 10,
    trials: int = 20,
    opening: int = 0,
    seed: int = 0,
    max_steps: int = 1000,
    progress: Callable[[int], None] = lambda generation: None,
) -> list[Agent]:
    """The generations of one agent, oldest first. It learns on and on; they are what it was on the way.

    Args:
        world: for two seats or more. The agent learns to play all of them.
        make: a fresh agent.
        generations: how many.
        episodes: that a generation learns from before it is tried out. The seat it learns in is drawn anew for
            every episode, and so is the earlier self in each other seat. The first plays against one that knows
            nothing, and is what it is after these episodes: it has nobody to be judged by.
        wanted: share of its trials that a generation has to win.
        tries: how often it is tried out at most; then it is what it was at its best.
        trials: races against each earlier generation at each try.
        opening: commands of the random openings of episodes and trials.
        seed: of the draws and of the first episode.
        max_steps: commands of an episode.
        progress: told each generation that is done, counted from 1.
    """
    rng = random.Random(seed)
    learner, pool = make(), [make()]
    played = 0
    for generation in range(1, generations + 1):
        best, highest, earlier = make(), -1.0, pool[1:]
        for _ in range(tries if earlier else 1):
            for _ in range(episodes):
                own = rng.choice(world.seats)
                agents = {seat: learner if seat == own else rng.choice(pool) for seat in world.seats}
                play(
                    world,
                    agents,
                    seed=seed + played,
                    explore=(own,),
                    learn=(own,),
                    opening=opening,
                    max_steps=max_steps,
                )
                learner.end_episode()
                played += 1
            share = _share(world, learner, earlier, trials, opening, max_steps)
            if share >= highest:
                highest = share
                best.load(learner.dump())
            if share >= wanted:
                break
        pool.append(best)
        progress(generation)
    return pool[1:]


def _share(
    world: World[Any], agent: Agent, others: Sequence[Agent], trials: int, opening: int, max_steps: int
) -> float:
    """Share of the races that an agent wins against others; 0 where there are none."""
    won = sum(
        races_won(world, agent, other, races=trials, opening=opening, seed=_TRIALS, max_steps=max_steps)
        for other in others
    )
    return won / max(trials * len(others), 1)


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
