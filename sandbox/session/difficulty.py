"""How hard a world is, measured by agents: how often each wins it, and within how many turns."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

from sandbox import statistics
from sandbox.abilities import Stochastic
from sandbox.session.runner import Episode, play_episode
from sandbox.session.session import Session
from sandbox.statistics import Interval

PRACTICE = 100
EPISODES = 20
TURNS = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class DifficultyTally:
    """How one agent has fared so far."""

    agent: str
    practice: int
    """Episodes that it has practised; what it did in them does not count."""
    to_practise: int
    planned: int
    """Episodes that are to count."""
    turns: int
    """Commands that an episode may take."""
    episodes: tuple[Episode, ...] = ()
    """Those that count."""
    alike: bool = False
    """Whether it plays the same game each time, so that one episode says all there is."""

    @property
    def done(self) -> bool:
        return self.alike or len(self.episodes) == self.planned

    @property
    def budgets(self) -> tuple[int, ...]:
        """Numbers of turns to tell the wins by, ascending."""
        return tuple(sorted({max(self.turns // part, 1) for part in (4, 2, 1)}))

    @property
    def progress(self) -> str:
        """How far it is, for a person."""
        if self.practice < self.to_practise:
            return f"{self.agent} practises: {self.practice} of {self.to_practise}"
        return f"{self.agent} plays: {len(self.episodes)} of {self.planned}"

    def won(self, turns: int) -> Interval:
        """The share of episodes that were won within so many turns."""
        wins = sum(episode.won and episode.steps <= turns for episode in self.episodes)
        return statistics.proportion(wins, len(self.episodes))

    @property
    def score(self) -> Interval:
        """The mean share of the highest score, where the world knows it; else the mean score."""
        return statistics.mean([each.score / (each.max_score or 1) for each in self.episodes])

    def as_json(self) -> dict[str, Any]:
        """Numbers for a program."""
        return {
            "agent": self.agent,
            "progress": self.progress,
            "practice": self.practice,
            "to_practise": self.to_practise,
            "episodes": len(self.episodes),
            "planned": self.planned,
            "alike": self.alike,
            "done": self.done,
            "won": {turns: _numbers(self.won(turns)) for turns in self.budgets if self.episodes},
            "score": _numbers(self.score) if self.episodes else None,
        }


def measure(
    session: Session,
    agent: str,
    *,
    practice: int,
    episodes: int = EPISODES,
    turns: int = TURNS,
    seconds: float = math.inf,
) -> Iterator[DifficultyTally]:
    """Let an agent that holds every seat practise, and then play episodes that count, in which it learns nothing.

    Args:
        session: at the opening of its first episode.
        agent: name to report under.
        practice: episodes in which it learns first.
        episodes: those that count; fewer are played where they all would be the same.
        turns: commands that an episode may take.
        seconds: what all of it may take, as far as whole episodes allow: half of it for practice, at most.

    Yields:
        how it stands after each episode.
    """
    tally = DifficultyTally(agent=agent, practice=0, to_practise=practice, planned=episodes, turns=turns)
    chance = _chance(session.world)
    yield tally
    started, first = time.monotonic(), True
    while True:
        if not first:
            session.new_episode()
        first = False
        spent = time.monotonic() - started
        if spent > seconds / 2 and not tally.episodes:
            tally = replace(tally, to_practise=tally.practice)
        session.learn = tally.practice < tally.to_practise
        episode = play_episode(session, turns)
        if session.learn:
            tally = replace(tally, practice=tally.practice + 1)
        else:
            before = tally.episodes[-1:]
            alike = not chance and bool(before) and before[0].commands == episode.commands
            tally = replace(tally, episodes=tally.episodes if alike else (*tally.episodes, episode), alike=alike)
        if tally.episodes and time.monotonic() - started > seconds:
            tally = replace(tally, planned=len(tally.episodes))
        yield tally
        if tally.done:
            return


def _chance(world: Any) -> bool:
    """Whether the same commands may lead elsewhere in another episode."""
    return not isinstance(world, Stochastic) or world.random or world.varied


def _numbers(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}
