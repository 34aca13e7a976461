"""Going on from one state of an exploration: everything that can be done there is tried."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from sandbox.abilities import Glimpsed, Hashed
from sandbox.types import Observation, World

_WAIT = "wait"
_PATIENCE = 10
"""How often waiting is tried before nothing is thought to happen."""


@dataclass(frozen=True, slots=True)
class Found:
    """What a command led to."""

    command: str
    state: Any
    seen: Observation
    ended: bool
    times: int = 1
    """How often it was said."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of going on from a state."""

    found: list[Found]
    listed: bool
    """Whether with all commands of its list."""


def expand(world: World[Any], state: Any, commands: Sequence[str] | None = None) -> Tried:
    """Try commands at a state, all that are listed there where none are given, and wait for what may happen."""
    listed = world.observe(state, world.seats[0]).admissible or () if commands is None else commands
    found = try_all(world, state, listed)
    if _WAIT in world.verbs and (waited := _wait_for_change(world, state)):
        found.append(waited)
    return Tried(found, commands is None)


def try_all(world: World[Any], state: Any, commands: Sequence[str]) -> list[Found]:
    """What each of these commands leads to."""
    found = []
    for command in commands:
        step = world.step(state, world.seats[0], command)
        found.append(Found(command, step.state, glimpse(world, step.state), step.terminated or step.truncated))
    return found


def _wait_for_change(world: World[Any], state: Any) -> Found | None:
    """What happens first if one waits; None where nothing does."""
    before, later = identity(world, state, glimpse(world, state)), state
    for times in range(1, _PATIENCE + 1):
        step = world.step(later, world.seats[0], _WAIT)
        later, seen = step.state, glimpse(world, step.state)
        ended = step.terminated or step.truncated
        if ended or identity(world, later, seen) != before:
            return Found(_WAIT, later, seen, ended, times)
    return None


def glimpse(world: World[Any], state: Any) -> Observation:
    """What the seat perceives, without the list of commands where that takes time to find."""
    seat = world.seats[0]
    return world.glimpse(state, seat) if isinstance(world, Glimpsed) else world.observe(state, seat)


def identity(world: World[Any], state: Any, seen: Observation) -> str:
    """What tells a state from others: the world's own hash where it has one, else what can be done there."""
    hidden = world.world_hash(state) if isinstance(world, Hashed) else "\n".join(seen.admissible or ())
    return digest(seen.state_key, f"{seen.score:g}", hidden)


def digest(*parts: str) -> str:
    """Sixteen hex digits that stand for texts."""
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:16]
