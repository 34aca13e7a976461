"""The encounters of a league as jobs: nobody learns in them, so that all can be played at once."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from sandbox.multiagent.league import Encounter, Meeting, meet
from sandbox.multiagent.team import Agents
from sandbox.scale.jobs import PiecesJob, Pool, Shared, Workplace, in_order
from sandbox.types import World

_AT_ONCE = 8
"""Encounters of one job."""


class OpensLeague(Protocol):
    """The context of a pool in which a league is played."""

    def cast(self, place: Workplace) -> tuple[World[Any], Mapping[str, Agents]]:
        """The world, and every agent by name and seat, as they are before they have learned."""


@dataclass(frozen=True, kw_only=True)
class LeagueJob(PiecesJob[Meeting]):
    """Some encounters; its items are these, without their transitions."""

    learned: Shared
    """What every agent has learned, by name and seat."""
    max_steps: int

    def work(self, place: Workplace) -> Iterator[Encounter]:
        opens: OpensLeague = place.context

        def gathered() -> tuple[World[Any], Mapping[str, Agents]]:
            world, cast = opens.cast(place)
            for name, seats in self.learned.get().items():
                for seat, records in seats.items():
                    cast[name][seat].load(records)
            return world, cast

        with place.lent("league", gathered) as (world, cast):
            for meeting in self.pieces:
                found = meet(world, cast, meeting, max_steps=self.max_steps)
                yield replace(found, match=replace(found.match, transitions={}))


def play_meetings(
    pool: Pool, meetings: Sequence[Meeting], cast: Mapping[str, Agents], *, max_steps: int
) -> Iterator[Encounter]:
    """Have a pool play encounters, with what the agents of the cast have learned by now, in their order."""
    learned = pool.share({name: {seat: a.dump() for seat, a in seats.items()} for name, seats in cast.items()})
    return in_order(
        pool,
        (
            LeagueJob(
                key=start, pieces=tuple(meetings[start : start + _AT_ONCE]), learned=learned, max_steps=max_steps
            )
            for start in range(0, len(meetings), _AT_ONCE)
        ),
    )
