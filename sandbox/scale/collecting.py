"""Runs that a pool plays: episodes in any order, turns from many workers, and one writer that keeps them in order.

The writer stands in the session of each world. It takes turns in the order of a run in one process, so that the
save, the learner and the log come out the same; what comes early waits. Its agents are the learner: they learn
from the turns as they are written, and publish what they know whenever an episode has ended. An episode is played
with the version that is `staleness` episodes old, no more and no less: how a run goes does not depend on who was
quick.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field

from sandbox.errors import PlayError
from sandbox.scale.episodes import EpisodeJob, Weights, learned_by
from sandbox.scale.jobs import JobDone, JobItem, Pool
from sandbox.session import runner
from sandbox.session.runner import Episode
from sandbox.session.session import Session
from sandbox.timeline import Turn

_AHEAD = 2
"""Episodes for each slot that may wait to be written: so many turns are in memory at most."""


@dataclass(kw_only=True)
class Course:
    """All episodes of one world.

    Args:
        number: tells it from the other courses of a run.
        pool: plays the episodes.
        session: where they are kept; it stands where the first one begins, or in it.
        first: number of the first, counted from 0.
        episodes: how many there are, those before the first included.
        seed: of the episode of number 0.
        max_steps: commands of an episode.
        staleness: how many episodes the weights of an episode may be behind it.
        begin: has the session stand where the episode of a number begins.
        ended: told of each, in order.
    """

    number: int
    pool: Pool
    session: Session
    first: int
    episodes: int
    seed: int
    max_steps: int
    staleness: int
    begin: Callable[[int], None]
    ended: Callable[[Episode], None]
    _submitted: int = 0
    _head: int = 0
    """The episode that is being written."""
    _early: dict[int, list[Turn]] = field(default_factory=lambda: defaultdict(list))
    _whole: set[int] = field(default_factory=set)
    _weights: dict[int, Weights] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._submitted = self._head = self.first
        self._first_episode = self.session.episode
        self._publish()

    @property
    def over(self) -> bool:
        return self._head == self.episodes

    def job(self) -> EpisodeJob | None:
        """The next episode, if it may begin by now."""
        number, session = self._submitted, self.session
        ahead = self.staleness if session.learn else _AHEAD * self.pool.slots
        if number >= self.episodes or number - self._head > ahead:
            return None
        wanted = max(self.first, number - self.staleness) if session.learn else self.first
        given = session.timeline.path(session.current.id)[1:] if number == self.first else ()
        self._submitted += 1
        return EpisodeJob(
            course=self.number,
            world=session.world.name,
            fingerprint=session.world.fingerprint,
            number=number,
            episode=self._first_episode + number - self.first,
            seed=self.seed + number,
            session_seed=session.seed,
            max_steps=self.max_steps,
            learn=session.learn,
            weights=self._weights[wanted],
            given=given,
            included=len(given),
        )

    def _publish(self) -> None:
        """Let episodes be played with what the agents know as the one at the head begins."""
        if self.session.learn or not self._weights:
            self._weights[self._head] = Weights(self._head, self.pool.share(learned_by(self.session)))
            for old in [each for each in self._weights if each < self._head - self.staleness]:
                del self._weights[old]

    def take(self, number: int, turns: Iterable[Turn]) -> None:
        """Write turns, or let them wait until it is their time."""
        self._early[number] += turns
        if number == self._head:
            self._write()

    def finish(self, number: int) -> None:
        """All turns of an episode have come."""
        self._whole.add(number)
        while self._head in self._whole:
            self._write()
            behind = min(self.staleness, self._head - self.first) if self.session.learn else 0
            self.ended(runner.episode_of(self.session, self.session.current.depth, staleness=behind))
            self._whole.remove(self._head)
            self._early.pop(self._head, None)
            self._head += 1
            if not self.over:
                self.begin(self._head)
                self._publish()

    def _write(self) -> None:
        for turn in self._early.pop(self._head, ()):
            write_once(self.session, turn)


def write_once(session: Session, turn: Turn) -> bool:
    """Have a session take a turn, unless it was written before: its key is episode and depth.

    Returns whether it was taken.

    Raises `PlayError` where turns before it are missing.
    """
    here = session.current
    if (turn.episode, turn.depth) <= (here.episode, here.depth):
        return False
    if (turn.episode, turn.depth) != (here.episode, here.depth + 1):
        raise PlayError(f"turn {turn.depth} of episode {turn.episode} came before those that lead to it")
    session.adopt(turn)
    return True


def collect(pool: Pool, courses: Iterator[Course]) -> None:
    """Play the episodes of all courses.

    Args:
        pool: its context is `Opens`.
        courses: each is opened when there is room for its first episode, and closed here when it is over.
    """
    under_way: dict[int, Course] = {}
    try:
        while True:
            while pool.free and (job := _next_job(under_way, courses)) is not None:
                pool.submit(job)
            if not pool.busy:
                return
            event = pool.next()
            assert isinstance(event.key, tuple), "episodes go by course and number"
            course, number = under_way[event.key[0]], event.key[1]
            match event:
                case JobItem(value=turns):
                    course.take(number, turns)
                case JobDone():
                    course.finish(number)
            if course.over:
                _close(under_way.pop(course.number))
    finally:
        for course in under_way.values():
            _close(course)


def _next_job(under_way: dict[int, Course], courses: Iterator[Course]) -> EpisodeJob | None:
    for course in under_way.values():
        if (job := course.job()) is not None:
            return job
    for course in courses:
        under_way[course.number] = course
        if (job := course.job()) is not None:
            return job
    return None


def _close(course: Course) -> None:
    course.session.close()
    course.session.world.close()
