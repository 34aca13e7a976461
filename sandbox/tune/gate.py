"""The gate: the same episodes before and after, and whether what came after is at least not worse.

It says "not worse" only where it can tell: where a loss of more than the tolerance would have shown with the
confidence that was asked for. Else it is undecided, and says what is missing.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
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
from sandbox.tune import noninferiority
from sandbox.tune.errors import Stopped
from sandbox.tune.noninferiority import CONFIDENCE as CONFIDENCE
from sandbox.tune.noninferiority import TOLERANCE as TOLERANCE
from sandbox.tune.starts import EpisodeStart
from sandbox.types import LanguageModel, World

Rule = Literal["not-worse", "better", "none"]
Verdict = Literal["better", "not worse", "worse", "undecided", "too few episodes", "not measured"]

ENOUGH = 8
"""Episodes below which nothing is said."""
_SURE = 0.975
"""Confidence, one-sided, of the claim that it is better."""


FORGETTING = 1.5
"""Growth of the perplexity on the fixed text from which a round fails."""
STAMMER = 0.25
"""Growth of the share of empty or repeated commands from which a round fails, unless it is better all the same."""


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
    """A mean of paired differences, after minus before, with its 95 % confidence interval.

    The episodes of one world count as one, where there are several worlds.
    """

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
    tolerance: float = TOLERANCE
    confidence: float = CONFIDENCE
    needed: int | None = None
    """Worlds, or episodes of the one world, that it would take to tell; None where that was not worked out."""


def play(
    card: Card,
    model: LanguageModel,
    world: World[Any],
    starts: Iterable[EpisodeStart],
    *,
    max_steps: int = 25,
    on_episode: Callable[[Episode], None] = lambda episode: None,
    stop: Callable[[], bool] = lambda: False,
    enough: Callable[[], bool] = lambda: False,
) -> list[Episode]:
    """Play a world from every start: the language model alone, no Q, nothing explored, nothing learned.

    No more is played once `enough`, asked after every episode, says yes.

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
        if enough():
            break
    return episodes


def compare(
    before: Sequence[Episode],
    after: Sequence[Episode],
    rule: Rule = "not-worse",
    *,
    tolerance: float = TOLERANCE,
    confidence: float = CONFIDENCE,
    perplexity: tuple[float, float] | None = None,
    planned: int | None = None,
    looks: bool = False,
) -> GateResult:
    """The same episodes side by side. Raises `ValueError` where they are not the same.

    Args:
        before: as the episodes went.
        after: the same ones, or the first of them, where the gate stopped them early.
        rule: what the round asks for.
        tolerance: how much worse counts as not worse, as a share of wins and of the highest score.
        confidence: how sure the gate has to be.
        perplexity: on a fixed text, before and after.
        planned: how many episodes were to be played, where `before` is not all of them.
        looks: whether it was looked at on the way, by `settled`.
    """
    verdict, reason, needed = decide(
        before,
        after,
        tolerance=tolerance,
        confidence=confidence,
        perplexity=perplexity,
        planned=planned,
        looks=looks,
    )
    before = before[: len(after)]
    as_share = all(episode.max_score for episode in before)
    return GateResult(
        before=_side(before, as_share),
        after=_side(after, as_share),
        won=_paired(before, after, lambda e: float(e.won)),
        score=_paired(before, after, lambda e: _score(e, as_share)),
        steps=_paired(before, after, lambda e: float(e.steps)),
        verdict=verdict,
        passed=passes(verdict, rule),
        reason=reason,
        tolerance=tolerance,
        confidence=confidence,
        needed=needed,
    )


def passes(verdict: Verdict, rule: Rule = "not-worse") -> bool:
    """Whether a verdict meets the rule of a round."""
    return rule == "none" or verdict == "better" or (rule == "not-worse" and verdict == "not worse")


