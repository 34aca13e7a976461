"""Several agents in one world: whole episodes kept nowhere, and learning alone or as a team.

A `Session` writes every turn to a save: what people want, and what ten thousand episodes of training do not.
"""

from __future__ import annotations

import random
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count, zip_longest
from typing import Any, Literal

from sandbox.agent.agent import CardAgent
from sandbox.multiagent.vdn import VDN, Round
from sandbox.types import Agent, Exchange, Observation, Transition, World

Agents = Mapping[str, Agent]
"""Who holds each seat."""
Signal = Literal["world", "difference"]
"""What agents learn from: the world's reward, or each seat's difference reward."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Match:
    """One episode of several agents as it went."""

    seed: int
    steps: int
    """Commands of all seats together."""
    returns: Mapping[str, float]
    """The sum of each seat's rewards, not discounted."""
    won: Mapping[str, bool]
    transitions: Mapping[str, Sequence[Transition]]
    """Each seat's steps. What a limit of the world or of the caller left unfinished is not among them."""

    @property
    def rounds(self) -> list[Round]:
        """The n-th step of every seat together, in the order of the seats; the last may lack some."""
        seats = tuple(self.transitions)
        return [
            {seat: step for seat, step in zip(seats, steps, strict=True) if step is not None}
            for steps in zip_longest(*self.transitions.values())
        ]


@dataclass(slots=True)
class _OpenTurn:
    """A seat's command that has not yet led to its next one."""

    state: Any
    observation: Observation
    commands: list[tuple[str, str]]
    """What was done since by whom, the seat's own command first."""
    reward: float = 0.0


@dataclass(slots=True)
class _SeatLog:
    """What the loop keeps of one seat."""

    history: list[Exchange] = field(default_factory=list)
    turn: _OpenTurn | None = None
    steps: list[Transition] = field(default_factory=list)
    total: float = 0.0


def play(
    world: World[Any],
    agents: Agents,
    *,
    seed: int,
    explore: Collection[str] = (),
    learn: Collection[str] = (),
    signal: Signal = "world",
    opening: int = 0,
    max_steps: int = 1000,
) -> Match:
    """Play one episode.

    Args:
        world: for as many seats as there are agents.
        agents: who holds each seat.
        seed: of the world and of every decision.
        explore: the seats whose agents explore.
        learn: the seats whose agents learn from their own steps as they go. A team learns afterwards, see `train`.
        signal: what the rewards of the transitions are. `returns` are always the world's.
        opening: how many of the first commands are drawn uniformly from the admissible ones, whoever moves.
            Without it, greedy agents in a world without chance play the same episode for ever.
        max_steps: commands after which the episode is cut off.
    """
    rng = random.Random(seed)
    state = world.initial(seed)
    places = {seat: _SeatLog() for seat in world.seats}
    steps, terminated, truncated = 0, False, False

    def complete(seat: str, after: Observation) -> None:
        place = places[seat]
        turn, place.turn = place.turn, None
        if turn is None:
            return
        reward = turn.reward
        if signal == "difference":
            reward -= waiting(world, turn.state, turn.commands)
        step = Transition(
            observation=turn.observation,
            command=turn.commands[0][1],
            reward=reward,
            next_observation=after,
            candidates=() if terminated else after.admissible or (),
            terminated=terminated,
        )
        place.steps.append(step)
        place.history.append(Exchange(command=turn.commands[0][1], reply=after.text))
        if seat in learn:
            agents[seat].learn(step)

    while not (terminated or truncated) and (seat := world.to_move(state)) is not None:
        seen = world.observe(state, seat)
        complete(seat, seen)
        history = places[seat].history or [Exchange(command="", reply=seen.text)]
        places[seat].history = history
        drawn = rng.getrandbits(32)
        if steps < opening and seen.admissible:
            command = seen.admissible[drawn % len(seen.admissible)]
        else:
            command = agents[seat].decide(seen, history, seed=drawn, explore=seat in explore).command
        places[seat].turn = _OpenTurn(state, seen, [])
        step = world.step(state, seat, command)
        state, steps = step.state, steps + 1
        terminated, truncated = step.terminated, step.truncated or steps == max_steps
        for each, place in places.items():
            reward = step.rewards.get(each, 0.0)
            place.total += reward
            if place.turn is not None:
                place.turn.commands.append((seat, command))
                place.turn.reward += reward
    if terminated:
        for seat in world.seats:
            complete(seat, world.observe(state, seat))
    return Match(
        seed=seed,
        steps=steps,
        returns={seat: place.total for seat, place in places.items()},
        won={seat: world.observe(state, seat).won for seat in world.seats},
        transitions={seat: place.steps for seat, place in places.items()},
    )


def waiting(world: World[Any], state: Any, commands: Sequence[tuple[str, str]], wait: str = "wait") -> float:
    """What the first seat would have been given had it waited while the others did what they did.

    A seat's reward less this is its *difference reward* (Wolpert & Tumer, Advances in Complex Systems 2001): what
    came of its own doing, without what the others would have brought about in any case. Worlds are pure, so the
    same turn can be had twice.

    Args:
        world: the world.
        state: before the first command.
        commands: (seat, command) in their order.
        wait: how to do nothing.
    """
    seat, reward = commands[0][0], 0.0
    for number, (who, command) in enumerate(commands):
        if world.to_move(state) != who:
            break
        step = world.step(state, who, command if number else wait)
        state = step.state
        reward += step.rewards.get(seat, 0.0)
    return reward


def train(
    world: World[Any],
    agents: Agents,
    team: VDN | None = None,
    *,
    seed: int = 0,
    signal: Signal = "world",
    max_steps: int = 1000,
) -> Iterator[Match]:
    """Play training episodes without end, each with the next seed; take as many as you like.

    Args:
        world: where.
        agents: they explore. Without a team each learns alone (independent learners; Tan 1993).
        team: the value decomposition over the agents' learners.
        seed: of the first episode.
        signal: what is learned from.
        max_steps: commands of an episode.
    """
    for number in count(seed):
        match = play(
            world,
            agents,
            seed=number,
            explore=world.seats,
            learn=world.seats if team is None else (),
            signal=signal,
            max_steps=max_steps,
        )
        if team is not None:
            team.learn(match.rounds)
        for agent in {id(agent): agent for agent in agents.values()}.values():
            agent.end_episode()
        yield match


def joint(agents: Agents) -> VDN | None:
    """The value decomposition over the learners of these agents; None where one of them learns nothing."""
    learners = {seat: agent.learner for seat, agent in agents.items() if isinstance(agent, CardAgent)}
    members = {seat: learner for seat, learner in learners.items() if learner is not None}
    return VDN(members) if len(members) == len(agents) else None


def won(world: World[Any], agents: Agents, seeds: Sequence[int], *, max_steps: int = 1000) -> int:
    """How many episodes of these seeds every seat wins, all of them acting greedily."""
    matches = (play(world, agents, seed=seed, max_steps=max_steps) for seed in seeds)
    return sum(all(match.won.values()) for match in matches)
