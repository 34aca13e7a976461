"""Several seats in one native world: turns, talk, gifts, exchanges, conflicts, shared and opposed rewards."""

import pytest
from native_play import Game, make

from sandbox.errors import WorldError

PAIR = """
title: Pair
{head}
seats:
  ann: {{name: Ann, start: hall, goal: "Ann's goal.", knows: The code is 7.}}
  bob: {{name: Bob, start: hall, goal: "Bob's goal."}}
rooms:
  hall: {{exits: {{north: yard}}}}
  yard: {{exits: {{south: hall}}}}
things:
  key: {{at: hall}}
  letter: {{at: ann, concealed: true, text: Burn this.}}
  apple: {{at: ann}}
  pear: {{at: bob}}
  coins: {{at: bob, count: 3, one: coin}}
rules:
  - {{after: take, thing: key, do: {{score: 6}}}}
"""


def pair(head: str = "") -> Game:
    return Game(make(PAIR.format(head=head)))


def test_seats_take_turns_and_see_each_other():
    game = pair()
    assert game.world.to_move(game.state) == "ann"
    assert "Bob is here, carrying a pear and three coins." in game.seen("ann").description
    game.do("take key")
    assert game.world.to_move(game.state) == "bob"
    assert game.seen("bob").text.endswith("Ann takes the key.")
    game.do("n")
    assert game.seen("ann").text == "You take the key.\nBob leaves: north."
    assert game.do("wait", seat="bob") == "It is not your turn."
    assert game.world.to_move(game.state) == "ann"


def test_whereabouts_are_told_where_the_world_says_so():
    game = pair("whereabouts: true")
    assert "Elsewhere" not in game.seen("ann").description
    game.do("wait", "n", "look")
    assert "Elsewhere: Bob (Yard).\nExits: north." in game.seen("ann").description
    assert "Elsewhere: Bob (Yard).\nExits: north." in game.seen("ann").text
    assert "Elsewhere: Ann (Hall).\nExits: south." in game.seen("bob").description
    game.do("n", "wait")
    assert "Elsewhere" not in game.seen("ann").description + game.seen("bob").description
    untold = pair()
    untold.do("wait", "n")
    assert "Elsewhere" not in untold.seen("ann").description


def test_whereabouts_are_told_in_the_dark_and_in_chinese():
    world = make(
        """
        title: 灯
        language: zh
        whereabouts: true
        seats:
          甲: {start: 大厅, goal: 等。}
          乙: {start: 地窖, goal: 等。}
        rooms:
          大厅: {exits: {down: 地窖}}
          地窖: {dark: true, exits: {up: 大厅}}
        """
    )
    game = Game(world)
    assert "别处：乙（地窖）。" in game.seen("甲").description
    assert "别处：甲（大厅）。" in game.seen("乙").description


def test_text_accumulates_until_the_next_command():
    game = pair()
    game.do("say one")
    game.do("look", seat="bob")
    game.do("say two", seat="bob")
    game.do("say three", seat="ann")
    assert game.seen("ann").text == "You say: “three”"
    assert game.seen("bob").text == "You say: “two”\nAnn says: “three”"


def test_errors_and_looking_leave_the_turn():
    game = pair()
    game.do("look", "frobnicate", "x bob", "take sword")
    assert game.world.to_move(game.state) == "ann"


def test_one_command_a_line_while_others_wait():
    game = pair()
    assert game.do("look. take key. n", seat="ann").endswith(
        "You take the key.\n(One command at a time, while others wait for their turn.)"
    )
    assert "Hall" in game.seen("ann").description


def test_what_is_private_stays_private():
    game = pair()
    assert "The code is 7." in game.seen("ann").text
    assert "code" not in game.seen("bob").text
    assert game.seen("bob").goal == "Bob's goal." and "Ann's goal" not in str(game.seen("bob"))
    assert "letter" not in game.seen("bob").description
    game.do("wait")
    assert game.do("x letter", seat="bob") == "You can't see any such thing."
    assert game.do("x ann", seat="bob") == "Ann is here, carrying an apple."
    game.do("wait", seat="bob")
    game.do("read letter", seat="ann")
    assert "Burn" not in game.seen("bob").text
    game.do("say burning?", seat="bob")
    game.do("show letter to bob", seat="ann")
    assert game.seen("bob").text.endswith("Ann shows you the letter.\nBurn this.")


def test_talk_is_heard_by_those_who_are_there():
    game = pair()
    game.do("say Hello \x1b[31mthere\x07. How are you?")
    assert game.seen("bob").text.endswith("Ann says: “Hello there. How are you?”")
    game.do("n")
    game.do("say Anyone?")
    assert "Anyone" not in game.seen("bob").text
    game.do("wait")
    assert game.do("tell bob secret") == "You can't see any such thing."


