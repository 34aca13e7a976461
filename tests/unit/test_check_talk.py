"""Whether a world needs talk is found by a search in which nobody says what nobody has told him."""

import pytest
from native_play import make

from sandbox.errors import WorldFileError
from sandbox.world.check import Checked, check

VAULT = """
title: T
needs_talk: true
seats:
  ann: {name: Ann, start: cell, goal: Get out., knows: "On your sleeve is written: the code is 4711."}
  bob: {name: Bob, start: vault, goal: Let Ann out., hears: everywhere}
rooms: {cell: {}, vault: {description: A dial.}}
verbs:
  dial:
    forms: "dial {number}"
    suggest: 12
    rules:
      - {room: vault, when: {var: number, equals: 4711}, say: Click., do: {end: out}}
      - {room: vault, say: Nothing.}
  knock: {forms: knock hard, rules: {say: Thud.}}
endings: {out: {won: all}}
"""


def checked(text: str) -> Checked:
    return check(make(text))


def messages(text: str) -> list[str]:
    return [str(finding) for finding in checked(text).findings if finding.key == "needs_talk"]


def test_a_code_that_only_the_other_knows_needs_talk() -> None:
    found = checked(VAULT)
    assert found.solution is not None
    (line,) = [f for f in found.findings if f.key == "needs_talk"]
    assert line.severity == "note" and line.line == 3 and line.message.startswith("talk is needed")


@pytest.mark.parametrize(
    "mention",
    [
        VAULT.replace("A dial.", "A dial. Somebody has scratched 4711 into it."),
        VAULT.replace("rooms: {cell", "things: {note: {at: vault, description: It says 4711.}}\nrooms: {cell"),
        VAULT.replace("rooms: {cell", "things: {note: {at: vault, text: It says 4711.}}\nrooms: {cell"),
        VAULT.replace("goal: Let Ann out.", 'goal: "Let Ann out. 4711 it is."'),
    ],
)
def test_who_can_read_the_code_where_it_is_needed_needs_none(mention: str) -> None:
    (line,) = messages(mention)
    assert "talk is not needed, they win in silence:" in line and "bob> dial 4711" in line


def test_what_nobody_is_told_is_no_matter_of_talk() -> None:
    found = messages(VAULT.replace("the code is 4711", "the code is lost"))
    assert len(found) == 1
    assert found[0].startswith("line 3: needs_talk: talking does not help: nobody is ever told '4711'")


def test_words_are_known_by_any_of_them() -> None:
    text = VAULT.replace('forms: "dial {number}"', 'forms: "utter {text}"').replace("    suggest: 12\n", "")
    text = text.replace("when: {var: number, equals: 4711}", "words: [sesame, open up]").replace("4711", "SESAME")
    assert "talk is needed" in messages(text)[0]
    assert "not needed" in messages(text.replace("A dial.", "It says open up!"))[0]


def test_it_goes_with_several_seats() -> None:
    with pytest.raises(WorldFileError, match="'needs_talk' needs two seats"):
        make("title: T\nneeds_talk: true\nseats: {ann: {start: a, goal: G}}\nrooms: {a: {}}\n")
    with pytest.raises(WorldFileError, match="did you mean 'needs_talk'"):
        make(VAULT.replace("needs_talk", "need_talk"))
