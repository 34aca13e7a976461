"""Data without a teacher: a Q-learner explores a world until it wins, and its wins are shortened.

No walkthrough is read: what is learned from is the world's reward.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.rl import exploration
from sandbox.rl.exploration import Schedule
from sandbox.rl.tabular import TabularQ
from sandbox.tune.examples import play_through
from sandbox.tune.shorten import Remembered, shorten
from sandbox.types import Transition, World

EPSILON = Schedule(1.0, 0.1, 60, "episodes", "linear")


@dataclass(frozen=True, slots=True, kw_only=True)
class Explored:
    """What came of exploring one world."""

    world: str
    seed: int
    commands: tuple[str, ...]
    """The shortest win, with what it did not need left out; empty where none was found."""
    found: int
    """Length of the win before it was shortened."""
    episodes: int
    steps: int


def explore(
    world: World[Any],
    *,
    seed: int = 0,
    episodes: int = 120,
    max_steps: int = 30,
    patience: int = 15,
) -> Explored:
    """Learn a world by tabular Q-learning, and keep its shortest win.

    Args:
        world: with one seat, and admissible commands.
        seed: of the world and of the exploration.
        episodes: at most.
        max_steps: of an episode.
        patience: episodes without a shorter win, after which it is enough.
    """
    rng = np.random.default_rng(seed)
    learner = TabularQ(alpha=0.5, gamma=0.9)
    remembered = Remembered(world)
    best: tuple[str, ...] = ()
    idle = steps = played = 0
    for played in range(1, episodes + 1):
        commands, won = _episode(remembered, learner, rng, EPSILON.at(steps=steps, episodes=played - 1), seed, max_steps)
        steps += len(commands)
        if won and (not best or len(commands) < len(best)):
            best, idle = commands, 0
        elif best:
            idle += 1
            if idle >= patience:
                break
    short = shorten(remembered, seed, best) if best else ()
    if short and not play_through(world, seed, short)[1].won:
        short = best if play_through(world, seed, best)[1].won else ()
    return Explored(
        world=world.name, seed=seed, commands=short, found=len(best), episodes=played, steps=steps
    )


def _episode(
    remembered: Remembered,
    learner: TabularQ,
    rng: np.random.Generator,
    epsilon: float,
    seed: int,
    max_steps: int,
) -> tuple[tuple[str, ...], bool]:
    """Play and learn from one episode. Returns its commands, and whether they won."""
    world = remembered.world
    state = world.initial(seed)
    commands: list[str] = []
    while (seat := world.to_move(state)) is not None and len(commands) < max_steps:
        observation = world.observe(state, seat)
        candidates = observation.admissible or ()
        if not candidates:
            break
        chosen, _ = exploration.epsilon_greedy(learner.values(observation, candidates), epsilon, rng)
        step = remembered.step(state, seat, candidates[chosen])
        after = world.observe(step.state, seat)
        learner.update(
            Transition(
                observation=observation,
                command=candidates[chosen],
                reward=step.rewards.get(seat, 0.0),
                next_observation=after,
                candidates=after.admissible or (),
                terminated=step.terminated,
            )
        )
        commands.append(candidates[chosen])
        state = step.state
        if step.terminated:
            return tuple(commands), after.won
    return tuple(commands), False
