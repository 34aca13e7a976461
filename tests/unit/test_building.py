"""Verbs that build a world: what they change in its file, and that they change nothing else."""

from __future__ import annotations

import difflib
import re
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sandbox import marked_yaml
from sandbox.errors import UsageError, WorldError, WorldFileError
from sandbox.world import starter
from sandbox.world.building import BUILDERS, Builder, build, yaml_editing
from sandbox.world.native import Adventure, parse_definition

ROOT = Path(__file__).parents[2]
STARTER = (Path(starter.__file__).parent / "world.yaml").read_text(encoding="utf-8")
BUNDLED = [
    (file.parent.name, text)
    for file in sorted((ROOT / "worlds").glob("*/world.yaml"))
    if "kind: task" not in (text := file.read_text(encoding="utf-8"))
]


def built(text: str, *lines: str, here: str = "kitchen") -> str:
    for line in lines:
        text = build(text, line, here=here).text
    return text


def changed(before: str, after: str) -> list[str]:
    """Lines that went (`-`) and came (`+`), in order."""
    lines = list(difflib.unified_diff(before.splitlines(), after.splitlines(), n=0))[2:]
    return [line[:1] + " " + line[1:] for line in lines if line[:1] in "+-"]


@pytest.mark.parametrize(("name", "text"), BUNDLED, ids=[name for name, _ in BUNDLED])
def test_what_is_built_and_destroyed_again_leaves_every_byte_of_every_bundled_world(name: str, text: str) -> None:
    world = parse_definition(text)
    assert isinstance(world, Adventure)
    here = next(iter(world.rooms))
    free = next(each for each in ("in", "up", "northwest") if each not in world.rooms[here].exits)
    dug = built(text, f'dig {free} "Xyzzy"', here=here)
    made = built(dug, "create plugh as container in Xyzzy", "create plover in plugh", 'describe plover "An egg."')
    for after in (dug, made):
        assert not [line for line in changed(text, after) if line.startswith("-") and "exits: {" not in line]
        now = parse_definition(after)
        assert isinstance(now, Adventure)
        assert now.rooms["xyzzy"].exits
        assert {key: now.rooms[key] for key in world.rooms if key != here} == {
            key: room for key, room in world.rooms.items() if key != here
        }
    assert built(made, "destroy plover", "destroy plugh", "destroy Xyzzy") == text


@pytest.mark.parametrize(("name", "text"), BUNDLED, ids=[name for name, _ in BUNDLED])
def test_any_entry_of_a_bundled_world_can_be_written_again_and_taken_out(name: str, text: str) -> None:
    """Every thing and room in turn, whatever the style it is written in; comments outside it stay."""
    data = yaml_editing.data_of(text)
    for section in ("things", "rooms"):
        for key in list(data[section])[:3]:
            other = yaml_editing.rename(text, (section, key), "xyzzy")
            assert yaml_editing.rename(other, (section, "xyzzy"), key) == text
            without = yaml_editing.drop(text, (section, key))
            assert all(line.startswith("-") for line in changed(text, without))
            described = yaml_editing.put(text, (section, key, "description"), 'A "new" text: short # it is.')
            assert yaml_editing.data_of(described)[section][key]["description"] == 'A "new" text: short # it is.'


def test_an_edit_that_would_not_come_out_as_meant_is_refused() -> None:
    odd = "title: t\nrooms:\n  ? hut  # a: b\n  :\n    dark: true\n"
    assert yaml_editing.data_of(odd)["rooms"] == {"hut": {"dark": True}}
    with pytest.raises(WorldError, match="in a way that this edit cannot follow"):
        yaml_editing.put(odd, ("rooms", "hut"), "x")


def test_dig_makes_the_room_and_both_ways() -> None:
    result = build(STARTER, 'dig north "Root Cellar"', here="kitchen")
    assert result.room == "root cellar"
    assert changed(STARTER, result.text) == [
        "+       north: root cellar",
        "+   root cellar:",
        "+     name: Root Cellar",
        "+     exits: {south: kitchen}",
    ]
    assert "one_way: true" in built(STARTER, "dig down Cellar one way")
    with pytest.raises(UsageError, match="the way east of Kitchen leads to Garden"):
        build(STARTER, "dig e Cave", here="kitchen")
    with pytest.raises(UsageError, match="in which room"):
        build(STARTER, "dig north Cave")


