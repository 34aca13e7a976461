"""Value decomposition: a team's value is the sum of its members' values (VDN; Sunehag et al., AAMAS 2018).

    Q_team(round) = sum over members i of Q_i(o_i, a_i)
    delta         = G - Q_team,    and every member moves by its share of delta

Each member still acts on its own values alone, which is what makes it decentralised: the greatest sum is the sum
of the greatest parts. Only learning is joint.

In a world in which seats take turns, a team decides in *rounds*: the transition of a team leads from the first
member's command of a round to its command of the next, and its reward is what came in between. The members that
move later perceive what the earlier ones did, so their part of the round begins and ends a little later.

The return G is Peng's Q(lambda) (Peng & Williams 1996), computed backwards once the episode is over:

    G_t = r_t + gamma * ((1 - lambda) * sum over i of max Q_i(o_i', .) + lambda * G_{t+1})

With lambda = 0 this is one-step VDN. Several steps matter here: members see different things, so a sum of their
values seldom fits the team's value, and every step of bootstrapping carries that misfit along.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from sandbox.types import Learner, Transition, Update

Round = Mapping[str, Transition]
"""One transition of each seat that moved in the round, in the order of their moves."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TeamUpdate:
    """One update of a team in numbers."""

    before: float
    """The members' values of what they did, added up."""
    target: float
    """The return G of the round."""
    members: Mapping[str, Update]

    @property
    def error(self) -> float:
        return self.target - self.before


class VDN:
    """Teaches the learners of a team whose reward is shared.

    Args:
        members: the learner of each seat. Its own step size counts; its discount does not.
        gamma: discount, a round.
        trace: lambda.
    """

    def __init__(self, members: Mapping[str, Learner], *, gamma: float = 0.97, trace: float = 0.8) -> None:
        self.members = dict(members)
        self.gamma = gamma
        self.trace = trace

    def learn(self, rounds: Sequence[Round]) -> list[TeamUpdate]:
        """Learn from the rounds of one episode, the last one first."""
        updates: list[TeamUpdate] = []
        following: float | None = None
        for each in reversed(rounds):
            first = next(iter(each.values()))
            bootstrap = sum(self._best(seat, step) for seat, step in each.items())
            onward = bootstrap if following is None else (1 - self.trace) * bootstrap + self.trace * following
            following = first.reward + self.gamma * onward
            updates.append(self._update(each, following))
        return updates[::-1]

    def value(self, each: Round) -> float:
        """Q of the team: what its members find their commands worth, added up."""
        return sum(self._value(seat, step) for seat, step in each.items())

    def _update(self, each: Round, target: float) -> TeamUpdate:
        """Give each member a target of its own: what it said, and its share of what the team was wrong by.

        A target that nothing follows upon is what any learner can take.
        """
        before = self.value(each)
        share = (target - before) / len(each)
        own = {seat: self._value(seat, step) + share for seat, step in each.items()}
        updates = {
            seat: self.members[seat].update(replace(step, reward=own[seat], terminated=True, candidates=()))
            for seat, step in each.items()
        }
        return TeamUpdate(before=before, target=target, members=updates)

    def _value(self, seat: str, step: Transition) -> float:
        return self.members[seat].values(step.observation, [step.command])[0]

    def _best(self, seat: str, step: Transition) -> float:
        """The member's greatest value of what follows; 0 at the end."""
        if step.terminated:
            return 0.0
        return max(self.members[seat].values(step.next_observation, step.candidates), default=0.0)
