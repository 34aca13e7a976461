"""Maps: where rooms lie, what is drawn, and what a player may see of it."""

from xml.etree import ElementTree

import pytest
from rich.cells import cell_len

from sandbox.world.map import FloorPlan, GridCell, MapWay, draw, layout, plan_of, seen_by, svg
from sandbox.world.native import NativeWorld, parse_source
from sandbox.world.native.loader import parse_definition


def house() -> FloorPlan:
    return FloorPlan(
        {"hall": "Hall", "kitchen": "Kitchen", "garden": "花园", "attic": "Attic", "shed": "Shed"},
        (
            MapWay("hall", "east", "kitchen", both=True),
            MapWay("hall", "south", "garden", "door", both=True),
            MapWay("hall", "up", "attic", both=True),
            MapWay("garden", "east", "shed"),
        ),
        "hall",
    )


def test_rooms_lie_where_their_exits_say():
    assert layout(house()) == {
        "hall": GridCell(0, 0, 0),
        "kitchen": GridCell(0, 1, 0),
        "garden": GridCell(0, 0, 1),
        "attic": GridCell(1, 0, 0),
        "shed": GridCell(0, 1, 1),
    }


def test_the_drawing():
    drawn = draw(house(), here="garden")
    assert drawn.splitlines() == [
        "── level +1 ──",
        "┌───────┐",
        "│ Attic │",
        "└↓──────┘",
        "",
        "── level +0 ──",
        "┌──────┐    ┌─────────┐",
        "│ Hall │────│ Kitchen │",
        "└↑─────┘    └─────────┘",
        "    ║",
        "    ║",
        "┏━━━━━━┓    ┌─────────┐",
        "┃ 花园 ┃───→│ Shed    │",
        "┗━━━━━━┛    └─────────┘",
        "",
        "Hall ↔ Attic (up)",
    ]


def test_wide_characters_keep_the_columns_in_line():
    plan = FloorPlan(
        {"a": "长长的走廊", "b": "x", "c": "厨房"}, (MapWay("a", "south", "b"), MapWay("b", "south", "c")), "a"
    )
    boxes = [line for line in draw(plan).splitlines() if line[0] in "┌│└"]
    assert {cell_len(line) for line in boxes} == {14}


@pytest.mark.parametrize("direction", ["north", "southeast", "in"])
def test_two_rooms_that_want_the_same_place_both_get_one_and_are_named_where_no_line_fits(direction):
    names = [f"room {i}" for i in range(12)]
    ways = tuple(MapWay("start", direction, name) for name in names)
    plan = FloorPlan({"start": "Start"} | {name: name.title() for name in names}, ways, "start")
    cells = layout(plan)
    assert len(set(cells.values())) == 13
    drawn = draw(plan, width=10)
    for name in names:
        assert name.title() in drawn
    assert "Start → Room 11" in drawn


def test_a_twisty_maze_and_rooms_out_of_reach_are_all_drawn():
    plan = FloorPlan(
        {"a": "A", "b": "B", "c": "C", "lost": "Lost"},
        (MapWay("a", "north", "b"), MapWay("b", "north", "a"), MapWay("b", "east", "c"), MapWay("c", "west", "a")),
        "a",
    )
    cells = layout(plan)
    assert len(set(cells.values())) == 4
    assert "C → A (west)" in draw(plan)
    assert "Lost" in draw(plan)


def test_a_player_sees_the_rooms_they_have_been_in_and_open_ends():
    plan = FloorPlan(
        {"hall": "Hall", "study": "Secret study", "cellar": "Cellar", "yard": "Yard"},
        (
            MapWay("hall", "west", "study", "barred", secret=True, both=True),
            MapWay("hall", "east", "cellar", both=True),
            MapWay("yard", "south", "hall", both=True),
        ),
        "hall",
    )
    drawn = draw(plan.seen({"hall"}), here="hall")
    assert "Secret" not in drawn and "Cellar" not in drawn and "Yard" not in drawn
    assert drawn.splitlines() == ["    ?", "┏━━━━━━┓", "┃ Hall ┃?", "┗━━━━━━┛"]
    assert "Secret study" in draw(plan.seen({"hall", "study"}))
    assert draw(plan.seen(set())) == ""


def test_the_svg_is_xml_with_every_room_and_escapes_names():
    plan = FloorPlan({"a": "A <script>&", "b": "花园"}, (MapWay("a", "up", "b"), MapWay("a", "east", "a")), "a")
    root = ElementTree.fromstring(svg(plan, here="a"))
    space = "{http://www.w3.org/2000/svg}"
    texts = [element.text for element in root.iter(f"{space}text")]
    assert {"A <script>&", "花园", "level +1"} <= set(texts)
    assert [r.get("class") for r in root.iter(f"{space}rect")] == ["page", "here", None]
    assert ElementTree.fromstring(svg(FloorPlan({}, (), ""))) is not None


ROOMS = """
title: Three rooms
seats: {ann: {start: hall, goal: Look around.}}
rooms:
  hall:
    description: A hall.
    exits:
      north: {to: yard, door: gate}
      east: {to: vault, when: {has: coin}, hidden: true}
  yard:
    name: The yard
    description: A yard.
    exits: {south: {to: hall, door: gate}, down: hall}
  vault: {description: A vault.}
things:
  gate: {door: true}
  coin: {at: hall}
"""


def test_the_plan_of_a_world_joins_ways_with_their_way_back():
    plan = plan_of(parse_definition(ROOMS))
    assert plan.rooms == {"hall": "Hall", "yard": "The yard", "vault": "Vault"}
    assert plan.start == "hall"
    assert plan.ways == (
        MapWay("hall", "north", "yard", "door", both=True),
        MapWay("hall", "east", "vault", "barred", secret=True),
        MapWay("yard", "down", "hall"),
    )


def test_a_seat_knows_the_rooms_it_has_walked_through():
    world = NativeWorld(parse_source(ROOMS))
    state = world.initial(0)
    plan, here = seen_by(world, state, "ann")
    assert (set(plan.rooms), here) == ({"hall"}, "hall")
    for command in ("open gate", "go north"):
        state = world.step(state, "ann", command).state
    plan, here = seen_by(world, state, "ann")
    assert (set(plan.rooms), here) == ({"hall", "yard"}, "yard")
    assert "Vault" not in draw(plan, here=here)
