"""What can be typed, and what is answered when it cannot be understood."""

import pytest
from native_play import Game, one_seat

HOUSE = """
rooms:
  hall:
    description: A plain hall.
    exits: {north: study, up: attic}
  study:
    description: Books.
    exits: {south: hall}
  attic:
    description: Dust.
    exits: {down: hall}
things:
  brass key: {at: hall}
  iron key: {at: hall}
  lamp: {at: hall, light: true, switch: "off", also: [lantern]}
  table: {at: hall, supporter: true, fixed: true}
  chest: {at: hall, fixed: true, container: {locked: true, key: iron key}}
  hat: {at: hall, wearable: true}
  coins: {at: hall, count: 5, one: coin}
  bottle of wine: {at: table}
  boots: {at: table, plural: true, wearable: true}
characters:
  mara:
    {name: Mara, article: none, pronoun: she, at: hall, topics: [{about: [storm, weather], say: It will blow.}]}
"""
WORLD = one_seat(HOUSE)


@pytest.fixture
def game():
    return Game(WORLD)


@pytest.mark.parametrize(
    ("typed", "answered"),
    [
        ("x lamp", "The lamp is off."),
        ("x hat", "You see nothing special about the hat."),
        ("examine the lantern", "The lamp is off."),
        ("look at lamp", "The lamp is off."),
        ("X LAMP", "The lamp is off."),
        ("take lamp", "You take the lamp."),
        ("get lamp", "You take the lamp."),
        ("pick up lamp", "You take the lamp."),
        ("pick lamp up", "You take the lamp."),
        ("take the brass key", "You take the brass key."),
        ("take brass", "You take the brass key."),
        ("take bottle", "You take the bottle of wine."),
        ("take wine", "You take the bottle of wine."),
        ("take bottle of wine", "You take the bottle of wine."),
        ("take bottle from table", "You take the bottle of wine."),
        ("take lamp from table", "You can't see any such thing."),
        ("take coin", "You take the coin."),
        ("take coins", "You take the coins."),
        ("take 3 coins", "You take the coins."),
        ("take two coins", "You take the coins."),
        ("take 9 coins", "There are not so many."),
        ("take 2 lamps", "I don't know the word “lamps”. Did you mean “lamp”?"),
        ("take 2 lamp", "You can't count the lamp like that."),
        ("take mara", "Mara would not care for that."),
        ("take table", "You can't take the table."),
        ("take sword", "I don't know the word “sword”."),
        ("take lmap", "I don't know the word “lmap”. Did you mean “lamp”?"),
        ("tkae lamp", "I don't know how to “tkae”. Did you mean “take”?"),
        ("frobnicate", "I don't know how to “frobnicate”."),
        ("drop lamp", "You don't have the lamp."),
        ("open chest", "The chest is locked."),
        ("unlock chest", "You have nothing that fits."),
        ("close chest", "The chest is already closed."),
        ("put lamp on table", "(first taking the lamp)\nYou take the lamp.\nYou put the lamp on the table."),
        ("wear hat", "(first taking the hat)\nYou take the hat.\nYou put on the hat."),
        ("eat lamp", "You can't eat the lamp."),
        ("read lamp", "There is nothing to read on the lamp."),
        ("turn on lamp", "You switch on the lamp."),
        ("turn lamp on", "You switch on the lamp."),
        ("light lamp", "You switch on the lamp."),
        ("turn off lamp", "The lamp is already off."),
        ("push table", "Nothing happens."),
        ("jump", "Nothing happens."),
        ("east", "You can't go east from here."),
        ("go sideways", "I don't know how to “go”."),
        ("go", "Which way do you want to go?"),
        ("ask mara about weather", "It will blow."),
        ("ask mara about the big storm", "It will blow."),
        ("ask mara about cheese", "Mara has nothing to say about that."),
        ("tell mara about storm", "It will blow."),
        ("ask lamp about storm", "The lamp does not answer."),
        ("talk to mara", "Mara nods at you."),
        ("say Hello, World.", "You say: “Hello, World.”"),
        ("give lamp to mara", "(first taking the lamp)\nYou take the lamp.\nMara does not want the lamp."),
        ("i", "You are carrying nothing."),
        ("exits", "Exits: north and up."),
        ("score", "You have 0 points after 0 turns."),
        ("z", "Time passes."),
        ("undo", "The session keeps every turn; taking one back is done there."),
        ("restart", "That is done in the session, not in the world."),
        ("again", "There is nothing to do again."),
        ("oops lamp", "There is nothing to correct."),
        ("", "What would you like to do?"),
        (" . . ", "What would you like to do?"),
        ("take", "What do you want to take?"),
        ("x me", "You are carrying nothing."),
        ("take it", "I'm not sure what “it” refers to."),
        ("examine all", "You can only do that with one thing at a time."),
    ],
)
def test_one_line(game, typed, answered):
    assert game.do(typed).startswith(answered)