def decide(
    before: Sequence[Episode],
    after: Sequence[Episode],
    *,
    tolerance: float = TOLERANCE,
    confidence: float = CONFIDENCE,
    perplexity: tuple[float, float] | None = None,
    planned: int | None = None,
    looks: bool = False,
) -> tuple[Verdict, str, int | None]:
    """The verdict, the reason, and how many worlds or episodes it takes to tell; arguments as of `compare`."""
    demand = _demand(before, len(after), confidence) if looks else None
    if looks and demand is None:  # it was stopped between two looks, or all was played
        demand = _at_look(confidence, -1)
    planned, before = planned or len(before), before[: len(after)]
    if [(e.world, e.seed) for e in before] != [(e.world, e.seed) for e in after]:
        raise ValueError("the episodes are not the same ones")
    measures = _measures(before, after, all(episode.max_score for episode in before))
    verdict, reason = _verdict(before, measures, tolerance, demand or _Demand(confidence, confidence))
    if planned > len(before):
        reason += f", stopped after {len(before)} of {planned} episodes"
        if not (looks and passes(verdict)):
            reason += ": it could not pass any more"
            verdict = "worse" if verdict == "worse" else "undecided"
    if harm := _harm(before, after, perplexity, verdict):
        verdict, reason = "worse", f"{reason}; but {harm}"
    decisive = measures["won"] if any(measures["won"]) or not any(measures["score"]) else measures["score"]
    return verdict, reason, noninferiority.needed(decisive, tolerance, confidence) if before else None


def hopeless(
    before: Sequence[Episode],
    after: Sequence[Episode],
    *,
    tolerance: float = TOLERANCE,
    confidence: float = CONFIDENCE,
) -> bool:
    """Whether the gate could not be passed any more, were all that is still to be played won.

    So stopping there changes no verdict from passed to failed: it costs no power and no confidence.
    """
    played = len(after)
    if min(len(before), played) < ENOUGH:
        return False
    best = [float(e.won) for e in after] + [1.0] * (len(before) - played)
    differences = _clustered(before, [b - float(e.won) for e, b in zip(before, best, strict=True)])
    return noninferiority.limits(differences, confidence).low < -tolerance


def settled(
    before: Sequence[Episode],
    after: Sequence[Episode],
    rule: Rule = "not-worse",
    *,
    tolerance: float = TOLERANCE,
    confidence: float = CONFIDENCE,
) -> bool:
    """Whether the gate is passed already, before all episodes of `before` were played again.

    It is looked after a quarter, a half and three quarters of the worlds, which have a random order, or of the
    episodes of one world alone. Early looks ask for more than the last, so that all together are as sure as one.
    """
    demand = _demand(before, len(after), confidence)
    if demand is None or len(after) == len(before):
        return False
    played = before[: len(after)]
    measures = _measures(played, after, all(episode.max_score for episode in played))
    return passes(_verdict(played, measures, tolerance, demand)[0], rule)


def _demand(before: Sequence[Episode], played: int, confidence: float) -> _Demand | None:
    """What the look after so many episodes asks for; None where there is none."""
    worlds = [episode.world for episode in before]
    alone = len(set(worlds)) == 1
    if not played or not (alone or played == len(before) or worlds[played] not in worlds[:played]):
        return None
    done, planned = (played, len(before)) if alone else (len(set(worlds[:played])), len(set(worlds)))
    for number, share in enumerate(noninferiority.LOOKS):
        if done == math.ceil(share * planned):
            return _at_look(confidence, number)
    return None


def _at_look(confidence: float, number: int) -> _Demand:
    asked = noninferiority.boundaries(confidence)[number]
    last = number in (-1, len(noninferiority.LOOKS) - 1)
    return _Demand(asked, confidence if last else asked, noninferiority.boundaries(_SURE)[number])


def _measures(before: Sequence[Episode], after: Sequence[Episode], as_share: bool) -> dict[str, list[float]]:
    """Paired differences, after minus before, each in [-1, 1], by cluster."""
    unit = 1.0 if as_share else max((abs(e.score) for e in (*before, *after)), default=0.0) or 1.0
    longest = max((e.steps for e in (*before, *after)), default=1) or 1
    pairs = list(zip(before, after, strict=True))
    return {
        "won": _clustered(before, [float(b.won) - float(a.won) for a, b in pairs]),
        "score": _clustered(before, [(_score(b, as_share) - _score(a, as_share)) / unit for a, b in pairs]),
        "steps": _clustered(before, [(b.steps - a.steps) / longest for a, b in pairs]),
    }


