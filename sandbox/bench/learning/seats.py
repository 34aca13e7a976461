"""Several agents: as a team or each alone, and self-play over generations."""

from __future__ import annotations

from dataclasses import dataclass, replace
from itertools import islice

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card, parse_card
from sandbox.agent.learners import build_learner
from sandbox.bench.learning.units import Context, Findings
from sandbox.bench.report import Figure
from sandbox.errors import WorldError
from sandbox.paths import Home
from sandbox.play import statistics, team
from sandbox.play.generations import races_won, self_play
from sandbox.rl.vdn import VDN
from sandbox.types import QFunction
from sandbox.world.native import Adventure, NativeWorld, read_source
from sandbox.world.notes import NotedWorld
from sandbox.world.rehearsal import Rehearsal

MEMBER = """\
learner: {kind: tabular, alpha: 0.3, gamma: 0.97}
combine: {method: q}
explore: {epsilon: {start: 1.0, end: 0.05, over: 600}}
"""
RACER = """\
learner: {kind: tabular, alpha: 0.3, gamma: 0.95, trace: 0.8}
combine: {method: q}
explore: {epsilon: {start: 1.0, end: 0.1, over: 400}}
"""
SUBJECTS = ("pin",)
"""What a seat of the two-seat world writes down and tells: where it is decides which lever is right."""
EPISODES = 100
"""Episodes, or races, that a share is measured on. None of their seeds is trained on."""
OPENING = 4
"""Commands drawn by chance before a race begins in earnest: two a seat."""
UNSEEN, VALIDATION = 2_000_000, 1_000_000


# The two-seat world with a shared reward: as a team, or each alone.


@dataclass(frozen=True, slots=True)
class Trained:
    """One training run of a team."""

    won: int
    """Of the unseen episodes, greedily."""
    episodes: int
    """That it learned from."""


def two_seats(context: Context) -> Findings:
    """Value decomposition against independent learners; the same cards, budget and seeds."""
    runs = 1 if context.quick else 5
    figures = []
    for name in ("vdn", "independent"):
        trained = []
        for seed in range(runs):
            context.progress(f"the two-seat world, {name}: training {seed + 1} of {runs}")
            trained.append(train_pair(context.home, as_team=name == "vdn", seed=seed))
        share = statistics.proportion(sum(t.won for t in trained), EPISODES * runs)
        rate = f"{name}_win_rate"
        figures += [
            Figure.at_least(rate, share.value, 0.95) if name == "vdn" else Figure(rate, share.value),
            Figure(f"{rate}_low", share.low),
            Figure(f"{rate}_high", share.high),
            Figure(f"{name}_episodes", statistics.mean([t.episodes for t in trained]).value, "episodes"),
        ]
    return Findings(figures)


def train_pair(home: Home, *, as_team: bool, seed: int, budget: int = 4000, check: int = 200) -> Trained:
    """Train until twenty validation episodes are all won greedily, or the budget of episodes is spent.

    A greedy policy that goes by what it perceives can run in circles where the exploring one gets out by chance,
    so the end of training is decided by greedy play.
    """
    world = NotedWorld(rehearsal(home, "millrace"), SUBJECTS)
    agents = {seat: _agent(MEMBER) for seat in world.seats}
    joint = VDN({seat: _learner(agent) for seat, agent in agents.items()}) if as_team else None
    training = team.train(world, agents, joint, seed=seed * budget, max_steps=120)
    validation = range(VALIDATION, VALIDATION + 20)
    episodes = 0
    while episodes < budget:
        episodes += sum(1 for _ in islice(training, check))
        if team.won(world, agents, validation, max_steps=120) == len(validation):
            break
    won = team.won(world, agents, range(UNSEEN, UNSEEN + EPISODES), max_steps=120)
    return Trained(won, episodes)


# The race: self-play over generations.


def race(context: Context) -> Findings:
    """The tenth generation against the first, two to a race, greedily after random openings."""
    runs = 1 if context.quick else 3
    won = 0
    for seed in range(runs):

        def tell(generation: int, number: int = seed + 1) -> None:
            context.progress(f"self-play {number} of {runs}: generation {generation} of 10")

        world = rehearsal(context.home, "weathercock", seats=2)
        born = self_play(
            world,
            lambda: _agent(RACER),
            generations=10,
            episodes=50,
            checks=2,
            opening=OPENING,
            seed=seed * 10_000,
            max_steps=50,
            progress=tell,
        )
        won += races_won(world, born[-1], born[0], races=EPISODES, opening=OPENING, seed=UNSEEN, max_steps=50)
    share = statistics.proportion(won, EPISODES * runs)
    return Findings(
        [
            Figure.at_least("selfplay_10_vs_1_win_rate", share.value, 0.8),
            Figure("selfplay_10_vs_1_win_rate_low", share.low),
            Figure("selfplay_10_vs_1_win_rate_high", share.high),
        ]
    )


def rehearsal(home: Home, name: str, seats: int | None = None) -> Rehearsal:
    """A bundled world made fast, without its limit on rounds: callers cut episodes off at the same length."""
    file = home.world_file(name)
    if file is None:
        raise WorldError(f"there is no world {name!r}", mend="it comes with the package")
    source = read_source(file)
    if not isinstance(source.definition, Adventure):
        raise WorldError(f"{name!r} is not the world that is measured", where=file)
    endless = source.definition.model_copy(update={"limit": None})
    return Rehearsal(NativeWorld(replace(source, definition=endless), name, seats))


def _agent(text: str) -> CardAgent:
    card: Card = parse_card(text, "learner")
    return CardAgent(card, learner=build_learner(card))


def _learner(agent: CardAgent) -> QFunction:
    assert agent.learner is not None, "the card has one"
    return agent.learner
