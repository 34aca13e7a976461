"""Stories that Inform did not make: other marks in the dictionary, and a status line before every reply."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from sandbox.world import verb_tables
from sandbox.world.interpreter_process import Machine
from sandbox.world.trying import CommandTrial
from sandbox.world.wording import CommandForm, StoryGrammar


def test_the_marks_of_infocoms_compiler_are_read(echo_story: Path, tmp_path: Path) -> None:
    data = bytearray(echo_story.read_bytes())
    data[0x3C:0x40] = bytes(4)  # what Inform writes about itself
    data[0x12:0x18] = b"880429"  # the date
    table = int.from_bytes(data[8:10], "big")
    start = table + 1 + data[table]
    size, count, first = data[start], int.from_bytes(data[start + 1 : start + 3], "big"), start + 3 + 6
    for number in range(count):
        data[first + number * size] = (0x80, 0x41, 0x22)[number % 3]
    file = tmp_path / "old.z5"
    file.write_bytes(data)
    machine = Machine(str(file), bytes(data))
    words = [word.text for word in verb_tables.dictionary(bytes(data)).values()]
    assert set(words) == {word.word for word in machine._env.get_dictionary()}
    nouns, verbs = machine._parts_of_speech()
    assert nouns == set(words[0::3]) - {""} and verbs == set(words[1::3]) - {""}


class OldStory:
    """One room with a box; every reply comes behind the status line."""

    def __init__(self) -> None:
        self.open = False

    def mark(self) -> bool:
        return self.open

    def go_to(self, mark: bool) -> None:
        self.open = mark

    def effect(self) -> tuple[str, int, bool, bool]:
        return str(self.open), 0, False, False

    def try_out(self, command: str, *, press: bool = False) -> str:
        said = {"examine box": "The box is shut.", "open box": "You open it.", "open": "(the box) You open it."}
        self.open = self.open or command in ("open box", "open")
        unseen = f"You cannot see any {command.split()[-1]} here!" if " " in command else "That is no verb."
        reply = said.get(command, unseen)
        return f"> Attic{' ' * 90}Score: 0{' ' * 16}Moves: 0{' ' * 14}\n{reply}\n\n"


def test_things_are_told_from_what_is_not_here_behind_a_status_line_and_named_where_they_are_meant() -> None:
    nouns = ["box", "lamp", "rope", "sword", "troll", "egg"]
    grammar = StoryGrammar.of(None, nouns, ["examin", "open"], 6, lambda verb: 100)
    grammar = replace(grammar, forms=(CommandForm("open"), *grammar.forms))
    found = CommandTrial(OldStory(), grammar, 500).commands("An attic. A box is here.", "")
    assert found.commands == ["examine box", "open box"]


class Purse:
    """A dark purse: what is in it has names of two words, and a charm that one has to know."""

    coins = ("gold coin", "silver coin")

    def __init__(self) -> None:
        self.said = ""

    def mark(self) -> str:
        return self.said

    def go_to(self, mark: str) -> None:
        self.said = mark

    def effect(self) -> tuple[str, int, bool, bool]:
        return self.said, 0, False, False

    def try_out(self, command: str, *, press: bool = False) -> str:
        done = {f"rub {coin}" for coin in self.coins} | {"ask fairy about charm", "drop all"}
        if command in done:
            self.said = command
            return "Done."
        if command.split()[-1] == "coin" and not command.endswith(self.coins):
            return "Which coin do you mean, the gold coin, or the silver coin?"
        if command in ("kiss fairy", "wake fairy"):
            return f"The fairy would rather not {command}."
        if command.startswith(("kiss", "wake", "ask")) and "fairy" not in command:
            return "You can only do that to somebody."
        if command in ("examine fairy", *(f"examine {coin}" for coin in self.coins)):
            return f"{command} shows nothing unusual."
        return (
            f"You try to {command.split()[0]}, in vain."
            if command.endswith(("fairy", *self.coins))
            else "You see no such thing."
        )


def purse_trial() -> CommandTrial:
    here, alive, told = (frozenset((place,)) for place in (verb_tables.HERE, verb_tables.ALIVE, verb_tables.TOLD))
    forms = (
        *(CommandForm(f"{verb} OBJ", (here,), (False,)) for verb in ("push", "turn", "rub")),
        *(CommandForm(f"{verb} OBJ", (alive,), (False,)) for verb in ("kiss", "wake")),
        CommandForm("drop OBJ", (here,), (True,)),
        CommandForm("ask OBJ about OBJ", (alive, told), (False, False)),
    )
    nouns = frozenset(("coin", "gold", "silver", "fairy", "charm", "moon", "star", "sun", "cloud", "rain", "snow"))
    return CommandTrial(Purse(), StoryGrammar(forms, nouns, 9, lambda verb: 100), 400)


def test_things_that_share_a_name_are_told_by_two_words_and_several_taken_at_once() -> None:
    found = purse_trial().commands("A fairy counts a coin.", "")
    assert {"rub gold coin", "rub silver coin", "drop all"} <= set(found.commands)
    assert found.asked == ["fairy"] and "ask fairy about charm" not in found.commands


def test_a_word_from_before_is_spoken_of_where_nothing_in_sight_names_it() -> None:
    known = purse_trial().commands("A fairy counts a coin.", "")
    assert purse_trial().recalled(["moon", "charm"], known) == ["ask fairy about charm"]
    assert purse_trial().recalled(["moon"], known) == []


def story(version: int, words: dict[str, bytes], *verbs: bytes, header: bytes = b"") -> bytes:
    """The tables of a story: a dictionary of such words and the bytes behind them, and the lines of each verb."""
    width = 4 if version <= 3 else 6
    entries = b"".join(encoded(word, width) + marks for word, marks in words.items())
    dictionary = bytes((0, width + 3)) + len(words).to_bytes(2, "big") + entries
    head = bytearray(64)
    base = 64 + len(dictionary)
    starts = [base + 2 * len(verbs) + sum(map(len, verbs[:number])) for number in range(len(verbs))]
    head[0], head[0x12:0x18], head[0x3C:0x40] = version, b"880429", header.ljust(4, b"\0")
    head[8:10], head[0x0E:0x10] = (64).to_bytes(2, "big"), base.to_bytes(2, "big")
    return bytes(head) + dictionary + b"".join(at.to_bytes(2, "big") for at in starts) + b"".join(verbs)


def encoded(word: str, width: int) -> bytes:
    letters = [ord(letter) - 91 for letter in word][: width // 2 * 3]
    letters += [5] * (width // 2 * 3 - len(letters))
    pairs = [letters[at : at + 3] for at in range(0, len(letters), 3)]
    codes = [a << 10 | b << 5 | c for a, b, c in pairs]
    codes[-1] |= 0x8000
    return b"".join(code.to_bytes(2, "big") for code in codes)


def test_infocoms_grammar_is_read() -> None:
    words = {"give": b"\x41\xff\0", "hand": b"\x41\xff\0", "to": b"\x08\xfb\0"}
    line = bytes(
        (2, 0, 0xFB, 0, 0, 0x06, 0, 7)
    )  # two nouns, `to` before the second; the first carried, or several
    (read,) = verb_tables.read(story(3, words, bytes((1,)) + line))
    assert read.verbs == ("give", "hand") and read.words == ("OBJ", "to", "OBJ") and read.action == 7
    assert read.places == ("held", "here") and read.several == (True, False)


def test_both_of_informs_grammars_are_read() -> None:
    words = {"give": b"\x41\xff\0", "wait": b"\x41\xfe\0", "save": b"\x43\xff\0", "to": b"\x08\0\xfb"}
    lines = bytes((1, 2, 1, 0xFB, 6, 15, 15, 15, 7)), bytes((1, 0, 15, 15, 15, 15, 15, 15, 9))
    give, wait = verb_tables.read(story(5, words, *lines, header=b"6.10"))
    assert give == (("give",), ("OBJ", "to", "OBJ"), ("held", "alive"), (False, False), 7, False)
    assert wait == (("wait",), (), (), (), 9, False)
    # `give OBJ OBJ`, the action of `give OBJ to OBJ` with its nouns turned around
    tokens = bytes((1, 4, 7, 1, 0, 6, 1, 0, 1, 15)), bytes((1, 0, 9, 15))
    turned, _ = verb_tables.read(story(5, words, *tokens, header=b"6.30"))
    assert turned == (("give",), ("OBJ", "OBJ"), ("alive", "held"), (False, False), 7, True)
    assert verb_tables.read(story(5, words, tokens[0], tokens[1][:-1], header=b"6.30")) == ()
    grammar = StoryGrammar.read((turned, give), [], 9, lambda verb: 1)
    (form,) = (form for form in grammar.forms if form.verb == "give")
    assert form.wording == "give OBJ to OBJ" and form.places == ({"held"}, {"alive"})
