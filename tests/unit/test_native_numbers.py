"""Numbers that are compared with each other and added to each other."""

import pytest
from native_play import Game, one_seat

from sandbox.errors import WorldFileError
from sandbox.testing import check_world
from sandbox.world.check import check

MARKET = """
rooms: {hall: {description: A stall.}}
things: {bell: {at: hall, fixed: true}, jug: {at: nowhere}, sign: {at: hall, fixed: true}}
variables: {purse: 6, price: 4, offer: 1}
verbs:
  bid: {forms: bid, rules: {say: Up., do: {change: offer, by: 1}}}
  buy:
    forms: buy
    rules:
      - {when: [{var: offer, at_least: price}, {var: purse, at_least: offer}], say: "Done for {offer}.",
         do: [{move: jug, to: me}, {change: purse, by: offer, times: -1}, {set: price, to: offer}]}
      - {say: "Too little."}
  weigh:
    forms: weigh
    rules:
      - {when: {var: price, equals: offer}, say: Even.}
      - {when: {var: offer, at_most: price}, say: Below.}
      - {say: Above.}
endings: {done: {when: [{has: jug}, {var: purse, equals: 2}], won: all}}
"""


def test_a_price_is_bidden_for_and_paid():
    played = Game(one_seat(MARKET))
    assert played.do("buy") == "Too little."
    assert played.do("weigh") == "Below."
    played.do("bid", "bid", "bid")
    assert played.do("weigh") == "Even."
    assert played.do("buy").startswith("Done for 4.")
    assert played.terminated
    assert played.seen().won


def test_the_checker_finds_the_win_and_takes_nothing_for_proved_that_is_not():
    world = one_seat(MARKET)
    checked = check(world)
    assert checked.solution is not None
    assert [move.command for move in checked.solution.moves] == ["bid", "bid", "bid", "buy"]
    assert not [finding for finding in checked.findings if finding.severity == "error"]
    check_world(world, seeds=(0,), steps=20)


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("at_least: price}", "at_least: prize}", "there is no variable 'prize'"),
        ("by: offer,", "by: ofer,", "there is no variable 'ofer'"),
        ("to: offer}", "to: offr}", "there is no variable 'offr'"),
        ("offer: 1}", "offer: true}", "'offer' is true or false"),
    ],
)
def test_what_is_no_number_is_refused_with_the_near_miss(old: str, new: str, message: str) -> None:
    with pytest.raises(WorldFileError) as caught:
        one_seat(MARKET.replace(old, new))
    assert any(message in finding.message for finding in caught.value.findings)
