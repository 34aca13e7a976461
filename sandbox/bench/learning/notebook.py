"""The setting of TextWorld's own tutorial, its notebook "Building a simple agent" (Côté et al. 2018).

A house of six rooms, a key, something to eat, a stove. Every stage pays a point, the goal is told in full, and an
episode ends after 100 commands. The tutorial's recurrent actor-critic comes from 4.2 points of 10, which is what
chance is worth, to 8.8 in 46,000 steps of one game; after 500 episodes in 100 games it has 0.8 of the points of 20
games that it never saw, where chance has 0.5.
"""

from __future__ import annotations

import random
import statistics as plain
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from sandbox import statistics
from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import parse_card
from sandbox.agent.learners import build_learner
from sandbox.bench.learning.plot import Panel, PlottedCurve
from sandbox.bench.learning.units import BenchQuestion, Findings, Result, UnitContext
from sandbox.bench.report import Figure
from sandbox.multiagent import team
from sandbox.multiagent.notes import NotedWorld
from sandbox.paths import Home
from sandbox.statistics import Interval
from sandbox.types import Agent, World
from sandbox.world import registry

SEAT = "player"
TRAINING = "tw:simple?rewards=dense&goal=detailed&seed={seed}"
TEST = "tw:simple?rewards=dense&goal=detailed&test=true&seed={seed}"
"""Games with things to eat that no training game has."""
ONE = TEST.format(seed=18)
STEPS = 100
"""Commands of an episode."""
WINDOW = 10
"""Episodes that a mean score is taken over, as many as the tutorial plays."""
AIM, PUBLISHED = 8.8, 46_000
CHANCE = "explore: {epsilon: 1.0}\n"
TABLE = """\
learner: {kind: tabular, alpha: 0.5, gamma: 0.9}
combine: {method: q}
explore: {epsilon: 0.1}
"""
READER = """\
learner: {kind: drrn, hidden: 32, learning_rate: 0.003, capacity: 20000}
combine: {method: additive, repeat_penalty: 0.1}
explore: {epsilon: {start: 1.0, end: 0.1, over: 20}}
"""
"""Without a language model the prior is a constant, less the penalty on repeats: what gets it out of circles."""


def one_game(context: UnitContext) -> BenchQuestion:
    """Score against environment steps in the tutorial's game, of an agent that explores to the end.

    A run that does not come to the aim counts with the published steps.
    """
    budget = 2_000 if context.quick else 4_000
    units = [OneGame(TABLE, seed, budget) for seed in range(1 if context.quick else 5)]

    def show(results: list[Result]) -> Findings:
        plays = [windows(result["ends"], result["scores"]) for result in results]
        reached = [next((end for end, mean in play if mean >= AIM), PUBLISHED) for play in plays]
        return Findings(
            [
                Figure.at_most("tw_simple_18_steps_to_8_8", plain.median(reached), PUBLISHED / 10, "steps"),
                Figure("tw_simple_18_steps_to_8_8_worst", max(reached), "steps"),
            ],
            [_panel(plays, budget)],
        )

    return BenchQuestion(units, show)


def unseen_games(context: UnitContext) -> BenchQuestion:
    """The share of the points of games that were never seen, greedily, after training on others."""
    games, tests = (12, 4) if context.quick else (100, 20)
    units = [UnseenGames(READER, seed, games, tests) for seed in range(1 if context.quick else 3)]

    def show(results: list[Result]) -> Findings:
        share, chance = (_by_game(results, key) for key in ("shares", "chance"))
        steps = plain.mean(result["steps"] for result in results)
        return Findings(
            [
                Figure.at_least("tw_simple_unseen_share", share.value, 0.9).within(share),
                Figure("tw_simple_unseen_share_random", chance.value).within(chance),
                Figure("tw_simple_unseen_training_steps", steps, "steps"),
            ]
        )

    return BenchQuestion(units, show)


