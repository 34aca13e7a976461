"""One agent that learns one world within a budget of steps: what the parts about a single seat are made of."""

from __future__ import annotations

import functools
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean
from typing import Any, Literal

from sandbox import statistics
from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card, parse_card
from sandbox.agent.learners import build_learner
from sandbox.bench.learning import units
from sandbox.bench.learning.plot import PlottedCurve
from sandbox.multiagent import team
from sandbox.paths import Home
from sandbox.tune.shorten import Remembered
from sandbox.types import Agent, World
from sandbox.world import registry

RUNNING = 3
"""Wins one after the other that count as having learned a game."""
CHECKS = 5
"""Greedy episodes at the end."""
LATELY = 5
"""Episodes that a point of a curve is the mean of: single ones jump between 0 and 1."""
_FIRST_CHECK = 1_000_000
"""Seed of a greedy episode: none that was learned from."""


@dataclass(frozen=True, slots=True)
class LearningCurve:
    """How a trial went, episode by episode."""

    budget: int
    ends: Sequence[int]
    """Environment steps taken at the end of each episode."""
    won: Sequence[bool]
    greedy_won: float
    """Share of the greedy episodes at the end that were won."""
    greedy_steps: Sequence[int]
    """Length of each of these that was won."""

    @property
    def mastered(self) -> int:
        """Steps until the third win running; the budget where it never came to that."""
        for last in range(RUNNING - 1, len(self.won)):
            if all(self.won[last + 1 - RUNNING : last + 1]):
                return self.ends[last]
        return self.budget

    @property
    def area(self) -> float:
        """Share of the budget with the latest episode a win: 1 would be winning from the first step on."""
        bounds = [*self.ends, self.budget]
        spans = zip(bounds, bounds[1:], self.won, strict=False)
        return sum((after - before) * won for before, after, won in spans) / self.budget

    def lately(self, step: int, episodes: int = LATELY) -> float:
        """Share of the episodes last finished by then that was won; what the budget cut off is none."""
        all_ends = zip(self.ends, self.won, strict=True)
        finished = [won for end, won in all_ends if end <= step and (won or end < self.budget)]
        return fmean(finished[-episodes:]) if finished else 0.0


@dataclass(frozen=True, slots=True)
class Trial:
    """A unit of work: one card in one world from one seed, learning and exploring until the budget is spent."""

    row: str
    """The agent's name in the tables."""
    card: str
    """The text of its card."""
    world: str
    seed: int
    budget: int
    """Environment steps in all."""
    episode: int
    """Steps after which an episode is cut off."""

    @property
    def label(self) -> str:
        return f"{self.row} in {self.world}, seed {self.seed}"

    @property
    def place(self) -> str:
        return self.world

    @property
    def model(self) -> str | None:
        return self._card.model

    @property
    def _card(self) -> Card:
        return parse_card(self.card, self.row.replace(" ", "-"))

    def run(self, home: Home) -> units.Result:
        world, card = _world(home, self.world), self._card
        model = None if card.model is None else units.model(card.model)
        learner = build_learner(card, model, verbs=world.verbs, seed=self.seed)
        agent = CardAgent(card, model, learner, verbs=world.verbs)
        ends, won = _learn(world, agent, self)
        checks = range(_FIRST_CHECK + self.seed * CHECKS, _FIRST_CHECK + (self.seed + 1) * CHECKS)
        greedy = [_play(world, agent, seed, self.episode) for seed in checks]
        return {
            "ends": ends,
            "won": won,
            "greedy_won": sum(check_won for check_won, _ in greedy) / len(greedy),
            "greedy_steps": [steps for check_won, steps in greedy if check_won],
        }


class FinishedTrials:
    """Finished trials.

    Args:
        trials: each with its result.
        results: parallel to the trials.
        unit: what is independent of each other, and an interval goes over: the games, or the seeds.
    """

    def __init__(
        self, trials: Sequence[Trial], results: Sequence[units.Result], unit: Literal["game", "seed"] = "game"
    ) -> None:
        self._curves = {
            (trial.row, trial.world, trial.seed): LearningCurve(trial.budget, **result)
            for trial, result in zip(trials, results, strict=True)
        }
        self.rows = tuple(dict.fromkeys(trial.row for trial in trials))
        self.budget = trials[0].budget
        self._unit = unit

    def clusters(self, row: str) -> list[list[LearningCurve]]:
        """An agent's curves: those of one game, or of one seed, together."""
        found: dict[str | int, list[LearningCurve]] = {}
        for (its_row, world, seed), curve in self._curves.items():
            if its_row == row:
                found.setdefault(world if self._unit == "game" else seed, []).append(curve)
        return list(found.values())

    def curve(self, row: str, points: int = 60) -> PlottedCurve:
        """Share of the latest episodes that was won, against environment steps."""
        clusters = self.clusters(row)
        steps = [self.budget * number // points for number in range(points + 1)]
        shares = [
            statistics.mean([fmean(curve.lately(step) for curve in curves) for curves in clusters])
            for step in steps
        ]
        return PlottedCurve(
            row, steps, [s.value for s in shares], [s.low for s in shares], [s.high for s in shares]
        )


def _learn(world: World[Any], agent: Agent, trial: Trial) -> tuple[list[int], list[bool]]:
    """Play until the budget is spent; the step at which each episode ended, and whether it was won."""
    rng = random.Random(trial.seed)
    ends: list[int] = []
    won: list[bool] = []
    steps = 0
    while steps < trial.budget:
        most = min(trial.episode, trial.budget - steps)
        episode_won, length = _play(world, agent, rng.getrandbits(32), most, learning=True)
        agent.end_episode()
        steps += max(length, 1)
        ends.append(steps)
        won.append(episode_won)
    return ends, won


def _play(
    world: World[Any], agent: Agent, seed: int, max_steps: int, *, learning: bool = False
) -> tuple[bool, int]:
    """Whether an episode was won, and its steps. The agent holds all seats."""
    agents: Mapping[str, Agent] = dict.fromkeys(world.seats, agent)
    seats = world.seats if learning else ()
    match = team.play(world, agents, seed=seed, explore=seats, learn=seats, max_steps=max_steps)
    return all(match.won.values()), match.steps


class _Recalled:
    """A world that takes each step once: most steps of a learner are repetitions. See `Remembered`."""

    def __init__(self, world: World[Any]) -> None:
        self.seats, self.verbs = world.seats, world.verbs
        self.initial, self.to_move = world.initial, world.to_move
        self.step = Remembered(world).step
        self.observe = functools.cache(world.observe)


@functools.lru_cache(maxsize=2)
def _world(home: Home, reference: str) -> Any:
    """A world of this process. The next trials are likely to be in the same one: it is kept for them."""
    world = registry.open_world(reference, home=home)
    return _Recalled(world) if reference.startswith("tw:") else world
