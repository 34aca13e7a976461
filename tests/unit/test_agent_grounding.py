"""From what is said to a command."""

import pytest

from sandbox.agent.grounding import MAX_COMMAND, ground, looks_refused, parse

ADMISSIBLE = ("go east", "open cellar door", "take iron key", "take brass key", "unlock cellar door with iron key")


@pytest.mark.parametrize(
    ("line", "command"),
    [
        ("take iron key", "take iron key"),
        (" > take iron key", "take iron key"),
        ("Take the iron key.", "take iron key"),
        ("The iron key may fit the cellar door: take the iron key", "take iron key"),
        ("I'll take the iron key", "take iron key"),
        ("take iron key. go east. open cellar door", "take iron key"),
        ('"go east"', "go east"),
        ("take iorn key", "take iron key"),
        ("unlock the cellar door with the iron key!", "unlock cellar door with iron key"),
    ],
)
def test_understood(line: str, command: str) -> None:
    grounded = ground(line, ADMISSIBLE)
    assert grounded is not None
    assert (grounded.command, grounded.understood) == (command, True)


def test_the_reason_is_kept() -> None:
    grounded = ground("it may fit: take the iron key", ADMISSIBLE)
    assert grounded is not None and grounded.said == "it may fit: take the iron key"
    plain = ground("go east", ADMISSIBLE)
    assert plain is not None and plain.said == ""


def test_what_is_like_nothing_is_kept_and_marked() -> None:
    grounded = ground("dance with the moon", ADMISSIBLE)
    assert grounded is not None
    assert (grounded.command, grounded.understood) == ("dance with the moon", False)


def test_the_model_settles_which_of_several_is_meant() -> None:
    line = "take the bronze key"
    by_spelling = ground(line, ADMISSIBLE)
    by_model = ground(line, ADMISSIBLE, rate=lambda commands: [float("brass" in c) for c in commands])
    assert by_spelling is not None and by_spelling.command == "take iron key"
    assert by_model is not None and by_model.command == "take brass key"


def test_chinese() -> None:
    grounded = ground("钥匙也许能开门：拿 铁钥匙。", ("拿 铁钥匙", "走 东"))
    assert grounded is not None and grounded.command == "拿 铁钥匙"


def test_without_a_list_the_verbs_tell() -> None:
    known = ground("open mailbox", None, verbs=("open", "take"))
    unknown = ground("The mailbox is small", None, verbs=("open", "take"))
    assert known is not None and known.understood
    assert unknown is not None and not unknown.understood


@pytest.mark.parametrize("line", ["", "   ", ">", ":::", "...", "\x1b[2J"])
def test_nothing_said(line: str) -> None:
    assert ground(line, ADMISSIBLE) is None


def test_a_flood_is_cut() -> None:
    assert len(parse("word " * 1000)) <= MAX_COMMAND


def test_complaints_are_recognised() -> None:
    assert looks_refused("That's not a verb I recognise.")
    assert looks_refused("You can't see any such thing.")
    assert not looks_refused("Opening the small mailbox reveals a leaflet.")