@pytest.mark.parametrize("word", ["n", "north", "go north", "walk north", "go to the north", "N"])
def test_ways_to_go(game, word):
    assert game.do(word).startswith("Study\nBooks.")


def test_look_is_the_description(game):
    assert game.do("l") == game.seen().description == game.do("look")


@pytest.mark.parametrize(
    ("typed", "carried"),
    [
        ("take all", "a brass key, an iron key, a lamp, a hat, a bottle of wine, some boots and five coins"),
        ("take all but the lamp", "a brass key, an iron key, a hat, a bottle of wine, some boots and five coins"),
        (
            "take everything except lamp and hat",
            "a brass key, an iron key, a bottle of wine, some boots and five coins",
        ),
        ("take all from table", "a bottle of wine and some boots"),
        ("take lamp and hat", "a lamp and a hat"),
        ("take lamp, hat, and 2 coins", "a lamp, a hat and two coins"),
        ("take lamp. take hat", "a lamp and a hat"),
        ("take lamp then take hat", "a lamp and a hat"),
        ("take lamp, then take hat; take boots", "a lamp, a hat and some boots"),
        ("take lamp and then take hat", "a lamp and a hat"),
        ("take lamp. frobnicate. take hat", "a lamp"),
    ],
)
def test_several_things_and_several_commands(game, typed, carried):
    game.do(typed)
    assert game.seen().inventory == f"You are carrying {carried}."


def test_each_of_several_things_is_reported(game):
    assert game.do("take lamp and table") == "The lamp: You take the lamp.\nThe table: You can't take the table."


def test_a_question_is_answered_by_one_word(game):
    assert game.do("take key") == "Which do you mean, the brass key or the iron key?"
    assert game.do("iron") == "You take the iron key."


@pytest.mark.parametrize("answer", ["brass", "the brass one", "brass key", "the brass key"])
def test_answers_to_a_question(game, answer):
    game.do("take key")
    assert game.do(answer) == "You take the brass key."


def test_a_question_can_be_ignored(game):
    game.do("take key")
    assert game.do("take hat") == "You take the hat."
    assert game.do("brass").startswith("I don't know how to “brass”")


def test_a_question_inside_two_nouns(game):
    game.do("take brass key", "take iron key")
    assert game.do("put key on table").startswith("Which do you mean")
    assert game.do("iron") == "You put the iron key on the table."


def test_what_can_be_done_decides_before_asking(game):
    game.do("take iron key")
    assert game.do("take key") == "You take the brass key."
    game.do("drop iron key")
    assert game.do("drop key") == "You drop the brass key."


def test_a_missing_noun_is_asked_for(game):
    assert game.do("wear") == "What do you want to wear?"
    assert game.do("hat") == "(first taking the hat)\nYou take the hat.\nYou put on the hat."
    game.do("take off hat")
    assert game.do("put hat") in ("What do you want to put hat in?", "What do you want to put hat on?")