def test_whispers():
    world = make(
        """
        title: Three
        seats:
          ann: {name: Ann, start: hall, goal: G}
          bob: {name: Bob, start: hall, goal: G}
          cy: {name: Cy, start: hall, goal: G, hears: nothing}
          di: {name: Di, start: yard, goal: G, hears: everywhere}
          ed: {name: Ed, start: hall, goal: G, sees: false}
        rooms: {hall: {exits: {north: yard}}, yard: {exits: {south: hall}}}
        things: {key: {at: hall}}
        """
    )
    game = Game(world)
    game.do("tell bob that the Key is MINE")
    assert game.seen("bob").text.endswith("Ann says to you: “the Key is MINE”")
    assert game.seen("cy").text.endswith("Ann whispers something to Bob.")
    assert all("MINE" not in game.seen(seat).text for seat in ("cy", "di", "ed"))
    game.do("say Hoy")
    assert game.seen("ann").text.endswith("Bob says: “Hoy”")
    assert "Hoy" not in game.seen("cy").text
    assert game.seen("di").text.endswith("You hear Bob from afar: “Hoy”")
    game.do("take key")
    assert "takes" in game.seen("ann").text and "takes" not in game.seen("ed").text


def test_giving():
    game = pair()
    assert game.do("give apple to bob", seat="ann") == "You give the apple to Bob."
    assert game.seen("bob").text.endswith("Ann gives you the apple.")
    assert "apple" in game.seen("bob").inventory
    assert {"give pear to Ann", "give coin to Ann", "give coins to Ann"} <= set(game.seen("bob").admissible)
    game.do("give ann 2 coins", seat="bob")
    assert "two coins" in game.seen("ann").inventory


def test_following():
    game = pair()
    game.do("n")
    assert game.do("follow ann", seat="bob").startswith("Yard")


def test_exchanges_need_both():
    game = pair("trading: true")
    assert "trade apple with Bob for coin" in game.seen("ann").admissible
    game.do("trade apple with bob for 2 coins", seat="ann")
    assert game.seen("ann").text == "You offer Bob an apple for two coins."
    assert game.seen("bob").text.endswith("Ann offers you an apple for two coins.")
    assert "apple" in game.seen("ann").inventory
    assert {"accept", "decline"} <= set(game.seen("bob").admissible)
    assert game.do("accept", seat="bob") == "You give Ann two coins and get an apple."
    assert game.seen("ann").text.endswith("You give Bob an apple and get two coins.")
    assert "apple" in game.seen("bob").inventory and "two coins" in game.seen("ann").inventory
    assert not {"accept", "decline"} & set(game.seen("bob").admissible)


def test_offers_can_be_declined_and_lapse():
    game = pair("trading: true")
    game.do("trade apple with bob for pear", seat="ann")
    game.do("decline", seat="bob")
    assert game.seen("ann").text.endswith("Bob declines your offer.")
    game.do("trade apple with bob for pear", seat="ann")
    game.do("drop pear", seat="bob")
    game.do("wait", seat="ann")
    assert "accept" not in game.seen("bob").admissible
    assert game.do("accept", seat="bob") == "The offer no longer stands."
    assert game.do("trade pear with ann for letter", seat="bob") in (
        "You can't see any such thing.",
        "I don't know the word “letter”.",
    )


def test_mirrored_offers_meet():
    game = pair("trading: true\nturns: simultaneous")
    game.do("trade apple with bob for pear", seat="ann")
    game.do("trade pear with ann for apple", seat="bob")
    assert "pear" in game.seen("ann").inventory and "apple" in game.seen("bob").inventory


def test_no_exchanges_where_the_world_has_none():
    assert not any(c.startswith("trade") for c in pair().seen("ann").admissible)
    assert pair().do("trade apple with bob for pear") == "Nobody here trades like that."


def test_simultaneous_commands_are_committed_unseen():
    game = pair("turns: simultaneous")
    game.do("take key", seat="ann")
    assert game.seen("ann").text == "You have decided. The others are still thinking."
    assert "key here" in game.seen("bob").description
    assert "takes" not in game.seen("bob").text and game.rewards == {}
    assert game.do("fly", seat="bob").startswith("I don't know how to")
    assert game.world.to_move(game.state) == "bob"
    game.do("take key", seat="bob")
    assert game.rewards == {"ann": 6.0}
    assert game.seen("ann").text == "You take the key."
    assert game.seen("bob").text == "Ann takes the key.\nThe key is Ann's."
    assert game.world.to_move(game.state) == "ann"


