"""Whether an agent keeps the promises of `sandbox.types.Agent`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from sandbox.testing.contract import require
from sandbox.text import clean_line
from sandbox.types import Agent, Decision, Exchange, Observation, Transition, World


def check_agent(make_agent: Callable[[], Agent], world: World[Any], *, seed: int = 0, steps: int = 20) -> None:
    """Let a fresh agent play one episode and hold it to the protocol. Raises `ContractError`.

    Checked are: decisions whose parts run parallel and name one of their proposals, the same decision for the same
    arguments and learned state, updates whose numbers add up, and an agent that was dumped and loaded deciding as
    before.

    Args:
        make_agent: makes an agent that has learned nothing; called several times.
        world: where it plays, in every seat.
        seed: of the episode and the decisions.
        steps: commands at most.
    """
    agent = make_agent()
    require(clean_line(agent.name) == agent.name != "", "name is a line of clean text")
    state = world.initial(seed)
    histories: dict[str, list[Exchange]] = {seat: [] for seat in world.seats}
    commands: list[str] = []
    for number in range(steps):
        seat = world.to_move(state)
        if seat is None:
            break
        seen = world.observe(state, seat)
        history = histories[seat]
        history.append(Exchange(command=commands[-1] if history else "", reply=seen.text))
        decision = agent.decide(seen, tuple(history), seed=seed + number)
        _check_decision(decision, seen, commands)
        same = agent.decide(seen, tuple(history), seed=seed + number)
        require(_facts(decision) == _facts(same), "the same arguments give the same decision", after=commands)
        copy = make_agent()
        copy.load(agent.dump())
        copied = copy.decide(seen, tuple(history), seed=seed + number)
        require(
            _facts(decision) == _facts(copied), "a loaded agent decides as the one that was dumped", after=commands
        )
        step = world.step(state, seat, decision.command)
        after = world.observe(step.state, seat)
        update = agent.learn(
            Transition(
                observation=seen,
                command=decision.command,
                reward=step.rewards.get(seat, 0.0),
                next_observation=after,
                candidates=after.admissible or (),
                terminated=step.terminated,
            )
        )
        commands.append(decision.command)
        if update is not None:
            require(
                update.command == decision.command, "an update is of the command that was given", after=commands
            )
            numbers = (update.before, update.after, update.error)
            require(
                all(math.isfinite(value) for value in numbers), "an update's numbers are finite", after=commands
            )
        state = step.state
    agent.end_episode()
    for name, record in agent.changes().items():
        require(
            agent.dump().get(name) == record, f"the changed record {name!r} is part of the dump", after=commands
        )


def _check_decision(decision: Decision, seen: Observation, commands: list[str]) -> None:
    count = len(decision.proposals)
    require(count > 0, "a decision has a proposal", after=commands)
    require(0 <= decision.chosen < count, "the chosen proposal is one of them", after=commands)
    require(
        len(decision.q_values) == len(decision.scores) == count, "Q-values and scores run parallel", after=commands
    )
    require(len(decision.visits) in (0, count), "visits run parallel", after=commands)
    require(decision.seat == seen.seat, "a decision is for the seat that was asked", after=commands)
    require(decision.state_key == seen.state_key, "a decision names the state it was made in", after=commands)
    for proposal in decision.proposals:
        require(clean_line(proposal.command) == proposal.command != "", "commands are clean lines", after=commands)
    require(all(not math.isnan(value) for value in decision.scores), "scores are numbers", after=commands)


def _facts(decision: Decision) -> tuple[Any, ...]:
    """All of a decision but the time it took."""
    commands = tuple(proposal.command for proposal in decision.proposals)
    return commands, decision.chosen, decision.q_values, decision.scores, decision.chooser
