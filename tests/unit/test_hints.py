"""Hints: the next step of a plan, in three stages, at the author's price."""

import pytest
from native_play import Game, one_seat

from sandbox.testing import check_world
from sandbox.world.advice import advised

HOUSE = """
rooms:
  hall: {description: A hall., exits: {north: study}}
  study: {description: Books., exits: {south: hall, down: {to: pit, one_way: true}}}
  pit: {description: Deep., exits: {}}
things:
  key: {at: hall}
  chest: {at: study, fixed: true, container: {locked: true, key: key}}
  crown: {at: chest}
endings: {done: {when: {has: crown}, won: all, points: 10}}
"""


def game(text: str = HOUSE) -> Game:
    return Game(advised(one_seat(text)))


def test_a_hint_goes_from_the_thing_to_the_command_and_takes_no_turn():
    played = game()
    assert played.do("hint") == "It has to do with the key."
    assert played.do("hint") == "You might “take” something."
    assert played.do("hint", "hint") == "Try “take key”."
    assert played.state.round == 0
    played.do("take key")
    assert played.do("hint") == "There is nothing more to do here for now."
    assert played.do("hint") == "You might try your luck this way: north."
    assert played.do("give me a hint") == "Try “go north”."


def test_following_the_last_stage_wins():
    played = game()
    for _ in range(8):
        if played.terminated:
            break
        text = played.do("hint", "hint", "hint")
        played.do(text.partition("“")[2].partition("”")[0])
    assert played.terminated
    assert played.seen().won


def test_a_hint_costs_what_the_author_says():
    played = game("hint_cost: 2\n" + HOUSE)
    assert played.do("hint").endswith("(That hint costs you points: 2.)")
    assert played.rewards == {"ann": -2.0}
    assert played.seen().score == -2


def test_where_nobody_can_win_any_more_it_says_so_and_costs_nothing():
    played = game("hint_cost: 2\n" + HOUSE)
    played.do("go north", "go down")
    assert played.do("hint") == "You cannot win any more from here; take some turns back."
    assert played.seen().score == 0


def test_without_anybody_to_ask_there_is_no_hint():
    assert Game(one_seat(HOUSE)).do("hint") == "Nobody can think of a hint."


@pytest.mark.parametrize("hints", [0, 1, 2])
def test_how_far_a_hint_went_is_kept_in_saves(hints: int) -> None:
    world = advised(one_seat(HOUSE))
    played = Game(world)
    played.do("look", *["hint"] * hints)
    again = Game(world)
    again.state = world.load(world.dump(played.state))
    assert again.state == played.state
    assert again.do("hint") == played.do("hint")
    check_world(world, seeds=(0,), steps=10)