@pytest.mark.parametrize(("conflicts", "winners"), [("listed", ["ann"] * 3), ("rotating", ["ann", "bob", "ann"])])
def test_who_comes_first(conflicts, winners):
    game = pair(f"turns: simultaneous\nconflicts: {conflicts}")
    for winner in winners:
        game.do("take key", "take key")
        assert game.rewards == {winner: 6.0}
        world, core = game.world, game.state.core
        # The key goes back to the hall in a round of its own that does not count.
        before = core.first
        game.do(*("drop key" if seat == winner else "wait" for seat in world.seats))
        if conflicts == "rotating":
            assert game.state.core.first == (before + 1) % 2
            game.do("wait", "wait")


def test_random_conflicts_are_fair():
    game = pair("turns: simultaneous\nconflicts: random")
    game.do("take key")
    outcomes = game.world.outcomes(game.state, "bob", "take key")
    assert sorted((p, *s.rewards) for p, s in outcomes) == [(0.5, "ann"), (0.5, "bob")]


@pytest.mark.parametrize(
    ("rewards", "given"),
    [
        ("individual", {"ann": 6.0}),
        ("shared", {"ann": 6.0, "bob": 6.0}),
        ("zero-sum", {"ann": 6.0, "bob": -6.0}),
    ],
)
def test_rewards(rewards, given):
    game = pair(f"rewards: {rewards}")
    game.do("take key")
    assert game.rewards == given
    assert {seat: game.seen(seat).score for seat in given} == given


RACE = """
    title: Race
    rewards: zero-sum
    min_seats: 2
    seats:
      red: {start: lane, goal: Be first.}
      blue: {start: lane, goal: Be first.}
      green: {start: lane, goal: Be first.}
    rooms: {lane: {exits: {north: goal}}, goal: {}}
    things: {flag: {at: green}}
    rules: [{after: enter, room: goal, do: {end: home}}]
    endings: {home: {won: actor, points: 6, say: The race is over.}}
    """


def test_the_first_wins_at_the_others_cost():
    game = Game(make(RACE))
    game.do("wait", "n")
    assert game.terminated and game.rewards == {"red": -3.0, "blue": 6.0, "green": -3.0}
    assert [game.seen(s).won for s in game.world.seats] == [False, True, False]
    assert all(game.seen(s).text.endswith("The race is over.") for s in game.world.seats)


def test_a_world_can_be_played_by_fewer():
    from sandbox.world.native import NativeWorld

    source = make(RACE).source
    game = Game(NativeWorld(source, "race", seats=2))
    assert game.world.seats == ("red", "blue")
    assert "Green" not in game.seen().description and "flag" not in game.seen().description
    game.do("n")
    assert game.rewards == {"red": 6.0, "blue": -6.0}
    assert game.world.load(game.world.dump(game.state)) == game.state
    for seats in (1, 4):
        with pytest.raises(WorldError, match="2 to 3 seats"):
            NativeWorld(source, "race", seats=seats)


def test_what_others_see_of_an_authors_rule():
    world = make(
        """
        title: T
        seats: {ann: {name: Ann, start: hall, goal: G}, bob: {name: Bob, start: hall, goal: G}}
        rooms: {hall: {}, yard: {}}
        things: {bell: {at: hall, fixed: true}}
        verbs:
          ring:
            forms: ["ring {thing}"]
            rules:
              - thing: bell
                say: You ring {thing}.
                seen: "{me} rings {thing}."
                do: [{say: "All hear it, {me} too.", to: all}, {say: Only others., to: others}]
        """
    )
    game = Game(world)
    game.do("ring bell")
    assert game.seen("ann").text == "You ring the bell.\nAll hear it, you too."
    assert game.seen("bob").text.endswith("Ann rings the bell.\nAll hear it, Ann too.\nOnly others.")


def test_points_for_each_of_several():
    world = make(
        """
        title: T
        seats: {ann: {start: hall, goal: G}, bob: {start: hall, goal: G}}
        rooms: {hall: {}}
        events: {gift: {each: true, when: {has: hat}, do: {score: 1}}}
        things: {hat: {at: bob}}
        """
    )
    game = Game(world)
    game.do("wait", "wait")
    assert game.rewards == {"bob": 1.0}


def test_what_one_seat_may_do_is_not_what_another_may():
    game = pair()
    assert "read letter" in game.seen("ann").admissible
    game.do("wait")
    assert "read letter" not in game.seen("bob").admissible
    assert game.do("read letter", seat="bob") == "You can't see any such thing."
    assert "Burn" not in game.seen("bob").text
