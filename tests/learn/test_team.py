"""A team learns what its members cannot learn alone, and a race is won by later generations."""

from __future__ import annotations

import json
from itertools import islice

import pytest

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import parse_card
from sandbox.agent.learners import build_learner
from sandbox.bench.learning import seats
from sandbox.multiagent import team
from sandbox.multiagent.generations import races_won, self_play
from sandbox.multiagent.joint import TEAM, JointWorld
from sandbox.multiagent.notes import NotedWorld
from sandbox.multiagent.vdn import VDN
from sandbox.paths import Home
from sandbox.rl.tabular import TabularQ
from sandbox.types import Observation, Transition
from sandbox.world.memoised import MemoisedWorld
from sandbox.world.native import NativeWorld, parse_source

CARD = """\
learner: {kind: tabular, alpha: 0.3, gamma: 0.95}
combine: {method: q}
explore: {epsilon: {start: 1.0, end: 0.05, over: 60}}
"""

TWO_SWITCHES = """\
title: Two switches
rewards: shared
limit: 6
seats:
  ann: {start: hall, goal: Open the door together.}
  bob: {start: cellar, goal: Open the door together.}
variables: {held: false}
rooms:
  hall: {description: A hall.}
  cellar: {description: A cellar.}
things:
  lever: {at: cellar, scenery: true}
  knob: {at: hall, scenery: true}
rules:
  - {instead: pull, thing: lever, say: You hold it., do: {set: held, to: true}}
  - {instead: push, thing: knob, when: {var: held}, do: {end: open}}
  - {instead: push, thing: knob, say: Nothing., do: {set: held, to: false}}
endings:
  open: {won: all, points: 1, say: The door opens.}
"""


def seen(key: str, *commands: str) -> Observation:
    return Observation(seat="", turn=0, text="", description=key, admissible=commands)


def step(key: str, command: str, reward: float, after: Observation | None = None) -> Transition:
    return Transition(
        observation=seen(key, command),
        command=command,
        reward=reward,
        next_observation=after or seen("end"),
        candidates=after.admissible or () if after else (),
        terminated=after is None,
    )


def agent(text: str = CARD) -> CardAgent:
    card = parse_card(text, "learner")
    return CardAgent(card, learner=build_learner(card))


def test_the_error_of_the_team_is_shared_out_and_the_sum_moves_by_alpha():
    members = {"ann": TabularQ(alpha=0.5, initial=1.0), "bob": TabularQ(alpha=0.5, initial=2.0)}
    round_ = {"ann": step("a", "pull", 7.0), "bob": step("b", "push", 7.0)}
    (update,) = VDN(members).learn([round_])
    assert (update.before, update.target, update.error) == (3.0, 7.0, 4.0)
    assert members["ann"].values(seen("a"), ["pull"]) == [2.0]
    assert members["bob"].values(seen("b"), ["push"]) == [3.0]


def test_the_teams_target_is_the_reward_of_a_round_and_the_best_of_every_member():
    members = {"ann": TabularQ(alpha=1.0), "bob": TabularQ(alpha=1.0)}
    members["ann"].update(step("a2", "go", 4.0))
    members["bob"].update(step("b2", "go", 2.0))
    after = {"ann": seen("a2", "go", "wait"), "bob": seen("b2", "go", "wait")}
    round_ = {seat: step(seat, "do", 1.0, after[seat]) for seat in members}
    (update,) = VDN(members, gamma=0.5, trace=0.0).learn([round_])
    assert update.target == pytest.approx(1.0 + 0.5 * (4.0 + 2.0))


def test_traces_carry_a_reward_back_to_the_beginning_of_an_episode():
    def first_value(trace: float) -> float:
        members = {"ann": TabularQ(alpha=0.5)}
        rounds = [{"ann": step("1", "on", 0.0, seen("2", "on"))}, {"ann": step("2", "on", 0.0, seen("3", "on"))}]
        VDN(members, gamma=0.5, trace=trace).learn([*rounds, {"ann": step("3", "on", 8.0)}])
        return members["ann"].values(seen("1"), ["on"])[0]

    assert first_value(1.0) == pytest.approx(0.5 * 0.5**2 * 8.0)
    assert first_value(0.0) == pytest.approx(0.5 * 0.25 * (0.5 * 0.5 * 8.0))


@pytest.mark.parametrize("as_team", [True, False])
def test_two_who_must_act_together_learn_to(as_team):
    world = NativeWorld(parse_source(TWO_SWITCHES, "test"), "switches")
    agents = {seat: agent() for seat in world.seats}
    joint = VDN({seat: each.learner for seat, each in agents.items()}) if as_team else None
    matches = list(islice(team.train(world, agents, joint, max_steps=12), 150))
    assert sum(match.won["ann"] for match in matches[:30]) < 30
    assert team.won(world, agents, range(1000, 1010), max_steps=12) == 10


