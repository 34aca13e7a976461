"""The shipped checkers pass what keeps its promises and name the promise that is broken."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import load_card
from sandbox.agent.learners import build_learner
from sandbox.agent.scripted import ScriptedAgent
from sandbox.errors import SandboxError
from sandbox.testing import (
    ContractError,
    Line,
    TableWorld,
    check_agent,
    check_world,
    parse_walkthrough,
    play_walkthrough,
    to,
)
from sandbox.types import Step
from sandbox.world.registry import open_world
from sandbox.world.reload import Difference, Given, replay

TABLE = {
    "hall": {
        "go east": to("study", 1.0),
        "wait": to("hall"),
        "toss coin": ((0.5, "hall", 1.0), (0.5, "study", -1.0)),
    },
    "study": {"go west": to("hall", -1.0), "read": to("end", {"ann": 2.0, "bob": -2.0})},
    "end": {},
}


class World(TableWorld):
    def __init__(self, **changes):
        super().__init__(
            **{
                "table": TABLE,
                "start": "hall",
                "wins": {"end": ["ann"]},
                "movers": {"hall": "ann", "study": "bob"},
                "seats": ("ann", "bob"),
                **changes,
            }
        )


def test_a_world_that_keeps_its_promises_passes():
    check_world(World())


def test_a_real_textworld_game_passes():
    world = open_world("tw:simple?seed=18")
    try:
        check_world(world, seeds=(0,), steps=15)
        played = play_walkthrough(world, world.walkthrough())
        assert played.winners == {"player"}
    finally:
        world.close()


class Forgetful(World):
    def dump(self, state):
        return super().dump(replace(state, scores=(0.0, 0.0)))


class Moody(World):
    mood = 0

    def step(self, state, seat, command):
        type(self).mood += 1
        step = super().step(state, seat, command)
        return Step(state=replace(step.state, text=f"{step.state.text} {self.mood}"), rewards=step.rewards)


class Escaping(World):
    def observe(self, state, seat):
        return replace(super().observe(state, seat), text="\x1b[31mred")


class Fragile(World):
    def step(self, state, seat, command):
        if command not in self.table[state.place]:
            raise KeyError(command)
        return super().step(state, seat, command)


class Unsorted(World):
    def observe(self, state, seat):
        seen = super().observe(state, seat)
        return replace(seen, admissible=tuple(reversed(seen.admissible)))


class Boastful(World):
    def observe(self, state, seat):
        seen = super().observe(state, seat)
        return replace(seen, admissible=tuple(sorted((*seen.admissible, "fly")))) if seen.admissible else seen


class Credulous(World):
    def load(self, data):
        return self.initial(0)


class Generous(World):
    def step(self, state, seat, command):
        return replace(super().step(state, seat, command), rewards={"carol": 1.0})


class Unlikely(World):
    def outcomes(self, state, seat, command):
        return tuple((p / 2, step) for p, step in super().outcomes(state, seat, command))


class Endless(World):
    def to_move(self, state):
        return super().to_move(state) or "ann"

    def observe(self, state, seat):
        seen = super().observe(state, seat)
        return replace(seen, admissible=() if state.place == "end" else seen.admissible)

    def step(self, state, seat, command):
        if state.place == "end":
            return Step(state=state, terminated=True)
        step = super().step(state, seat, command)
        return replace(step, terminated=step.state.place == "end")


@pytest.mark.parametrize(
    ("kind", "promise"),
    [
        (Forgetful, "a loaded state looks the same"),
        (Moody, "does the same each time"),
        (Escaping, "text is clean text"),
        (Fragile, "is answered in the text, not with KeyError"),
        (Unsorted, "admissible commands are sorted"),
        (Boastful, "'fly' is admissible, so it is understood"),
        (Credulous, "bytes that are no state are refused"),
        (Generous, "rewards are for seats of the world"),
        (Unlikely, "have probability 1"),
        (Endless, "after the end no seat is to move"),
    ],
)
def test_a_broken_promise_is_named_with_the_way_to_it(kind, promise):
    with pytest.raises(ContractError, match=rf"{promise}.* \(after: seed \d"):
        check_world(kind(), seeds=range(6))


def test_a_reward_that_does_not_add_up_is_found_in_a_zero_sum_world():
    with pytest.raises(ContractError, match="add up to 0"):
        check_world(World(), zero_sum=True)


def test_a_walkthrough_names_seats_and_expects_texts():
    text = "# how to win\n\nann> go east\n  study\nread\n  end\n"
    assert parse_walkthrough(text, ("ann", "bob")) == [
        Line("go east", "ann", ("study",), 3),
        Line("read", "", ("end",), 5),
    ]
    played = play_walkthrough(World(), text)
    assert played.winners == {"ann"}
    assert played.rewards == {"ann": 3.0, "bob": -2.0}
    assert played.ended
    assert [(seat, exchange.command) for seat, exchange in played.exchanges] == [
        ("ann", "go east"),
        ("bob", "read"),
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("go east\n  a library\n", r"line 1, 'go east': the reply does not hold 'a library', it is 'study'"),
        ("ann> go east\nann> read\n", "line 2, 'read': it is the turn of bob"),
        ("go east\nread\n\nread\n", "line 4, 'read': the episode has ended before"),
    ],
)
def test_a_walkthrough_that_goes_wrong_says_where(text, message):
    with pytest.raises(ContractError, match=message):
        play_walkthrough(World(), text)


def test_text_before_any_command_is_refused():
    with pytest.raises(SandboxError, match="before any command"):
        parse_walkthrough("  The lamp.\n")


def cards_agent():
    card = load_card(Path(__file__).parents[2] / "agents" / "q-table.yaml")
    return CardAgent(card, None, build_learner(card))


def test_agents_that_keep_their_promises_pass():
    check_agent(cards_agent, World())
    check_agent(lambda: ScriptedAgent(["go east", "read"]), World())


def test_an_agent_that_forgets_what_it_learned_is_caught():
    class Forgetful(ScriptedAgent):
        learned = 0

        def decide(self, observation, history, *, seed, explore=True):
            decision = super().decide(observation, history, seed=seed, explore=explore)
            return replace(decision, q_values=(float(self.learned),))

        def learn(self, transition):
            self.learned += 1

    with pytest.raises(ContractError, match="a loaded agent decides as the one that was dumped"):
        check_agent(lambda: Forgetful(["wait", "wait"]), World())


GIVEN = [Given("ann", "wait", "hall"), Given("ann", "go east", "hall"), Given("bob", "go west", "study")]


def test_an_unchanged_world_replays_without_a_difference():
    replayed = replay(World(), GIVEN, seed=0, reading="hall")
    assert replayed.difference is None
    assert replayed.carried == 3
    assert replayed.state.place == "hall"


def test_the_first_text_that_reads_otherwise_is_named_and_play_goes_on():
    world = World(texts={"study": "A dusty study."})
    replayed = replay(world, GIVEN, seed=0, reading="hall")
    assert replayed.difference == Difference(2, "bob", "study", "A dusty study.")
    assert replayed.carried == 3


def test_a_replay_stops_where_the_turns_fall_otherwise():
    world = World(movers={"hall": "ann", "study": "ann"})
    replayed = replay(world, GIVEN, seed=0)
    assert replayed.carried == 2
    assert replayed.difference == Difference(2, "bob", "study", "")


def test_dumps_are_json_and_small():
    world = World()
    assert json.loads(world.dump(world.initial(3)))[:2] == ["hall", 3]
