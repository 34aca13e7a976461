"""The turn loop without a screen: whole episodes, and what came of them."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from sandbox import statistics
from sandbox.session.session import Session
from sandbox.statistics import Interval


@dataclass(frozen=True, slots=True, kw_only=True)
class Episode:
    """One episode as it went. In a world of several seats, score and won are those of the first."""

    world: str
    seed: int
    won: bool
    score: float
    max_score: float | None
    steps: int
    commands: tuple[str, ...]
    agents: tuple[str, ...] = ()
    """Names of the agents, seat by seat."""
    said: tuple[str, ...] = ()
    """What was said of each command, empty where nothing was; none at all where nobody speaks."""
    staleness: int = 0
    """How many episodes before it the agents had not learned from."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a number of episodes amount to, with 95 % confidence intervals."""

    episodes: int
    won: Interval
    """Share of the episodes that were won."""
    score: Interval
    """Mean score; the share of the highest score where every world knows its own."""
    score_is_share: bool
    steps: Interval
    seconds: float
    decisions_per_second: float


class Tally:
    """Episodes, in a few bytes each: what a summary of any number of them needs."""

    def __init__(self, episodes: Iterable[Episode] = ()) -> None:
        self.won = 0
        self.decisions = 0
        self._scores, self._shares, self._steps = array("d"), array("d"), array("d")
        for episode in episodes:
            self.add(episode)

    def extend(self, other: Tally) -> None:
        """Count the episodes of another tally too."""
        self.won += other.won
        self.decisions += other.decisions
        self._scores.extend(other._scores)
        self._shares.extend(other._shares)
        self._steps.extend(other._steps)

    def __len__(self) -> int:
        return len(self._scores)

    def add(self, episode: Episode) -> None:
        self.won += episode.won
        self.decisions += episode.steps
        self._scores.append(episode.score)
        if episode.max_score:
            self._shares.append(episode.score / episode.max_score)
        self._steps.append(episode.steps)

    @property
    def mean_score(self) -> float:
        return sum(self._scores) / len(self) if len(self) else 0.0

    def summary(self, seconds: float) -> Summary:
        """Won, score and steps over all episodes."""
        as_share = len(self._shares) == len(self)
        return Summary(
            episodes=len(self),
            won=statistics.proportion(self.won, len(self)),
            score=statistics.mean(self._shares if as_share else self._scores),
            score_is_share=as_share,
            steps=statistics.mean(self._steps),
            seconds=seconds,
            decisions_per_second=self.decisions / seconds if seconds else 0.0,
        )


def play_episode(
    session: Session,
    max_steps: int,
    on_step: Callable[[], None] = lambda: None,
    *,
    begun: int = 0,
    aloud: bool = False,
) -> Episode:
    """Let the agents play from where the session stands until the world ends or `max_steps` commands are given.

    Every seat must be held by an agent.

    Args:
        session: what is played.
        max_steps: commands that count.
        on_step: called after every command.
        begun: how many of them were given before.
        aloud: whether agents that can say why they do what they do. It takes as long again, and changes no choice.
    """
    from sandbox.session import talk

    steps = begun
    while not session.done and steps < max_steps:
        if aloud:
            talk.step(session)
        else:
            session.step()
        steps += 1
        on_step()
    return episode_of(session, steps, aloud=aloud)


def episode_of(session: Session, steps: int, *, aloud: bool = False, staleness: int = 0) -> Episode:
    """What came of the episode, up to where a session stands, after so many commands that count."""
    from sandbox.session import talk

    seat = session.world.seats[0]
    last = session.observation(seat)
    path = session.timeline.path(session.current.id)
    return Episode(
        world=session.world.name,
        seed=session.episode_seed,
        won=last.won,
        score=last.score,
        max_score=last.max_score,
        steps=steps,
        commands=tuple(turn.command for turn in path if turn.parent is not None),
        agents=tuple(agent.name for agent in session.seats.values() if agent is not None),
        said=tuple(talk.said_of(session, turn) for turn in path if turn.parent is not None) if aloud else (),
        staleness=staleness,
    )


def episode_as_json(episode: Episode) -> dict[str, Any]:
    """One episode, as a line of `sandbox run --jsonl`; what was said is in it where agents were to speak."""
    told = asdict(episode)
    if not episode.said:
        del told["said"]
    return told


def as_json(
    episodes: Sequence[Episode], tally: Tally, summary: Summary, *, complete: bool = True
) -> dict[str, Any]:
    """The object that `sandbox run --json` prints.

    Args:
        episodes: all of them.
        tally: of the same.
        summary: of the same.
        complete: whether these are all episodes that were asked for; where not, the summary says so.
    """
    told = ("world", "seed", "won", "score", "steps", "commands")
    return {
        "episodes": [
            {name: getattr(episode, name) for name in (*told, *(["said"] if episode.said else []))}
            for episode in episodes
        ],
        "summary": {
            "episodes": summary.episodes,
            "won": tally.won,
            "mean_score": tally.mean_score,
            "mean_steps": summary.steps.value if summary.episodes else 0.0,
            "seconds": summary.seconds,
            "decisions_per_second": summary.decisions_per_second,
        }
        | ({} if complete else {"complete": False}),
    }
