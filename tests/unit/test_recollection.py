"""What is remembered of a command: true of the world, and made of what the seat has read."""

from __future__ import annotations

from collections import Counter

import pytest

from sandbox.agent import truth
from sandbox.agent.recall import Recall
from sandbox.agent.recollection import recollect
from sandbox.bench.companion.moments import moments
from sandbox.types import Exchange

LIVED = (
    Exchange(command="", reply="Hall\nThere is a chest here. On the shelf is a brass key.\nExits: north."),
    Exchange(command="go north", reply="Kitchen\nA cold stove.\nExits: south."),
    Exchange(command="open chest", reply="You open the chest. Inside is a rope."),
)


@pytest.mark.parametrize(
    ("command", "remembered"),
    [
        ("go south", "South leads to the hall."),
        ("north", "I have not been north."),
        ("take brass key from shelf", "The brass key is on the shelf."),
        ("take rope from chest", "The rope is in the chest."),
        ("unlock oak door with brass key", "The oak door is locked. I carry the brass key."),
        ("close chest", "The chest is open."),
        ("examine stove", "The stove is here."),
        ("look", "I am in the kitchen."),
    ],
)
def test_what_was_read_comes_to_mind(command: str, remembered: str) -> None:
    assert str(recollect(command, Recall.of(LIVED))) == remembered


def test_where_nothing_was_read_nothing_is_claimed_of_the_place() -> None:
    assert str(recollect("look", Recall())) == ""


def test_of_all_that_worlds_list_nothing_false_is_remembered() -> None:
    found: Counter[str] = Counter()
    for moment in moments(30):
        recall = Recall.of(moment.history)
        for command in moment.observation.admissible or ():
            remembered = str(recollect(command, recall))
            for statement, verdict in truth.verdicts(remembered, moment.facts, recall):
                assert verdict != "false", (command, remembered, statement)
                found[verdict] += 1
    assert found["true"] > 100 > found["unknown"]
