"""Stories that Inform did not make: other marks in the dictionary, and a status line before every reply."""

from __future__ import annotations

from pathlib import Path

from sandbox.world.interpreter_process import Machine
from sandbox.world.trying import CommandTrial
from sandbox.world.wording import StoryGrammar


def test_the_marks_of_infocoms_compiler_are_read(echo_story: Path, tmp_path: Path) -> None:
    data = bytearray(echo_story.read_bytes())
    data[0x3C:0x40] = bytes(4)  # what Inform writes about itself
    table = int.from_bytes(data[8:10], "big")
    start = table + 1 + data[table]
    size, count, first = data[start], int.from_bytes(data[start + 1 : start + 3], "big"), start + 3 + 6
    for number in range(count):
        data[first + number * size] = (0x80, 0x41, 0x22)[number % 3]
    file = tmp_path / "old.z5"
    file.write_bytes(data)
    machine = Machine(str(file), bytes(data))
    words = [word.word for word in machine._env.get_dictionary()]
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
        reply = said.get(command, f"You cannot see any {command.split()[-1]} here!")
        return f"> Attic{' ' * 90}Score: 0{' ' * 16}Moves: 0{' ' * 14}\n{reply}\n\n"


def test_things_are_told_from_what_is_not_here_behind_a_status_line_and_named_where_they_are_meant() -> None:
    nouns = ["box", "lamp", "rope", "sword", "troll", "egg"]
    grammar = StoryGrammar.of(None, nouns, ["examin", "open"], 6, lambda verb: 100)
    grammar = StoryGrammar(("open", *grammar.templates), grammar.nouns, 6, grammar.usage)
    found = CommandTrial(OldStory(), grammar, 500).commands("An attic. A box is here.", "")  # type: ignore[arg-type]
    assert found == ["examine box", "open box"]