@dataclass(frozen=True, slots=True)
class OneGame:
    """A unit of work: learn the tutorial's game within a budget of environment steps."""

    card: str
    seed: int
    budget: int

    @property
    def label(self) -> str:
        return f"the tutorial's game, seed {self.seed}"

    @property
    def place(self) -> str:
        return self.label

    def run(self, home: Home) -> Result:
        agent, ends, scores = _agent(self.card, self.seed), [0], []
        with _opened(ONE) as world:
            for match in team.train(world, {SEAT: agent}, seed=self.seed * 10_000, max_steps=STEPS):
                ends.append(ends[-1] + match.steps)
                scores.append(match.returns[SEAT])
                if ends[-1] >= self.budget:
                    break
        return {"ends": ends[1:], "scores": scores}


@dataclass(frozen=True, slots=True)
class UnseenGames:
    """A unit of work: learn from one episode of each training game, then play each test game greedily."""

    card: str
    seed: int
    games: int
    tests: int

    @property
    def label(self) -> str:
        return f"{self.games} games of the tutorial, seed {self.seed}"

    @property
    def place(self) -> str:
        return self.label

    def run(self, home: Home) -> Result:
        agent, steps = _agent(self.card, self.seed), 0
        seeds = list(range(1, self.games + 1))
        random.Random(self.seed).shuffle(seeds)
        for number, seed in enumerate(seeds):
            with _opened(TRAINING.format(seed=seed)) as world:
                play = team.play(
                    world,
                    {SEAT: agent},
                    seed=self.seed * 10_000 + number,
                    explore=[SEAT],
                    learn=[SEAT],
                    max_steps=STEPS,
                )
            agent.end_episode()
            steps += play.steps
        shares, chance = [], []
        for seed in range(1, self.tests + 1):
            with _opened(TEST.format(seed=seed)) as world:
                shares.append(_share(world, agent, seed))
                chance.append(_share(world, _agent(CHANCE, self.seed), self.seed * 10_000 + seed))
        return {"steps": steps, "shares": shares, "chance": chance}


def windows(ends: Sequence[int], scores: Sequence[float]) -> list[tuple[int, float]]:
    """The mean score of the last ten episodes at the end of each, from the tenth on."""
    return [(ends[n - 1], plain.fmean(scores[n - WINDOW : n])) for n in range(WINDOW, len(ends) + 1)]


def _share(world: World[Any], agent: Agent, seed: int) -> float:
    """Points of an episode without exploration, of all there are."""
    most = world.observe(world.initial(seed), SEAT).max_score
    return team.play(world, {SEAT: agent}, seed=seed, max_steps=STEPS).returns[SEAT] / (most or 1.0)


@contextmanager
def _opened(reference: str) -> Iterator[World[Any]]:
    """A game whose points so far are part of what the seat perceives: they tell how far it has come."""
    world = registry.open_world(reference)
    try:
        yield NotedWorld(world)
    finally:
        world.close()


def _agent(card: str, seed: int) -> CardAgent:
    parsed = parse_card(card, "learner")
    return CardAgent(parsed, learner=build_learner(parsed, seed=seed))


def _by_game(results: Sequence[Result], key: str) -> Interval:
    """The mean over the test games, each with the mean of its seeds."""
    return statistics.mean(
        [plain.fmean(shares) for shares in zip(*(result[key] for result in results), strict=True)]
    )


def _panel(plays: Sequence[Sequence[tuple[int, float]]], budget: int) -> Panel:
    """The mean over all runs of what each one's latest ten episodes came to."""
    steps = range(WINDOW * STEPS, budget, 100)
    means = [statistics.mean([_latest(play, step) for play in plays]) for step in steps]
    curve = PlottedCurve(
        "q-table", steps, [m.value for m in means], [m.low for m in means], [m.high for m in means]
    )
    return Panel("TextWorld's tutorial, one game", "environment steps", "points of 10", [curve], level=AIM)


def _latest(play: Sequence[tuple[int, float]], step: int) -> float:
    return next((mean for end, mean in reversed(play) if end <= step), play[0][1])