def test_a_team_with_one_mind_sees_what_all_see_and_learns_what_to_do_together():
    world = JointWorld(NativeWorld(parse_source(TWO_SWITCHES, "test"), "switches"))
    start = world.initial(0)
    seen = world.observe(start, TEAM)
    assert "A hall." in seen.description and "A cellar." in seen.description
    assert "push knob | pull lever" in (seen.admissible or ())
    held = world.step(start, TEAM, "push knob | pull lever")
    assert (held.rewards, held.terminated) == ({}, False)
    opened = world.step(held.state, TEAM, "push knob | wait")
    assert (opened.rewards, opened.terminated) == ({TEAM: 1.0}, True)
    assert world.observe(opened.state, TEAM).won and world.to_move(opened.state) is None
    one = agent()
    list(islice(team.train(world, {TEAM: one}, max_steps=6), 150))
    assert team.won(world, {TEAM: one}, range(1000, 1010), max_steps=6) == 10


def test_the_difference_reward_leaves_out_what_others_did_anyway():
    world = NativeWorld(parse_source(TWO_SWITCHES, "test"), "switches")
    state = world.initial(0)
    state = world.step(state, "ann", "wait").state
    before_lever = state
    with_lever = world.step(state, "bob", "pull lever").state
    # Ann's push opens the door: had she waited, it would have stayed shut.
    assert team.waiting(world, with_lever, [("ann", "push knob")]) == 0.0
    assert world.step(with_lever, "ann", "push knob").rewards["ann"] == 1.0
    # Bob's lever made Ann's push count; nothing comes of her push where he waits.
    assert team.waiting(world, before_lever, [("bob", "pull lever"), ("ann", "push knob")]) == 0.0
    # Bob waits after the lever, which Ann uses: the door opens without his waiting being any merit.
    held = world.step(with_lever, "ann", "wait").state
    assert team.waiting(world, held, [("bob", "wait"), ("ann", "push knob")]) == 1.0


def test_what_is_told_in_the_mill_is_known_above():
    world = NotedWorld(seats.memoised(Home.find(), "millrace"), ["pin"])
    state = world.initial(0)
    for seat, command in [
        ("tamsin", "take lantern"), ("jory", "wait"), ("tamsin", "go up"), ("jory", "wait"),
        ("tamsin", "put lantern in chute"), ("jory", "take lantern"), ("tamsin", "wait"), ("jory", "go down"),
        ("tamsin", "wait"),
    ]:  # fmt: skip
        assert world.to_move(state) == seat
        state = world.step(state, seat, command).state
    above = world.observe(state, "tamsin")
    (telling,) = [each for each in world.observe(state, "jory").admissible or () if each.startswith("say ")]
    assert "black drum" in telling and "pin" not in above.description
    state = world.step(state, "jory", telling).state
    assert telling in world.observe(state, "tamsin").description
    assert telling not in (world.observe(state, "jory").admissible or ())
    assert world.observe(world.load(world.dump(state)), "tamsin") == world.observe(state, "tamsin")


def test_a_memoised_world_is_the_world():
    plain = NativeWorld(parse_source(TWO_SWITCHES.replace("limit: 6\n", ""), "test"), "switches")
    memoised = MemoisedWorld(plain)
    for _ in range(2):
        state, played = plain.initial(0), memoised.initial(0)
        for command in ("push knob", "pull lever", "wait", "wait", "push knob"):
            seat = plain.to_move(state)
            assert seat is not None and memoised.to_move(played) == seat
            here, there = plain.observe(state, seat), memoised.observe(played, seat)
            assert (here.state_key, here.admissible, here.score) == (
                there.state_key,
                there.admissible,
                there.score,
            )
            real, from_memory = plain.step(state, seat, command), memoised.step(played, seat, command)
            assert real.terminated == from_memory.terminated
            assert real.rewards.get(seat, 0.0) == from_memory.rewards.get(seat, 0.0)
            state, played = real.state, from_memory.state
        assert real.terminated and memoised.observe(played, "ann").won


RACE = """\
title: A race
turns: simultaneous
rewards: zero-sum
limit: 12
seats:
  ann: {start: a, goal: Ring first.}
  bob: {start: a, goal: Ring first.}
rooms:
  a: {description: The start., exits: {north: b, east: x}}
  x: {description: A dead end., exits: {north: y}}
  y: {description: A deeper dead end.}
  b: {description: Halfway., exits: {north: c, east: x}}
  c: {description: The tower.}
things:
  bell: {at: c, scenery: true}
rules:
  - {instead: push, thing: bell, do: {end: rung}}
endings:
  rung: {won: actor, points: 2, say: It rings.}
"""


def test_a_later_generation_beats_the_first():
    world = NativeWorld(parse_source(RACE, "test"), "race")
    born = self_play(world, agent, generations=4, episodes=15, max_steps=24)
    assert len(born) == 4
    forward = races_won(world, born[-1], born[0], races=20, opening=0, max_steps=24)
    backward = races_won(world, born[0], born[-1], races=20, opening=0, max_steps=24)
    assert forward > backward


@pytest.mark.parametrize(("wanted", "tried"), [(0.0, 1), (2.0, 3)])
def test_a_generation_goes_on_until_it_wins_enough_or_has_tried_often(wanted: float, tried: int):
    made: list[CardAgent] = []

    def make() -> CardAgent:
        made.append(agent())
        return made[-1]

    world = NativeWorld(parse_source(RACE, "test"), "race")
    self_play(world, make, generations=3, episodes=4, wanted=wanted, tries=3, trials=2, max_steps=24)
    assert json.loads(made[0].dump()["progress"])["episodes"] == 4 + 2 * 4 * tried
