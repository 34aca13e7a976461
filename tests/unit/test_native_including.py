"""A world in several files: each mistake is said with its own file and line, and nothing outside is read."""

from pathlib import Path

import pytest

from sandbox.errors import WorldFileError
from sandbox.files import stamp
from sandbox.world.check import check
from sandbox.world.native import Adventure, NativeWorld, parse_source, read_source

MAIN = """\
title: Parts
include: [rooms.yaml, more/things.yaml]
seats: {ann: {name: Ann, start: hall, goal: G}}
rooms:
  hall: {exits: {north: yard}}
rules:
  - {after: take, thing: lamp, say: First.}
endings: {won: {when: {has: lamp}, won: all}}
"""
ROOMS = """\
rooms:
  yard: {exits: {south: hall}}
rules:
  - {after: take, thing: lamp, say: Second.}
"""
THINGS = """\
kinds: {light thing: {light: true}}
things:
  lamp: {kind: light thing, at: yard}
"""


def folder(path: Path, main: str = MAIN, rooms: str = ROOMS, things: str = THINGS) -> Path:
    (path / "more").mkdir(exist_ok=True)
    (path / "world.yaml").write_text(main)
    (path / "rooms.yaml").write_text(rooms)
    (path / "more" / "things.yaml").write_text(things)
    return path / "world.yaml"


def faults(file: Path) -> list[str]:
    with pytest.raises(WorldFileError) as caught:
        read_source(file)
    return [str(finding) for finding in caught.value.findings]


def test_the_sections_of_all_files_are_one_world(tmp_path: Path) -> None:
    source = read_source(folder(tmp_path))
    assert isinstance(source.definition, Adventure)
    assert list(source.definition.rooms) == ["hall", "yard"]
    assert [rule.say for rule in source.definition.rules] == ["First.", "Second."]
    assert source.definition.things["lamp"].light
    assert source.line("rooms", "yard") == 2 and source.line("rules", 1) == 4
    assert not [f for f in check(NativeWorld(source)).findings if f.severity == "error"]


def test_the_fingerprint_and_the_stamp_follow_every_file(tmp_path: Path) -> None:
    file = folder(tmp_path)
    before, seen = read_source(file).fingerprint, stamp(file)
    (tmp_path / "rooms.yaml").write_text(ROOMS + "# more\n")
    assert read_source(file).fingerprint != before
    assert stamp(file) != seen


def test_mistakes_name_their_own_file_and_line(tmp_path: Path) -> None:
    file = folder(
        tmp_path, rooms=ROOMS.replace("south: hall", "south: hal"), things=THINGS.replace("at: yard", "att: yard")
    )
    assert faults(file) == [
        "more/things.yaml, line 3: things.lamp.att: no such key (did you mean 'at'?)",
        "rooms.yaml, line 2: rooms.yard.exits.south: there is no room 'hal' (did you mean 'hall'?)",
    ]
    with pytest.raises(WorldFileError) as caught:
        read_source(file)
    assert str(caught.value.where).endswith("more/things.yaml")


def test_findings_of_the_check_name_the_file_too(tmp_path: Path) -> None:
    file = folder(
        tmp_path,
        rooms=ROOMS + "  - {after: open, thing: chest, say: Never.}\n",
        things=THINGS + "  chest: {at: nowhere, container: {}}\n",
    )
    found = [str(f) for f in check(NativeWorld(read_source(file))).findings]
    assert any(line.startswith("rooms.yaml, line 5: rules[2]") for line in found), found


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("../secret.yaml", "is outside the world's folder"),
        ("/etc/passwd", "is outside the world's folder"),
        ("link.yaml", "is outside the world's folder"),
        ("room.yaml", "cannot be read: No such file or directory (did you mean 'rooms.yaml'?)"),
        ("notes.txt", "is no YAML file"),
        ("world.yaml", "includes itself: world.yaml -> world.yaml"),
        ("round.yaml", "includes itself: world.yaml -> round.yaml -> round.yaml"),
        ("twice.yaml", "'hall' is among the rooms of world.yaml too"),
        ("odd.yaml", "odd.yaml, line 1: thing: 'thing' is no section (did you mean 'things'?)"),
        ("broken.yaml", "broken.yaml, line 1: not YAML"),
        ('"a\\0b.yaml"', "is no name of a file"),
        ("big.yaml", "larger than 1,000,000 bytes together"),
    ],
)
def test_what_cannot_be_included_is_refused(tmp_path: Path, name: str, message: str) -> None:
    (tmp_path / "secret.yaml").write_text("things: {}")
    inner = tmp_path / "world"
    inner.mkdir()
    (inner / "link.yaml").symlink_to(tmp_path / "secret.yaml")
    (inner / "notes.txt").write_text("things: {}")
    (inner / "round.yaml").write_text("include: round.yaml\n")
    (inner / "twice.yaml").write_text("rooms: {hall: {}}\n")
    (inner / "odd.yaml").write_text("thing: {lamp: {}}\n")
    (inner / "broken.yaml").write_text("things: [}\n")
    (inner / "big.yaml").write_text("things: {}\n" + "#" * 1_000_000)
    found = faults(folder(inner, main=MAIN.replace("[rooms.yaml,", f"[rooms.yaml, {name},")))
    assert any(message in line for line in found), found


def test_a_text_that_is_in_no_file_includes_nothing() -> None:
    with pytest.raises(WorldFileError, match="includes none"):
        parse_source(MAIN)
