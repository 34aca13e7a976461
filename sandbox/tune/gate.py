"""The gate: the same episodes before and after, and whether what came after is at least not worse."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from sandbox import statistics
from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card
from sandbox.session import runner
from sandbox.session.runner import Episode
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.text import clean_line
from sandbox.tune.errors import Stopped
from sandbox.tune.starts import EpisodeStart
from sandbox.types import LanguageModel, World

Rule = Literal["not-worse", "better", "none"]
Verdict = Literal["better", "not worse", "worse", "too few episodes", "not measured"]

ENOUGH = 8
"""Episodes below which nothing is said."""
TOLERANCE = 0.05
"""How far below 0 the lower bound of the difference may lie, as a share of the highest score."""


_Number = Annotated[float, Field(allow_inf_nan=False)]


class Side(BaseModel):
    """How one side did."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    episodes: int
    won: int
    score: _Number
    """Mean; the share of the highest score where every world knows its own."""
    steps: _Number
    """Mean, over all episodes."""
    steps_won: _Number | None
    """Mean, over the episodes that were won."""


class Bounds(BaseModel):
    """A mean of paired differences, after minus before, with its 95 % confidence interval."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    value: float
    low: float
    high: float


class GateResult(BaseModel):
    """What the gate measured and what it says."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    before: Side
    after: Side
    won: Bounds
    score: Bounds
    steps: Bounds
    verdict: Verdict
    passed: bool
    """Whether the rule of the round is met."""
    reason: Annotated[str, AfterValidator(clean_line)]
    """One line for a person."""


def play(
    card: Card,
    model: LanguageModel,
    world: World[Any],
    starts: Iterable[EpisodeStart],
    *,
    max_steps: int = 25,
    on_episode: Callable[[Episode], None] = lambda episode: None,
    stop: Callable[[], bool] = lambda: False,
) -> list[Episode]:
    """Play a world from every start: the language model alone, no Q, nothing explored, nothing learned.

    Raises:
        Stopped: `stop`, asked at every step, said yes.
    """

    def check() -> None:
        if stop():
            raise Stopped("stopped while it was evaluated")

    alone = card.model_copy(update={"learner": None})
    agent = CardAgent(alone, model, None, verbs=world.verbs)
    episodes = []
    for start in starts:
        with Store.memory() as store:
            seats = dict.fromkeys(world.seats, agent)
            session = Session.create(store, world, seats, seed=start.seed, learn=False)
            for command in start.commands:
                session.act(command, chooser="script")
            episodes.append(runner.play_episode(session, max_steps, check))
        on_episode(episodes[-1])
    return episodes


def compare(before: Sequence[Episode], after: Sequence[Episode], rule: Rule = "not-worse") -> GateResult:
    """The same episodes side by side. Raises `ValueError` where they are not the same."""
    if [(e.world, e.seed) for e in before] != [(e.world, e.seed) for e in after]:
        raise ValueError("the episodes are not the same ones")
    as_share = all(episode.max_score for episode in before)
    score = _paired(*([_score(e, as_share) for e in side] for side in (before, after)))
    won = _paired(*([float(e.won) for e in side] for side in (before, after)))
    steps = _paired(*([float(e.steps) for e in side] for side in (before, after)))
    verdict, reason = _verdict(len(before), score, won)
    passed = rule == "none" or verdict == "better" or (rule == "not-worse" and verdict == "not worse")
    return GateResult(
        before=_side(before, as_share),
        after=_side(after, as_share),
        won=won,
        score=score,
        steps=steps,
        verdict=verdict,
        passed=passed,
        reason=reason,
    )


def _verdict(episodes: int, score: Bounds, won: Bounds) -> tuple[Verdict, str]:
    change = f"score {score.value:+.0%} [{score.low:+.0%}, {score.high:+.0%}]"
    if episodes < ENOUGH:
        return "too few episodes", f"{change}, from {episodes} episodes: at least {ENOUGH} are needed to tell"
    if score.low > 0:
        return "better", f"{change}: better"
    if score.low >= -TOLERANCE and won.low >= -TOLERANCE:
        return "not worse", f"{change}: not worse"
    return "worse", f"{change}: it may be worse by more than {TOLERANCE:.0%}"


def _paired(before: Sequence[float], after: Sequence[float]) -> Bounds:
    interval = statistics.paired_difference(before, after)
    return Bounds(value=interval.value, low=interval.low, high=interval.high)


def _side(episodes: Sequence[Episode], as_share: bool) -> Side:
    steps_won = [episode.steps for episode in episodes if episode.won]
    return Side(
        episodes=len(episodes),
        won=sum(episode.won for episode in episodes),
        score=_mean([_score(episode, as_share) for episode in episodes]),
        steps=_mean([episode.steps for episode in episodes]),
        steps_won=_mean(steps_won) if steps_won else None,
    )


def _score(episode: Episode, as_share: bool) -> float:
    return episode.score / episode.max_score if as_share and episode.max_score else episode.score


def _mean(values: Sequence[float]) -> float:
    return math.fsum(values) / len(values) if values else 0.0