def _clustered(episodes: Sequence[Episode], values: Sequence[float]) -> list[float]:
    """The mean of each world; of one world alone its episodes, which speak of that world and of no other."""
    worlds: dict[str, list[float]] = {}
    for episode, value in zip(episodes, values, strict=True):
        worlds.setdefault(episode.world, []).append(value)
    return list(values) if len(worlds) == 1 else [_mean(each) for each in worlds.values()]


@dataclass(frozen=True, slots=True)
class _Demand:
    """How sure the bounds have to be."""

    not_worse: float
    silent: float
    """The same where nothing differs, by an exact bound that looks on the way take nothing from."""
    better: float = _SURE


def _verdict(
    before: Sequence[Episode], measures: Mapping[str, Sequence[float]], tolerance: float, demand: _Demand
) -> tuple[Verdict, str]:
    """Where somebody won, wins and scores decide; where nobody did, scores and how long it went on."""
    nobody = not any(episode.won for episode in before) and not any(measures["won"])
    found = {
        name: noninferiority.limits(each, demand.not_worse if any(each) else demand.silent)
        for name, each in measures.items()
    }
    deciding = [found["score"], found["steps" if nobody else "won"]]
    score, units = found["score"], len(measures["won"])
    change = f"score {score.value:+.0%} [{score.low:+.0%}, {score.high:+.0%}]"
    if len(before) < ENOUGH:
        return "too few episodes", f"{change}, from {len(before)} episodes: at least {ENOUGH} are needed to tell"
    if noninferiority.limits(measures["score"], demand.better).low > 0 and found["won"].low >= -tolerance:
        return "better", f"{change}: better"
    if any(each.high < -tolerance for each in deciding):
        return "worse", f"{change}: worse"
    if nobody and not any(measures["score"]) and not any(episode.score for episode in before):
        return (
            "undecided",
            f"{change}: undecided: nobody won or scored, so nothing could get worse; take easier worlds",
        )
    if all(each.low >= -tolerance for each in deciding):
        return "not worse", f"{change}: not worse"
    worst = min(("score", "steps" if nobody else "won"), key=lambda name: found[name].low)
    wanted = noninferiority.needed(measures[worst], tolerance, demand.not_worse)
    what = "worlds" if len({episode.world for episode in before}) > 1 else "episodes"
    alike = "; the episodes of one world count as one" if len(before) > units else ""
    missing = (
        f"about {wanted} {what} would tell, {wanted - units} more than were played{alike}"
        if wanted > units
        else f"it may be worse by more than {tolerance:.0%}"
    )
    return "undecided", f"{change}: undecided: {missing}"


def _harm(
    before: Sequence[Episode],
    after: Sequence[Episode],
    perplexity: tuple[float, float] | None,
    verdict: Verdict,
) -> str:
    """What was harmed that wins do not tell; empty for nothing."""
    if perplexity is not None and perplexity[1] > FORGETTING * perplexity[0]:
        return f"it forgot how to write: perplexity {perplexity[0]:.1f} to {perplexity[1]:.1f}"
    earlier, later = stammer(before), stammer(after)
    if verdict != "better" and later > earlier + STAMMER:
        return f"it repeats itself: {earlier:.0%} to {later:.0%} of its lines are empty or as the last one"
    return ""


def stammer(episodes: Sequence[Episode]) -> float:
    """Share of the commands that are empty or the same as the one before."""
    lines = sum(len(episode.commands) for episode in episodes)
    idle = sum(
        not line.strip() or line == earlier
        for episode in episodes
        for earlier, line in zip((None, *episode.commands), episode.commands, strict=False)
    )
    return idle / lines if lines else 0.0


def _paired(before: Sequence[Episode], after: Sequence[Episode], of: Callable[[Episode], float]) -> Bounds:
    differences = _clustered(before, [of(b) - of(a) for a, b in zip(before, after, strict=True)])
    interval = statistics.mean(differences)
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
