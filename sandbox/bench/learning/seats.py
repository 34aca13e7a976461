"""Several agents: each alone, as a team or with one mind; and self-play over generations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from sandbox import statistics
from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card, parse_card
from sandbox.agent.learners import build_learner
from sandbox.bench.learning.plot import Panel, PlottedCurve
from sandbox.bench.learning.units import BenchQuestion, Findings, Result, UnitContext
from sandbox.bench.report import Figure
from sandbox.errors import WorldError
from sandbox.multiagent import league, team
from sandbox.multiagent.generations import races_won, self_play
from sandbox.multiagent.joint import JointWorld
from sandbox.multiagent.notes import NotedWorld
from sandbox.multiagent.vdn import VDN
from sandbox.paths import Home
from sandbox.types import Agent, Learner, World
from sandbox.world import registry
from sandbox.world.memoised import MemoisedWorld
from sandbox.world.native import Adventure, NativeWorld, read_source

MEMBER = """\
learner: {kind: tabular, alpha: 0.3, gamma: 0.97}
combine: {method: q}
explore: {epsilon: {start: 1.0, end: 0.05, over: 600}}
"""
RACER = """\
learner: {kind: tabular, alpha: 0.3, gamma: 0.95, trace: 0.8}
combine: {method: q}
explore: {epsilon: {start: 0.5, end: 0.2, over: 1000}}
"""
SUBJECTS = ("pin",)
"""What a seat of the two-seat world writes down and tells: where it is decides which lever is right."""
EPISODES = 100
"""Episodes, or races, that a share is measured on. None of their seeds is trained on."""
ROUNDS = 60
"""After which an episode of the two-seat world is cut off."""
OPENING = 4
"""Commands drawn by chance before a race begins in earnest: two a seat."""
UNSEEN, VALIDATION = 2_000_000, 1_000_000

Mind = Literal["vdn", "independent", "joint"]


# The two-seat world with a shared reward.


def two_seats(context: UnitContext) -> BenchQuestion:
    """Value decomposition, independent learners and a joint learner; the same card, budget and seeds."""
    minds: tuple[Mind, ...] = ("vdn", "independent", "joint")
    runs, budget = (1, 1_000) if context.quick else (5, 4_000)
    units = [PairTraining(mind, seed, budget) for mind in minds for seed in range(runs)]

    def show(results: list[Result]) -> Findings:
        figures = []
        for mind in minds:
            found = [result for unit, result in zip(units, results, strict=True) if unit.mind == mind]
            share = statistics.proportion(sum(result["won"] for result in found), EPISODES * runs)
            rate = f"{mind}_win_rate"
            episodes = statistics.mean([result["episodes"] for result in found])
            won = Figure.at_least(rate, share.value, 0.95) if mind == "vdn" else Figure(rate, share.value)
            figures += [
                won.within(share),
                Figure(f"{mind}_episodes", episodes.value, "episodes").within(episodes),
            ]
        return Findings(figures)

    return BenchQuestion(units, show)


@dataclass(frozen=True, slots=True)
class PairTraining:
    """A unit of work: train two until twenty validation episodes are all won greedily, or the budget is spent.

    A greedy policy that goes by what it perceives can run in circles where the exploring one gets out by chance,
    so the end of training is decided by greedy play.
    """

    mind: Mind
    seed: int
    budget: int
    """Episodes."""
    check: int = 200
    """Episodes between validations."""
    unseen: int = EPISODES
    """Episodes that it is judged by."""

    @property
    def label(self) -> str:
        return f"{self.mind}, seed {self.seed}"

    @property
    def place(self) -> str:
        return self.label

    def run(self, home: Home) -> Result:
        world: World[Any] = NotedWorld(memoised(home, "millrace"), SUBJECTS)
        steps = ROUNDS * len(world.seats)
        if self.mind == "joint":
            world, steps = JointWorld(world), ROUNDS
        agents = {seat: _agent(MEMBER) for seat in world.seats}
        joint = VDN({seat: _learner(agent) for seat, agent in agents.items()}) if self.mind == "vdn" else None
        training = team.train(world, agents, joint, seed=self.seed * self.budget, max_steps=steps)
        validation = range(VALIDATION, VALIDATION + 20)
        episodes = 0
        while episodes < self.budget:
            episodes += sum(1 for _ in islice(training, self.check))
            if team.won(world, agents, validation, max_steps=steps) == len(validation):
                break
        won = team.won(world, agents, range(UNSEEN, UNSEEN + self.unseen), max_steps=steps)
        return {"won": won, "episodes": episodes}


# The race: self-play over generations.


def race(context: UnitContext) -> BenchQuestion:
    """The tenth generation against the first, greedily after random openings; and ratings of them all."""
    return BenchQuestion([SelfPlay(seed) for seed in range(1 if context.quick else 5)], _generations)


def _generations(results: list[Result]) -> Findings:
    won = [result["won"] for result in results]
    share = statistics.proportion(sum(won), EPISODES * len(results))
    ratings = [statistics.mean(list(skills)) for skills in zip(*(r["skills"] for r in results), strict=True)]
    curve = PlottedCurve(
        "self-play",
        range(1, len(ratings) + 1),
        [rating.value for rating in ratings],
        [rating.low for rating in ratings],
        [rating.high for rating in ratings],
    )
    return Findings(
        [
            Figure.at_least("selfplay_10_vs_1_win_rate", share.value, 0.8).within(share),
            Figure.at_least("selfplay_10_vs_1_win_rate_worst", min(won) / EPISODES, 0.8),
            Figure("selfplay_rating_1", ratings[0].value).within(ratings[0]),
            Figure("selfplay_rating_10", ratings[-1].value).within(ratings[-1]),
        ],
        [Panel("The race: self-play", "generation", "rating (OpenSkill)", [curve])],
    )


@dataclass(frozen=True, slots=True)
class SelfPlay:
    """A unit of work: ten generations, races of the last against the first, and a league of all."""

    seed: int
    generations: int = 10
    episodes: int = 100

    @property
    def label(self) -> str:
        return f"{self.generations} generations, seed {self.seed}"

    @property
    def place(self) -> str:
        return self.label

    def run(self, home: Home) -> Result:
        world = memoised(home, "weathercock", seats=2)
        born = self_play(
            world,
            lambda: _agent(RACER),
            generations=self.generations,
            episodes=self.episodes,
            opening=OPENING,
            seed=self.seed * 1_000_000,
            max_steps=50,
        )
        won = races_won(world, born[-1], born[0], races=EPISODES, opening=OPENING, seed=UNSEEN, max_steps=50)
        return {"won": won, "skills": _skills(world, born, self.seed)}


def _skills(world: World[Any], born: Sequence[Agent], seed: int) -> list[float]:
    """Each generation's rating in a league of all, oldest first."""
    names = {f"generation {number}": agent for number, agent in enumerate(born, start=1)}
    played = league.round_robin(
        world,
        {name: dict.fromkeys(world.seats, agent) for name, agent in names.items()},
        episodes=4,
        seed=UNSEEN,
        opening=OPENING,
        max_steps=50,
    )
    skill = {rating.agent: rating.skill.value for rating in played.ratings}
    return [skill[name] for name in names]


def memoised(home: Home, name: str, seats: int | None = None) -> MemoisedWorld:
    """A bundled world made fast, without its limit on rounds: callers cut episodes off at the same length."""
    file = registry.world_file(name, home=home)
    source = read_source(file)
    if not isinstance(source.definition, Adventure):
        raise WorldError(f"{name!r} is not the world that is measured", where=file)
    endless = source.definition.model_copy(update={"limit": None})
    return MemoisedWorld(NativeWorld(replace(source, definition=endless), name, seats))


def _agent(text: str) -> CardAgent:
    card: Card = parse_card(text, "learner")
    return CardAgent(card, learner=build_learner(card))


def _learner(agent: CardAgent) -> Learner:
    assert agent.learner is not None, "the card has one"
    return agent.learner
