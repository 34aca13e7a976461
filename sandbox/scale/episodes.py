"""An episode as a job: played in a session that nobody keeps, its turns sent to where they are kept."""

from __future__ import annotations

import time
from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Protocol, Self

from sandbox.errors import WorldError
from sandbox.scale.jobs import Shared, Workplace
from sandbox.session.players import Seating
from sandbox.session.session import Session
from sandbox.timeline import Turn

_TOGETHER = 0.1
"""Seconds for which turns are gathered before they are sent: a message for each would cost more than they do."""

Learned = Mapping[str, Mapping[str, bytes]]
"""What the agents have learned, by the first seat of each."""


def learned_by(session: Session) -> Learned:
    """What the agents of a session have learned by now."""
    return {seat: agent.dump() for seat, agent in Seating(session.seats).agents().items()}


@dataclass(frozen=True, slots=True)
class Weights:
    """What agents play with."""

    version: int
    """How many episodes of the run had been learned from, and how many had ended."""
    learned: Shared
    """`Learned`."""


class Opens(Protocol):
    """The context of a pool in which episodes are played."""

    def open(self, world: str, seed: int, place: Workplace) -> Session:
        """A session of this seed that nobody keeps, with the agents of the run. Raises `SandboxError`."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EpisodeJob:
    """One episode. Its items are tuples of turns, in order; a turn's key is that of the job with its depth."""

    course: int
    """Of the run, which has one for each world."""
    world: str
    fingerprint: str
    number: int
    """Of the episode in its course, counted from 0."""
    episode: int
    """Its number in the save: decisions depend on it."""
    seed: int
    """Of the episode."""
    session_seed: int
    max_steps: int
    learn: bool
    weights: Weights
    given: tuple[Turn, ...] = ()
    """Turns of it that were played before."""
    included: int = 0
    """How many of these the weights have learned from."""

    @property
    def key(self) -> Hashable:
        return self.course, self.number

    def work(self, place: Workplace) -> Iterator[tuple[Turn, ...]]:
        opens: Opens = place.context
        made = (self.world, self.session_seed)
        with place.lent(made, lambda: _Stage(opens.open(*made, place))) as stage:
            yield from stage.play(self)

    def after(self, items: Sequence[tuple[Turn, ...]]) -> Self:
        return replace(self, given=(*self.given, *chain.from_iterable(items)))


class _Stage:
    """A session that one worker plays episode after episode in."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._known: tuple[int, int] | None = None
        """The version that the agents are at, and how many episodes have ended for them; None where that is
        nobody's."""

    def play(self, job: EpisodeJob) -> Iterator[tuple[Turn, ...]]:
        session = self._session
        if session.world.fingerprint != job.fingerprint:
            raise WorldError(
                f"{job.world} is another world on a worker than here",
                hint="all machines need the same home folder and the same version of the program",
            )
        session.learn = False
        known, self._known = self._known, None
        session.new_episode(seed=job.seed, number=job.episode)
        session.drop_earlier()
        for turn in job.given[: job.included]:
            session.adopt(turn)
        self._arm(job, known)
        session.learn = job.learn
        for turn in job.given[job.included :]:
            session.adopt(turn)
        played: list[Turn] = []
        since = time.monotonic()
        while not session.done and session.current.depth < job.max_steps:
            played.append(session.step())
            if time.monotonic() - since > _TOGETHER:
                yield tuple(played)
                played, since = [], time.monotonic()
        if not job.learn:
            self._known = job.weights.version, job.number
        elif job.weights.version == job.number:
            self._known = job.number + 1, job.number
        if played:
            yield tuple(played)

    def _arm(self, job: EpisodeJob, known: tuple[int, int] | None) -> None:
        """Have the agents know what the weights know, and be as far on in their schedules as the episode is."""
        agents = Seating(self._session.seats).agents()
        version, ended = known or (-1, 0)
        ended += 1  # a new episode has been opened since
        if version != job.weights.version or ended > job.number or job.included:
            learned: Learned = job.weights.learned.get()
            for seat, agent in agents.items():
                agent.load(learned[seat])
            ended = job.weights.version
        for _ in range(job.number - ended):
            for agent in agents.values():
                agent.end_episode()
