"""A league: every agent plays with and against every other; ratings, and a matrix of who does how well with whom.

An agent is good at a world of several seats only with respect to the others there. So it is evaluated in
*cross-play*: one agent, in the *focal* seat, among partners that are all another agent, the *background*, and this
for each seat in turn. What the focal seat earns and what the others earn are kept apart (Leibo et al., "Scalable
Evaluation of Multi-Agent Reinforcement Learning with Melting Pot", ICML 2021): the first says how well an agent
does, the second what its company is worth to others. The diagonal is self-play.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from sandbox import statistics
from sandbox.multiagent.team import Agents, Match, play
from sandbox.ranges import in_range
from sandbox.statistics import Interval
from sandbox.types import World

WORLD = "the world"
"""Whom a team plays against where all seats share their reward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Meeting:
    """Who is to play with whom."""

    focal: str
    partner: str
    seat: str
    """The focal agent's."""
    seed: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Encounter:
    """One episode of a focal agent among partners."""

    focal: str
    partner: str
    seat: str
    """The focal agent's."""
    match: Match

    @property
    def focal_return(self) -> float:
        return self.match.returns[self.seat]

    @property
    def background_return(self) -> float:
        """Mean over the seats of the partners."""
        others = [value for seat, value in self.match.returns.items() if seat != self.seat]
        return sum(others) / len(others)


@dataclass(frozen=True, slots=True, kw_only=True)
class Pairing:
    """One agent with one partner, with 95 % confidence intervals."""

    episodes: int
    won: Interval
    """Share of the episodes in which the focal seat won."""
    focal: Interval
    """Mean return of the focal seat."""
    background: Interval
    """Mean return of the others."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SkillRating:
    """Skill on OpenSkill's scale, which begins at 25; the interval is where it lies with 95 %."""

    agent: str
    skill: Interval
    matches: int


@dataclass(frozen=True, slots=True, kw_only=True)
class League:
    """What a round robin came to."""

    agents: tuple[str, ...]
    shared: bool
    """Whether all seats were always given the same: ratings are then of agents against the world."""
    cells: Mapping[tuple[str, str], Pairing]
    """By focal agent and partner."""
    ratings: tuple[SkillRating, ...]
    """Best first."""

    def as_json(self) -> dict[str, Any]:
        """The object that `sandbox league --json` prints."""
        return {
            "agents": list(self.agents),
            "shared_reward": self.shared,
            "ratings": [
                {"agent": r.agent, "matches": r.matches, "skill": _interval(r.skill)} for r in self.ratings
            ],
            "cross_play": [
                {
                    "focal": focal,
                    "partner": partner,
                    "episodes": cell.episodes,
                    "won": _interval(cell.won),
                    "focal_return": _interval(cell.focal),
                    "background_return": _interval(cell.background),
                }
                for (focal, partner), cell in self.cells.items()
            ],
        }


def meet(
    world: World[Any],
    agents: Mapping[str, Agents],
    meeting: Meeting,
    *,
    opening: int = 0,
    max_steps: int = 1000,
    explore: bool = False,
) -> Encounter:
    """Play an episode of a focal agent among partners."""
    match = play(
        world,
        {**agents[meeting.partner], meeting.seat: agents[meeting.focal][meeting.seat]},
        seed=meeting.seed,
        explore=world.seats if explore else (),
        opening=opening,
        max_steps=max_steps,
    )
    return Encounter(focal=meeting.focal, partner=meeting.partner, seat=meeting.seat, match=match)


def round_robin(
    world: World[Any],
    agents: Mapping[str, Agents],
    *,
    episodes: int,
    seed: int = 0,
    opening: int = 0,
    max_steps: int = 1000,
    explore: bool = False,
    progress: Callable[[int, int], None] = lambda done, of: None,
    elsewhere: Callable[[Sequence[Meeting]], Iterable[Encounter]] | None = None,
) -> League:
    """Let every agent play with every agent, itself included.

    Args:
        world: for two seats or more.
        agents: by name; each comes as one agent a seat, since what one seat learns may not serve another.
        episodes: of each pair of focal agent and partner; the focal seat goes round.
        seed: of the first episode; all pairs play the same ones.
        opening: commands of a random opening, of all seats together.
        max_steps: commands of an episode.
        explore: whether agents explore. Nobody learns.
        progress: told how many episodes are done, of how many.
        elsewhere: plays them all, in order, in place of this process; without openings or exploration.
    """
    in_range("episodes", episodes, 1)
    in_range("max_steps", max_steps, 1)
    meetings = [
        Meeting(focal=focal, partner=partner, seat=world.seats[number % len(world.seats)], seed=seed + number)
        for focal in agents
        for partner in agents
        for number in range(episodes)
    ]
    more = {"opening": opening, "max_steps": max_steps}
    having = elsewhere or (lambda listed: (meet(world, agents, each, explore=explore, **more) for each in listed))
    played: list[Encounter] = []
    for encounter in having(meetings):
        played.append(encounter)
        progress(len(played), len(meetings))
    shared = all(len(set(each.match.returns.values())) == 1 for each in played)
    cells = {
        (focal, partner): _cell([e for e in played if (e.focal, e.partner) == (focal, partner)])
        for focal in agents
        for partner in agents
    }
    return League(agents=tuple(agents), shared=shared, cells=cells, ratings=rate(played, shared, seed=seed))


def rate(played: Sequence[Encounter], shared: bool, *, seed: int = 0) -> tuple[SkillRating, ...]:
    """Ratings by the Plackett-Luce model of Weng & Lin (JMLR 2011), as OpenSkill has it; best first.

    A match is between the focal agent and its partner, by their returns; nobody is rated by playing itself. Where
    the reward is shared they are one team, and its opponent is the world, which wins what they do not.

    Args:
        played: taken in an order drawn from the seed, since a rating depends on the order.
        shared: whether the reward is shared.
        seed: of the order.
    """
    from openskill.models import PlackettLuce

    model = PlackettLuce()
    ratings = {name: model.rating(name=name) for each in played for name in (each.focal, each.partner)}
    matches = dict.fromkeys(ratings, 0)
    against = model.rating(name=WORLD)
    order = list(played)
    random.Random(seed).shuffle(order)
    for each in order:
        names = (each.focal, each.partner)
        if names[0] == names[1]:
            continue
        if shared:
            team = [ratings[name] for name in names]
            won = each.match.won[each.seat]
            new, (against,) = model.rate([team, [against]], ranks=[1, 2] if won else [2, 1])
        else:
            returns = (each.focal_return, each.background_return)
            new = [side[0] for side in model.rate([[ratings[name]] for name in names], scores=list(returns))]
        for name, rating in zip(names, new, strict=True):
            ratings[name] = rating
            matches[name] += 1
    found = [
        SkillRating(
            agent=name,
            skill=Interval(rating.mu, rating.mu - 1.96 * rating.sigma, rating.mu + 1.96 * rating.sigma),
            matches=matches[name],
        )
        for name, rating in ratings.items()
    ]
    return tuple(sorted(found, key=lambda rating: -rating.skill.value))


def _cell(played: Sequence[Encounter]) -> Pairing:
    return Pairing(
        episodes=len(played),
        won=statistics.proportion(sum(e.match.won[e.seat] for e in played), len(played)),
        focal=statistics.mean([e.focal_return for e in played]),
        background=statistics.mean([e.background_return for e in played]),
    )


def _interval(interval: Interval) -> dict[str, float]:
    return {"value": interval.value, "low": interval.low, "high": interval.high}
