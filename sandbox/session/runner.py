"""The turn loop without a screen: whole episodes, and what came of them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
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


def play_episode(session: Session, max_steps: int, on_step: Callable[[], None] = lambda: None) -> Episode:
    """Let the agents play from where the session stands until the world ends or `max_steps` commands are given.

    Every seat must be held by an agent.
    """
    steps = 0
    while not session.done and steps < max_steps:
        session.step()
        steps += 1
        on_step()
    seat = session.world.seats[0]
    last = session.observation(seat)
    return Episode(
        world=session.world.name,
        seed=session.episode_seed,
        won=last.won,
        score=last.score,
        max_score=last.max_score,
        steps=steps,
        commands=tuple(
            turn.command for turn in session.timeline.path(session.current.id) if turn.parent is not None
        ),
    )


def summarise(episodes: Sequence[Episode], seconds: float) -> Summary:
    """Won, score and steps over all episodes."""
    as_share = all(episode.max_score for episode in episodes)
    scores = [
        episode.score / episode.max_score if as_share and episode.max_score else episode.score
        for episode in episodes
    ]
    decisions = sum(episode.steps for episode in episodes)
    return Summary(
        episodes=len(episodes),
        won=statistics.proportion(sum(episode.won for episode in episodes), len(episodes)),
        score=statistics.mean(scores),
        score_is_share=as_share,
        steps=statistics.mean([episode.steps for episode in episodes]),
        seconds=seconds,
        decisions_per_second=decisions / seconds if seconds else 0.0,
    )


def as_json(episodes: Sequence[Episode], summary: Summary) -> dict[str, Any]:
    """The object that `sandbox run --json` prints."""
    return {
        "episodes": [
            {
                "world": episode.world,
                "seed": episode.seed,
                "won": episode.won,
                "score": episode.score,
                "steps": episode.steps,
                "commands": list(episode.commands),
            }
            for episode in episodes
        ],
        "summary": {
            "episodes": summary.episodes,
            "won": sum(episode.won for episode in episodes),
            "mean_score": sum(e.score for e in episodes) / len(episodes) if episodes else 0.0,
            "mean_steps": summary.steps.value,
            "seconds": summary.seconds,
            "decisions_per_second": summary.decisions_per_second,
        },
    }
