"""Data without a teacher: a Q-learner explores a world until it wins, and its wins are shortened.

No walkthrough is read: what is learned from is the world's reward. In a world where only winning pays, random play
hardly ever sees a reward, so the learner is optimistic instead (Sutton & Barto, 2nd ed., ch. 2.6): what was never
tried is worth a win, and acting greedily leads to the nearest thing never tried. Long episodes suit it: going back
to the start means walking all of the way again.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.rl import exploration
from sandbox.rl.tabular import TabularQ
from sandbox.tune.examples import play_through
from sandbox.tune.shorten import Remembered, shorten
from sandbox.types import Transition, World


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
    max_steps: int = 100,
    budget: int = 4000,
    more: int = 200,
) -> Explored:
    """Learn a world by tabular Q-learning, and keep its shortest win.

    Args:
        world: with admissible commands. Several seats share what they learn.
        seed: of the world and of the exploration.
        max_steps: of an episode.
        budget: steps in all.
        more: steps after the first win, in which to find a shorter one.
    """
    rng = np.random.default_rng(seed)
    learner = TabularQ(alpha=1.0, gamma=0.9, initial=1.0)
    remembered = Remembered(world)
    best: tuple[str, ...] = ()
    steps = episodes = 0
    while steps < budget:
        commands, won = _episode(remembered, learner, rng, seed, max_steps)
        episodes += 1
        steps += max(len(commands), 1)
        if won and not best:
            budget = min(budget, steps + more)
        if won and (not best or len(commands) < len(best)):
            best = commands
    short = shorten(remembered, seed, best)
    # Remembered steps may have been another path's: only what wins on the world itself counts.
    played = next((way for way in (short, best) if way and play_through(world, seed, way)[1].won), ())
    return Explored(world=world.name, seed=seed, commands=played, found=len(best), episodes=episodes, steps=steps)


def _episode(
    remembered: Remembered, learner: TabularQ, rng: np.random.Generator, seed: int, max_steps: int
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
        command = candidates[exploration.greedy(learner.values(observation, candidates), rng)]
        step = remembered.step(state, seat, command)
        after = world.observe(step.state, seat)
        learner.update(
            Transition(
                observation=observation,
                command=command,
                reward=step.rewards.get(seat, 0.0),
                next_observation=after,
                candidates=after.admissible or (),
                terminated=step.terminated,
            )
        )
        commands.append(command)
        state = step.state
        if step.terminated:
            return tuple(commands), after.won
    return tuple(commands), False
