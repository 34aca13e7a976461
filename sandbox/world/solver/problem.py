"""A world as a search problem: when two states are one, what can be done in a state, and what comes of it."""

from __future__ import annotations

import time
from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Generic, TypeVar

from sandbox.abilities import Searchable, StochasticProblem, Varied
from sandbox.errors import WorldError
from sandbox.types import Step, World

S = TypeVar("S")

Facts = frozenset[Hashable]

SearchProgress = Callable[[int, int], None]
"""Told now and then how many states are known, and how many of them are yet to be looked into."""


@dataclass(frozen=True, slots=True)
class Limits:
    """Where a search stops. Whatever bound is met first ends it."""

    states: int = 50_000
    seconds: float = 60.0
    walks: int = 200
    """Random walks taken where the states are too many to be visited all."""
    steps: int = 200
    """Commands of one random walk."""
    waiting: float = 1.0
    """The share of the known states that may wait to be looked into, beyond the first thousand. Where more do, the
    search is not going to come to its end, and stops."""


DEFAULT_LIMITS = Limits()
FEW_STATES = 1_000
SETTLING = 1 / 3
"""For `Limits.waiting`: worlds whose states are all visited in the end have fewer waiting, as far as was seen."""


@dataclass(slots=True)
class Budget:
    """What is left of the limits."""

    limits: Limits
    progress: SearchProgress | None = None
    started: float = field(default_factory=time.monotonic)

    def spent(self, known: int, waiting: int) -> str:
        """Why the search has to stop here: `states`, `seconds`, or nothing."""
        if self.progress is not None and known % 256 == 0:
            self.progress(known, waiting)
        if known >= self.limits.states:
            return "states"
        if known > FEW_STATES and waiting > self.limits.waiting * known:
            return "states"
        return "seconds" if self.late() else ""

    def late(self) -> bool:
        """Whether the time is up."""
        return time.monotonic() - self.started > self.limits.seconds


@dataclass(frozen=True, slots=True)
class Situation:
    """What a search needs to know of one state."""

    seat: str | None
    """The seat to move; None where the world has ended."""
    commands: tuple[str, ...]
    winners: frozenset[str]


@dataclass(frozen=True)
class Problem(Generic[S]):
    """A world, and how far chance is followed.

    Args:
        world: any world that lists its admissible commands.
        chance: follow everything that chance may do, where the world can list it. Otherwise commands are
            carried out as they would be in play, with the random generator that the state carries.
    """

    world: World[S]
    chance: bool = True

    def starts(self, seed: int) -> Sequence[tuple[float, S]]:
        """The states that an episode may start in, with their probabilities."""
        if self.chance and isinstance(self.world, Varied):
            return self.world.initials()
        return ((1.0, self.world.initial(seed)),)

    def key(self, state: S) -> Hashable:
        """The identity of a state. A world without `solver_key` is taken at its word: its states must hash."""
        own: Hashable = self.world.solver_key(state) if isinstance(self.world, Searchable) else state
        return own, self.world.to_move(state)

    def facts(self, state: S) -> Facts:
        """What a state is made of, for novelty: here each value in its key, with its place."""
        return frozenset(_parts(self.key(state)))

    def look(self, state: S) -> Situation:
        world = self.world
        seat = world.to_move(state)
        observations = tuple(world.observe(state, each) for each in world.seats)
        commands: tuple[str, ...] = ()
        if seat is not None:
            admissible = observations[world.seats.index(seat)].admissible
            if admissible is None:
                raise WorldError(
                    f"{world.name} does not list its commands, so it cannot be searched",
                    hint="search a native world or a TextWorld game",
                )
            commands = admissible
        return Situation(
            seat=seat,
            commands=commands,
            winners=frozenset(seen.seat for seen in observations if seen.done and seen.won),
        )

    def results(self, state: S, seat: str, command: str) -> Sequence[tuple[float, Step[S]]]:
        """Outcomes with their probabilities."""
        if self.chance and isinstance(self.world, StochasticProblem):
            return self.world.outcomes(state, seat, command)
        return ((1.0, self.world.step(state, seat, command)),)


def _parts(key: Hashable, place: tuple[int, ...] = ()) -> Iterator[Hashable]:
    """Each value in nested tuples with its place, each member of a set."""
    if isinstance(key, tuple):
        for position, value in enumerate(key):
            yield from _parts(value, (*place, position))
    elif isinstance(key, frozenset):
        for member in key:
            yield place, member
    else:
        yield place, key