def test_pronouns(game):
    assert game.do("take lamp", "x it") == "The lamp is off."
    assert game.do("ask mara about storm", "ask her about storm") == "It will blow."
    assert game.do("take boots", "wear them") == "You put on the boots."
    assert game.do("drop it") == "You drop the lamp."
    assert game.do("ask him about storm") == "I'm not sure what “him” refers to."
    game.do("n")
    assert game.do("take it") == "You can't see any such thing."


def test_oops(game):
    assert game.do("take lmap").startswith("I don't know the word “lmap”")
    assert game.do("oops lamp") == "You take the lamp."
    game.do("drpo lamp")
    assert game.do("oops drop") == "You drop the lamp."


def test_again(game):
    assert game.do("take coin", "again") == "You take the coin."
    assert game.seen().inventory == "You are carrying two coins."
    assert game.do("g", "g", "g") == "You take the coin."
    assert game.do("g") == "You already have the coin."


def test_errors_and_looking_cost_no_turn():
    world = one_seat(
        HOUSE + "\nvariables: {rounds: 0}\nevents:\n  tick: {do: {change: rounds, by: 1}}\n"
        "endings:\n  late: {when: {var: rounds, at_least: 1}, say: Late.}\n"
    )
    for line in (
        "frobnicate",
        "take sword",
        "take table",
        "take key",
        "look",
        "i",
        "x lamp",
        "score",
        "exits",
        "help",
        "undo",
        "talk to mara",
        "push table",
        "",
    ):
        game = Game(world)
        game.do(line)
        assert not game.terminated, line
    for line in ("take lamp", "wait", "n", "say hi", "ask mara about storm"):
        game = Game(world)
        game.do(line)
        assert game.terminated, line


def test_speech_keeps_its_full_stops_and_case(game):
    assert game.do("take lamp. say Mr. Smith, then LEFT. Now!") == (
        "You take the lamp.\nYou say: “Mr. Smith, then LEFT. Now!”"
    )


def test_a_line_is_bounded(game):
    assert "too much" in game.do(". ".join(["look"] * 30))
    assert len(game.do("say " + "a" * 5000)) < 500


def test_unlocking_names_the_key(game):
    game.do("take iron key")
    assert game.do("unlock chest") == "You unlock the chest with the iron key."
    assert game.do("lock chest with iron key") == "You lock the chest with the iron key."
    game.do("take brass key")
    assert game.do("unlock chest with brass key") == "The brass key does not fit."
    assert game.do("unlock chest with iron key") == "You unlock the chest with the iron key."
    assert game.do("open chest") == "You open the chest."
    assert game.do("lock chest").endswith("close it first.")


def test_other_words_of_the_world():
    world = one_seat(
        """
        rooms: {hall: {exits: {north: bow}}, bow: {exits: {south: hall}}}
        things: {lamp: {at: hall}}
        words:
          verbs: {take: ["nick {things}"]}
          directions: {north: [fore]}
        messages: {taken: "Yours: {a thing}."}
        """
    )
    game = Game(world)
    assert game.do("nick lamp") == "Yours: a lamp."
    assert "go fore" in game.seen().admissible
    assert game.do("fore").startswith("Bow")
    assert Game(world).do("n").startswith("Bow")


def test_what_is_needed_in_hand_is_taken_first() -> None:
    game = Game(
        one_seat(
            """
            rooms: {hall: {}}
            things:
              apple: {at: hall}
              hat: {at: hall, wearable: true}
              box: {at: hall, container: true, fixed: true}
              statue: {at: hall, fixed: true}
              plum: {at: hall}
            rules: [{instead: take, thing: plum, say: It is stuck.}]
            """
        )
    )
    assert game.do("put apple in box").startswith(
        "(first taking the apple)\nYou take the apple.\nYou put the apple in"
    )
    assert game.state.round == 2
    assert game.do("wear hat").startswith("(first taking the hat)")
    assert game.do("put plum in box") == "(first taking the plum)\nIt is stuck."
    assert game.state.round == 4
    assert game.do("put statue in box") == "You don't have the statue."