def test_things_are_created_described_moved_and_destroyed() -> None:
    text = built(STARTER, "create a chest as container", "create iron key in the chest", "describe iron key Cold.")
    assert changed(STARTER, text) == [
        "+   chest:",
        "+     at: kitchen",
        "+     container: true",
        "+   iron key:",
        "+     at: chest",
        "+     description: Cold.",
    ]
    assert changed(text, built(text, "put iron key in garden")) == ["-     at: chest", "+     at: garden"]
    assert built(text, "describe iron key Cold, and small.") == built(text, "describe iron Cold, and small.")
    with pytest.raises(UsageError, match="there is no room or thing 'ke'"):
        build(text, "describe ke Cold.")
    assert "\n  brass:\n" in built(STARTER, "create brass")  # though there is a brass key
    with pytest.raises(WorldFileError, match="no room, thing, character or seat 'chest'"):
        build(text, "destroy chest")
    assert built(text, "destroy iron key", "destroy chest") == STARTER
    with pytest.raises(UsageError, match="did you mean 'chest'"):
        build(text, "create coin in chst")
    with_mara = built(STARTER, "create Mara as a character in garden")
    assert parse_definition(with_mara).characters["mara"].article == "none"  # type: ignore[union-attr]
    assert "    description: Darjeeling.\n\ncharacters:\n  mara:\n" in with_mara
    assert "  cave:\n    description: Wet.\n    exits: {south: kitchen}\n" in built(
        STARTER, "dig north Cave", "describe cave Wet."
    )


def test_a_comment_beside_a_changed_value_stays() -> None:
    text = built(STARTER, "set brass key also [key, small key]", "set flowerpot container {open: true}")
    assert "    also: [key, small key]                # other words for it\n" in text
    assert "    container: {open: true}            # things can be put in it\n" in text


def test_links_are_made_and_taken_out_both_ways() -> None:
    text = built(STARTER, "link kitchen up shed")
    world = parse_definition(text)
    assert isinstance(world, Adventure)
    assert world.rooms["shed"].exits["down"] == "kitchen"
    assert built(text, "unlink shed down") == STARTER
    assert "passed only while the door is open" in text


def test_renaming_follows_the_name_through_the_file() -> None:
    text = built(STARTER, "rename tin of tea as caddy")
    assert parse_definition(text)
    assert [line.strip() for line in changed(STARTER, text) if line.startswith("+")] == [
        "+   caddy:",
        "+       - thing: caddy",
        "+       - thing: caddy",
        "+     thing: caddy",
    ]
    assert "DARJEELING" not in text
    assert "description: Darjeeling." in text


def test_an_edit_that_breaks_the_world_is_refused_with_the_finding() -> None:
    with pytest.raises(WorldFileError) as caught:
        build(STARTER, "set stove colour red")
    assert caught.value.findings[0].key == "things.stove.colour"
    assert "no such key" in caught.value.findings[0].message
    with pytest.raises(WorldError, match=r"has a mistake already: .*title"):
        build(STARTER.replace("title:", "titel:").lstrip("#"), "create stone", here="kitchen")


@pytest.mark.parametrize("builder", BUILDERS, ids=lambda builder: builder.name)
def test_a_verb_that_lacks_words_says_how_it_is_typed(builder: Builder) -> None:
    with pytest.raises(UsageError) as caught:
        build(STARTER, builder.name, here="kitchen")
    assert caught.value.hint == builder.usage


def test_what_cannot_be_understood_is_answered_with_a_way_out() -> None:
    for line, way in {
        "dgi north Cave": "did you mean 'dig'",
        "dig nrth Cave": "dig DIRECTION",
        "describe stoev Hot.": "did you mean 'stove'",
        "link kitchen up": "link \\[ROOM\\] DIRECTION ROOM",
        "goto gardn": "did you mean 'garden'",
        "create stove": "put stove in PLACE",
        "set stove": "set NAME KEY VALUE",
        "unset stove light": "has no 'light' in the file",
    }.items():
        with pytest.raises(UsageError) as caught:
            build(STARTER, line, here="kitchen")
        assert re.search(way, str(caught.value)), line


def test_worlds_in_one_line_and_in_chinese() -> None:
    tiny = "{title: T, seats: {p: {start: a, goal: g}}, rooms: {a: {}}}"
    text = built(tiny, "dig n b", "create coin in b", here="a")
    assert text == (
        "{title: T, seats: {p: {start: a, goal: g}}, "
        "rooms: {a: {exits: {north: b}}, b: {name: b, exits: {south: a}}}, things: {coin: {at: b}}}"
    )
    assert built(text, "destroy coin", "destroy b") == tiny
    chinese = dict(BUNDLED)["teahouse"]
    assert "  密室:\n    exits: {下: 阁楼}\n" not in chinese
    dug = built(chinese, "dig 上 密室", here="阁楼")
    assert "  密室:\n    exits: {down: 阁楼}\n" in dug
    windows = STARTER.replace("\n", "\r\n")
    assert built(windows, "dig north Cave", "destroy Cave") == windows
    assert "\r\n  cave:\r\n" in built(windows, "dig north Cave")


@settings(max_examples=30, deadline=None)
@given(st.text(st.characters(exclude_categories=("C", "Zl", "Zp")), min_size=1, max_size=160))
def test_any_text_comes_back_as_it_was_given(text: str) -> None:
    for path in (("things", "stove", "description"), ("rooms", "shed", "name"), ("messages", "x")):
        after = yaml_editing.put(STARTER, path, text)
        data = marked_yaml.read(after).data
        for step in path:
            data = data[step]
        assert data == text
        assert all(line in after for line in STARTER.splitlines() if "reliable" not in line)
