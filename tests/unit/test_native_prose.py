"""Names in prose: articles, plurals, lists, proper and mass nouns."""

import pytest
from native_play import Game, one_seat

from sandbox.world.native.languages import LANGUAGES, language
from sandbox.world.native.languages.chinese import Chinese
from sandbox.world.native.languages.english import English
from sandbox.world.native.languages.grammar import Noun
from sandbox.world.native.prose import Template, TemplateError

ENGLISH, CHINESE = English(), Chinese()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("key", "a key"),
        ("apple", "an apple"),
        ("hour glass", "an hour glass"),
        ("unicorn", "a unicorn"),
        ("uniform", "a uniform"),
        ("umbrella", "an umbrella"),
        ("used match", "a used match"),
        ("unused match", "an unused match"),
        ("one-eyed doll", "a one-eyed doll"),
        ("onion", "an onion"),
        ("eulogy", "a eulogy"),
        ("usher", "an usher"),
        ("uninteresting book", "an uninteresting book"),
    ],
)
def test_indefinite_articles(name, text):
    assert ENGLISH.indefinite(Noun(name), 1) == text


@pytest.mark.parametrize(
    ("noun", "indefinite", "definite"),
    [
        (Noun("Mara", article="none"), "Mara", "Mara"),
        (Noun("water", article="some"), "some water", "the water"),
        (Noun("sea", article="the"), "the sea", "the sea"),
        (Noun("stairs", plural=True), "some stairs", "the stairs"),
        (Noun("coins", one="coin"), "a coin", "the coin"),
    ],
)
def test_names(noun, indefinite, definite):
    assert (ENGLISH.indefinite(noun, 1), ENGLISH.definite(noun, 1)) == (indefinite, definite)


@pytest.mark.parametrize(
    ("count", "text"), [(1, "a coin"), (2, "two coins"), (12, "twelve coins"), (1300, "1,300 coins")]
)
def test_counts(count, text):
    assert ENGLISH.indefinite(Noun("coins", one="coin"), count) == text


@pytest.mark.parametrize(
    ("items", "text"),
    [(["a key"], "a key"), (["a key", "two coins"], "a key and two coins"), (["a", "b", "c"], "a, b and c")],
)
def test_lists(items, text):
    assert ENGLISH.listing(items) == text


@pytest.mark.parametrize(("count", "text"), [(1, "一枚金币"), (2, "两枚金币"), (10, "十枚金币"), (37, "37枚金币")])
def test_measure_words(count, text):
    noun = Noun("金币", one="金币", measure="枚")
    assert CHINESE.indefinite(noun, count) == text
    assert CHINESE.quantity(text)[0] == count


@pytest.mark.parametrize(
    ("text", "count"), [("三把钥匙", 3), ("十二把钥匙", 12), ("二十把钥匙", 20), ("二十五把钥匙", 25)]
)
def test_chinese_numbers(text, count):
    assert CHINESE.quantity(text) == (count, "钥匙")


def test_languages_have_the_same_messages_with_the_same_slots():
    english = language("en")
    for code in LANGUAGES:
        other = language(code)
        assert set(other.messages) == set(english.messages)
        assert set(other.verbs) == set(english.verbs) and set(other.directions) == set(english.directions)
        for key, text in other.messages.items():
            allowed = {name for _, name in Template(english.messages[key]).slots()}
            assert {name for _, name in Template(text).slots()} <= allowed, key


@pytest.mark.parametrize("text", ["{", "}", "a { b", "{}"])
def test_lone_braces(text):
    with pytest.raises(TemplateError):
        Template(text)


def test_braces_written_twice():
    assert Template("{{a}}").fixed == "{a}"


def test_a_room_in_full():
    world = one_seat(
        """
        rooms:
          hall: {description: A hall., exits: {north: yard, up: yard}}
          yard: {}
        things:
          stairs: {at: hall, scenery: true, plural: true}
          table: {at: hall, supporter: true, scenery: true}
          plate: {at: table}
          crumbs: {at: hall, plural: true}
          box: {at: hall, container: {open: true}}
          coins: {at: box, count: 1, one: coin}
          boots: {at: hall, plural: true, wearable: true}
          sand: {at: hall, article: some}
          hat: {at: mara, wearable: true, worn: true}
          cup: {at: mara}
          picture: {at: hall, appearance: A picture hangs askew.}
        characters:
          mara: {name: Mara, article: none, at: hall}
          owl: {at: hall, article: the, appearance: An owl blinks.}
        """
    )
    game = Game(world)
    assert game.seen().description == "\n".join(
        [
            "Hall",
            "A hall.",
            "A picture hangs askew.",
            "You can see some crumbs, a box (open), some boots and some sand here.",
            "On the table is a plate.",
            "In the box is a coin.",
            "Mara is here, wearing a hat and carrying a cup.",
            "An owl blinks.",
            "Exits: north and up.",
        ]
    )
    game.do("take picture. drop picture. take stairs")
    assert game.seen().text.endswith("You can't take the stairs.")
    assert "a picture" in game.seen().description and "askew" not in game.seen().description
    assert game.do("open boots") == "You can't open the boots."
    assert game.do("read boots") == "There is nothing to read on the boots."
    assert game.do("close box. open box") == "You close the box.\nYou open the box. Inside is a coin."
