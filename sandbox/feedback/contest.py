"""Blind A/B: two agents, or one with two adapters, are asked about the same recorded states; a person judges.

Deciding changes nothing, so a recorded state can be put to any agent. Where both give the same command there is
nothing to judge. Nothing here has effects but for the asking.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from sandbox.statistics import Interval, proportion
from sandbox.store.feedback import Feedback
from sandbox.timeline import Timeline, decision_seed, history
from sandbox.types import Agent, Decision, Exchange

STRIDE = 5
"""Verdicts for one of the two between which the running win rate stands still."""

Contestant = tuple[str, str]
"""An agent's name, and the name of its language model with the adapter; empty without one."""


@dataclass(frozen=True, slots=True, kw_only=True)
class AnswerPair:
    """Two different answers in the same state."""

    state: int
    """The turn at which both were asked."""
    seat: str
    decisions: tuple[Decision, Decision]
    """In the order in which they are shown."""
    sides: tuple[int, int]
    """Of each, which contestant's it is."""
    exchanges: tuple[Exchange, ...]
    """What the seat had lived through."""
    goal: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Contest:
    """What people made of the answers of two contestants."""

    contestants: tuple[Contestant, Contestant]
    wins: tuple[int, int] = (0, 0)
    ties: int = 0
    bad: int = 0
    """Both were bad."""

    @property
    def judged(self) -> int:
        return sum(self.wins) + self.ties + self.bad

    @property
    def decided(self) -> int:
        """Pairs of which one answer was the better one."""
        return sum(self.wins)

    @property
    def share(self) -> Interval:
        """Of the pairs that were decided, the share that the first contestant won (Wilson's interval, 95 %)."""
        return proportion(self.wins[0], self.decided)

    @property
    def ahead(self) -> Interval:
        """The share of whichever contestant is ahead: tells how far, but not who."""
        return proportion(max(self.wins), self.decided)

    @property
    def names(self) -> tuple[str, str]:
        """What to call them: `lm@sft-1`, or with the whole model where that tells no difference."""
        short = tuple(label(each) for each in self.contestants)
        full = tuple(f"{agent} ({model})" for agent, model in self.contestants)
        return (short[0], short[1]) if short[0] != short[1] else (full[0], full[1])

    def after(self, verdict: str, winner: int) -> Contest:
        """With one more verdict: `better`, `tie` or `bad`; the winner is 0 or 1."""
        if verdict == "better":
            return replace(self, wins=(self.wins[0] + (winner == 0), self.wins[1] + (winner == 1)))
        return replace(self, ties=self.ties + 1) if verdict == "tie" else replace(self, bad=self.bad + 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class Bout:
    """Two contestants and the save whose states they are asked about."""

    timeline: Timeline
    sides: tuple[Mapping[str, Agent], Mapping[str, Agent]]
    """Of each, the agents of the seats that it can be asked in."""
    records: Sequence[Feedback] = ()
    """What was said of the save so far, as it stands."""
    seed: int = 0
    """Of the session: what agents draw by lot follows from it, as in play."""
    contestants: tuple[Contestant, Contestant] = field(init=False)

    def __post_init__(self) -> None:
        agents = (next(iter(side.values())) for side in self.sides)
        first, second = ((agent.name, agent.model) for agent in agents)
        object.__setattr__(self, "contestants", (first, second))

    def standing(self, annotator: str) -> Contest:
        """What a person has said so far of the two."""
        contest = Contest(contestants=self.contestants)
        for record in self._said_by(annotator):
            winner = self.contestants.index(contestants_of(record.data)[0])
            contest = contest.after(record.data["verdict"], winner)
        return contest

    def pairs(self, annotator: str, seed: int) -> Iterator[AnswerPair | None]:
        """Put the states to both, in a drawn order, each as perceived once; those the person judged are left out.

        Args:
            annotator: who is going to judge.
            seed: of the order of the states, and of which answer is shown first.

        Yields:
            None where both gave the same command. Each takes as long as the two take to decide.
        """
        timeline, (one, other) = self.timeline, self.sides
        states = [node.id for node in timeline.nodes() if node.to_move in one and node.to_move in other]
        known = {_perceived(timeline, record.turn) for record in self._said_by(annotator)}
        turn_about = 0
        for state in sorted(states, key=lambda state: _drawn(seed, "state", state)):
            if (perceived := _perceived(timeline, state)) in known:
                continue
            known.add(perceived)
            turn_about = 1 - turn_about  # who decided last goes on: an adapter changes half as often
            yield self._pair(state, perceived[0], turn_about, _drawn(seed, "first", state)[0] % 2)

    def _pair(self, state: int, seat: str, begins: int, first: int) -> AnswerPair | None:
        path = self.timeline.path(state)
        observation, lived = path[-1].observations[seat], history(path, seat)
        chance = decision_seed(self.seed, path[-1], 0)
        found = {
            side: self.sides[side][seat].decide(observation, lived, seed=chance, explore=False)
            for side in (begins, 1 - begins)
        }
        if found[0].command == found[1].command:
            return None
        order = (first, 1 - first)
        return AnswerPair(
            state=state,
            seat=seat,
            decisions=(found[order[0]], found[order[1]]),
            sides=order,
            exchanges=lived,
            goal=observation.goal,
        )

    def _said_by(self, annotator: str) -> Iterator[Feedback]:
        for record in self.records:
            theirs = record.kind == "comparison" and record.annotator == annotator
            if theirs and set(contestants_of(record.data)) == set(self.contestants):
                yield record


def label(contestant: Contestant) -> str:
    """An agent, with its adapter where it has a language model: `lm@sft-1`, `q-table`."""
    agent, model = contestant
    adapter = model.rpartition("@")[2] if "@" in model else ""
    return f"{agent}@{adapter}" if adapter else agent


def told(contest: Contest, *, blind: bool = False) -> str:
    """The result in a line; blind, it says how far one is ahead, but not which."""
    leads = 0 if contest.wins[0] >= contest.wins[1] else 1
    leader, other = ("one", "the other") if blind else (contest.names[leads], contest.names[1 - leads])
    rate = contest.ahead
    over = "over" if contest.wins[0] != contest.wins[1] else "level with"
    parts = [f"{leader} {over} {other}: {contest.wins[leads]} of {contest.decided}"]
    if contest.decided:
        chance = "" if rate.low > 0.5 else ", which may be chance"
        parts = [f"{parts[0]} ({rate.value:.0%}, 95% interval {rate.low:.0%} to {rate.high:.0%}{chance})"]
    ties = "tie" if contest.ties == 1 else "ties"
    parts += [f"{count} {what}" for count, what in ((contest.ties, ties), (contest.bad, "both bad")) if count]
    return ", ".join(parts)


def standings(before: Contest | None, answers: Iterable[tuple[str, int] | None]) -> Iterator[Contest]:
    """How it stands at first, and after each answer (verdict and winner) that was given."""
    if before is not None:
        yield before
        for answer in answers:
            if answer is not None:
                before = before.after(*answer)
                yield before


def running(standings: Iterable[Contest]) -> str:
    """How far one of the two is ahead, but not which. It moves on every few verdicts only: else each answer would
    tell whose it was.
    """
    shown = [contest for contest in standings if contest.decided and contest.decided % STRIDE == 0]
    if not shown:
        return ""
    most, least = max(shown[-1].wins), min(shown[-1].wins)
    rate = shown[-1].ahead
    lead = "one is ahead" if most > least else "level"
    return f"{lead} {most} to {least}: {rate.value:.0%} ({rate.low:.0%} to {rate.high:.0%})"


def contests(comparisons: Iterable[Mapping[str, Any]]) -> tuple[Contest, ...]:
    """The data of comparisons, counted for each two contestants; those that were compared most come first."""
    found: dict[tuple[Contestant, Contestant], Contest] = {}
    for data in comparisons:
        better, worse = contestants_of(data)
        key = (better, worse) if better <= worse else (worse, better)
        contest = found.get(key) or Contest(contestants=key)
        found[key] = contest.after(data["verdict"], key.index(better))
    return tuple(sorted(found.values(), key=lambda contest: -contest.judged))


def contestants_of(data: Mapping[str, Any]) -> tuple[Contestant, Contestant]:
    """Whose the better and the worse answer of a comparison were."""
    better, worse = ((data[side]["agent"], data[side]["model"]) for side in ("better", "worse"))
    return better, worse


def _perceived(timeline: Timeline, state: int) -> tuple[str, str]:
    """The seat to move, and what it perceives."""
    turn = timeline.get(state)
    seat = turn.to_move or ""
    return seat, turn.observations[seat].state_key if seat in turn.observations else ""


def _drawn(seed: int, what: str, state: int) -> bytes:
    return hashlib.sha256(f"{seed}:{what}:{state}".encode()).digest()
