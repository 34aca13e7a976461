"""Hot reload: the commands given so far, played again in a world whose file was edited meanwhile."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, NamedTuple, TypeVar

from sandbox.types import World

S = TypeVar("S")


class Given(NamedTuple):
    """One command, and what its seat was reading when it gave it."""

    seat: str
    command: str
    read: str


@dataclass(frozen=True, slots=True)
class Difference:
    """Where the replay first reads otherwise than the episode that was played."""

    index: int
    """How many commands were carried out before."""
    seat: str
    before: str
    after: str
    """What the seat reads now; empty where it is no longer its turn, or the world has ended."""


@dataclass(frozen=True, slots=True)
class ReplayedEpisode(Generic[S]):
    """The episode in the edited world."""

    state: S
    carried: int
    """How many of the commands could be given again: all, unless the turns fall otherwise now."""
    difference: Difference | None


def replay(world: World[S], given: Sequence[Given], *, seed: int, reading: str = "") -> ReplayedEpisode[S]:
    """Play commands again, past the first difference, as long as each seat's turn comes.

    Args:
        world: the world as it is now.
        given: the commands so far, of all seats in their order.
        seed: of the episode.
        reading: what the seat to move was reading last, if it is to be compared too.
    """
    state = world.initial(seed)
    difference: Difference | None = None
    for index, turn in enumerate(given):
        if turn.seat not in world.seats or world.to_move(state) != turn.seat:
            return ReplayedEpisode(state, index, difference or Difference(index, turn.seat, turn.read, ""))
        now = world.observe(state, turn.seat).text
        if difference is None and now != turn.read:
            difference = Difference(index, turn.seat, turn.read, now)
        state = world.step(state, turn.seat, turn.command).state
    if difference is None and reading:
        seat = world.to_move(state) or (given[-1].seat if given else world.seats[0])
        now = world.observe(state, seat).text
        if now != reading:
            difference = Difference(len(given), seat, reading, now)
    return ReplayedEpisode(state, len(given), difference)
