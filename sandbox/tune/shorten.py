"""The shortest way to win that can be had by leaving out what was not needed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from typing import Any

from sandbox.types import Step, World

_PAIRS_UP_TO = 16
"""Longest win in which any two commands are tried to be left out together."""


@dataclass(slots=True)
class Remembered:
    """The steps of a world, each taken once: worlds are pure, and games of chance carry their chance in the state.

    Two states of a TextWorld game are taken for the same where the same facts hold and the score is the same,
    whatever was said on the way. So what is found here is to be played again on the world itself.
    """

    world: World[Any]
    _steps: dict[tuple[Any, str], Step[Any]] = field(default_factory=dict)

    def step(self, state: Any, seat: str, command: str) -> Step[Any]:
        """As `World.step`."""
        facts = getattr(state, "facts", None)
        key = (state if facts is None else (facts, state.score), command)
        try:
            step = self._steps.get(key)
        except TypeError:  # a state that cannot be hashed
            return self.world.step(state, seat, command)
        if step is None:
            step = self._steps[key] = self.world.step(state, seat, command)
        return step


def win(
    remembered: Remembered, seed: int, commands: Sequence[str], score: float | None = None, *, ends: bool = True
) -> tuple[str, ...] | None:
    """The commands up to the one that wins, with a score or, where it need not end, that reaches it; else None."""
    world = remembered.world
    state = world.initial(seed)
    points = {seat: world.observe(state, seat).score for seat in world.seats} if score is not None else {}
    for number, command in enumerate(commands, start=1):
        seat = world.to_move(state)
        if seat is None:
            return None
        step = remembered.step(state, seat, command)
        state = step.state
        if score is not None:  # added up: to observe a story's state takes more than all its steps
            points[seat] += step.rewards.get(seat, 0.0)
            if not ends and points[seat] >= score:
                return tuple(commands[:number])
            if step.terminated and (not ends or points[seat] < score):
                return None
        if step.terminated:
            return tuple(commands[:number]) if world.observe(state, seat).won else None
    return None


def shorten(
    remembered: Remembered, seed: int, commands: Sequence[str], score: float | None = None, *, ends: bool = True
) -> tuple[str, ...]:
    """Leave out commands as long as the rest still wins: spans, single ones, then any two together.

    After delta debugging (Zeller & Hildebrandt 2002). Leaving out any one command of what is returned loses, and
    any two of a short one. Commands that do not win are returned as they are.

    Args:
        remembered: the world.
        seed: of the episode.
        commands: that win.
        score: to be reached as well.
        ends: whether they must win, not only reach the score.
    """
    best = win(remembered, seed, commands, score, ends=ends)
    if best is None:
        return tuple(commands)
    shorter: tuple[str, ...] | None = best
    while shorter is not None:
        best = shorter
        shorter = next(
            (
                found
                for rest in _candidates(best)
                if (found := win(remembered, seed, rest, score, ends=ends)) is not None
            ),
            None,
        )
    return best


def _candidates(commands: tuple[str, ...]) -> Iterator[tuple[str, ...]]:
    """What is left after leaving something out, most left out first."""
    count = len(commands)
    size = count // 2
    while size >= 1:
        for start in range(count - size + 1):
            yield commands[:start] + commands[start + size :]
        size //= 2
    if count <= _PAIRS_UP_TO:
        for one, other in combinations(range(count), 2):
            yield commands[:one] + commands[one + 1 : other] + commands[other + 1 :]
