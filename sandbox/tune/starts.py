"""Where the episodes of an evaluation start.

A world without chance is the same game whatever the seed. Played with eight seeds it would count as eight episodes
and say no more than one. So there, all episodes but the first start further on, after a few random commands.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from sandbox.types import World

LONGEST = 12
"""How many commands lead to a start, at most."""
_TRIES = 60


@dataclass(frozen=True, slots=True)
class EpisodeStart:
    """The world's own opening with a seed, and the commands that are given before the agent plays."""

    seed: int
    commands: tuple[str, ...] = ()


def starts(world: World[Any], seeds: Sequence[int]) -> tuple[EpisodeStart, ...]:
    """Where to start, the same each time it is asked: one start a seed, as far as there are different ones."""
    first, *others = (EpisodeStart(seed) for seed in seeds)
    if not is_fixed(world, seeds):
        return (first, *others)
    state = world.initial(first.seed)
    found, known = [first], {_seen(world, state)}
    for start in others:
        rng = np.random.default_rng(start.seed)
        for _ in range(_TRIES):
            commands, state = _wander(world, start.seed, rng)
            if world.to_move(state) is not None and (seen := _seen(world, state)) not in known:
                known.add(seen)
                found.append(EpisodeStart(start.seed, commands))
                break
    return tuple(found)


def is_fixed(world: World[Any], seeds: Sequence[int]) -> bool:
    """Whether a world is the same game with each of several seeds."""
    return len(seeds) > 1 and len({world.dump(world.initial(seed)) for seed in seeds}) == 1


def _wander(world: World[Any], seed: int, rng: np.random.Generator) -> tuple[tuple[str, ...], Any]:
    """A few random commands among those that do something, and the state that they lead to."""
    state, commands = world.initial(seed), list[str]()
    for _ in range(int(rng.integers(1, LONGEST, endpoint=True))):
        seat = world.to_move(state)
        candidates = (world.observe(state, seat).admissible or ()) if seat is not None else ()
        if seat is None or not candidates:
            break
        commands.append(candidates[int(rng.integers(len(candidates)))])
        state = world.step(state, seat, commands[-1]).state
    return tuple(commands), state


def _seen(world: World[Any], state: Any) -> tuple[str, ...]:
    """A state as its seats perceive it."""
    return tuple(world.observe(state, seat).state_key for seat in world.seats)
