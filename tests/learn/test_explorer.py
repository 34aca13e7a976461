"""The explorer finds what random play does not, goes on where it was, and its way is what a round reads."""

import json
from dataclasses import replace
from itertools import combinations

import pytest
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.errors import SaveError
from sandbox.testing.table import TableWorld, to
from sandbox.tune.examples import play_through
from sandbox.tune.exploration import best_way, kept_in
from sandbox.tune.explorer import Explorer
from sandbox.tune.novelty import done, read, standing, weight
from sandbox.tune.repertoire import Repertoire
from sandbox.types import Observation, Step

DEEP = 14


def tower() -> TableWorld:
    """One way up; each of fourteen floors has five ways back to the ground. A point halfway, the end on top."""
    table = {}
    for floor in range(DEEP):
        up = to(f"floor {floor + 1}", 1.0 if floor + 1 in (DEEP // 2, DEEP) else 0.0)
        table[f"floor {floor}"] = {"up": up} | {f"slide {n}": to("floor 0") for n in range(5)}
        table[f"floor {floor}"]["rest"] = to(f"floor {floor}")
    return TableWorld(table={**table, f"floor {DEEP}": {}}, start="floor 0", wins={f"floor {DEEP}": ["player"]})


def test_what_random_play_never_reaches_is_found_and_the_way_has_nothing_needless():
    explorer = Explorer(tower(), seed=1)
    told = []
    explorer.run(1500, told=told.append)  # random play gets there once in 7 ** 14 tries
    assert explorer.won and explorer.best_score == 2
    assert len(explorer.places) in (DEEP, DEEP + 1)
    way = explorer.shortened()
    assert way == ("up",) * DEEP
    assert play_through(tower(), 1, way)[1].won
    assert [each.steps for each in told] == sorted(each.steps for each in told)
    assert explorer.curve[-1].best <= 2 and len(explorer.curve) >= DEEP


def test_a_shortened_way_keeps_the_points_that_lie_beside_it():
    table = {"hall": {"north": to("vault", 3.0), "east": to("gate")}, "vault": {"south": to("hall")}}
    world = TableWorld(
        table={**table, "gate": {"out": to("road", 1.0)}, "road": {}},
        start="hall",
        wins={"road": ["player"]},
        limit=20,
    )
    explorer = Explorer(world)
    explorer.best, explorer.won, explorer.best_score = ("north", "south", "east", "out"), True, 4.0
    assert explorer.shortened() == ("north", "south", "east", "out")
    explorer.best_score = 1.0
    assert explorer.shortened() == ("east", "out")


def test_stopped_and_gone_on_with_it_finds_the_same():
    whole, first = Explorer(tower(), seed=4), Explorer(tower(), seed=4)
    whole.run(60)
    whole.run(60)
    first.run(60)
    kept = first.dump()
    second = Explorer.load(tower(), kept)
    assert second.dump() == kept
    second.run(60)
    assert second.dump() == whole.dump()
    assert Explorer(tower(), seed=5).dump() != Explorer(tower(), seed=4).dump()


def test_two_worlds_at_once_find_what_one_finds():
    one, two = Explorer(tower(), seed=4), Explorer(tower(), seed=4, copies=[tower()])
    one.run(90)
    two.run(90)
    assert two.dump() == one.dump()


class BrokenOff(TableWorld):
    """Ctrl+C comes while this is played."""

    def step(self, state, seat, command):
        if command == "slide 3" and state.place == "floor 1":
            raise KeyboardInterrupt
        return super().step(state, seat, command)


def test_what_was_under_way_when_it_was_broken_off_is_not_lost():
    explorer = Explorer(BrokenOff(**{name: getattr(tower(), name) for name in ("table", "start", "wins")}))
    with pytest.raises(KeyboardInterrupt):
        explorer.run(1000)
    again = Explorer.load(tower(), explorer.dump())
    again.run(1000)
    assert not explorer.won and again.won


def house(things: int) -> TableWorld:
    """A way out that takes a key from afar, and as many things to fiddle with in every room as you like."""
    table = {}
    for room in range(6):
        for key in ("", " with the key"):
            here = f"room {room}{key}"
            table[here] = {f"turn knob {n}": to(f"{here}\nKnob {n} is turned.") for n in range(things)}
            for n in range(things):
                table[f"{here}\nKnob {n} is turned."] = {"turn back": to(here)}
            table[here] |= {"east": to(f"room {room + 1}{key}")} if room < 5 else {}
            table[here] |= {"west": to(f"room {room - 1}{key}")} if room else {}
    table["room 5"]["take key"] = to("room 5 with the key")
    table["room 0 with the key"]["unlock"] = to("road", 1.0)
    return TableWorld(table={**table, "road": {}}, start="room 0", wins={"road": ["player"]})


def test_what_can_be_fiddled_with_everywhere_does_not_keep_it_from_going_on():
    explorer = Explorer(house(20))
    explorer.run(3000)
    assert explorer.won and explorer.steps < 1200  # there are 240 states with a knob turned
    assert explorer.shortened() == ("east",) * 5 + ("take key",) + ("west",) * 5 + ("unlock",)
    assert explorer.ways["room 0", "east"] == "room 1"


LISTED: list[str] = []


class Dear(TableWorld):
    """It takes time to list its commands: each state whose list was found is written down."""

    def observe(self, state, seat):
        LISTED.append(state.place)
        return super().observe(state, seat)

    def glimpse(self, state, seat):
        return replace(super().observe(state, seat), admissible=None)


def test_a_dear_list_is_found_where_something_new_is_seen_and_elsewhere_only_in_the_end():
    plain = house(20)
    explorer = Explorer(Dear(table=plain.table, start=plain.start, wins=plain.wins))
    LISTED.clear()
    explorer.run(3000)
    assert explorer.won and len(LISTED) == len(set(LISTED)) < 40  # of 252 states
    assert explorer.shortened()[:6] == ("east",) * 5 + ("take key",)
    again = Explorer.load(explorer.world, explorer.dump())
    assert again.dump() == explorer.dump()


def test_what_was_written_for_a_moment_is_newer_than_a_known_thing_at_a_known_place():
    hall = Observation(seat="player", turn=0, text="You take the lamp.", description="Hall", inventory="a lamp")
    barn = replace(hall, description="Barn")
    door = replace(hall, text="With a sigh the door gives way.", inventory="")
    marks = {}
    for name, command, seen in (("lamp", "take lamp", hall), ("door", "push door", door)):
        marks[name] = [*standing(seen), *read(command, seen, {"lamp"}), *done(command, barn, seen)]
    known = {"at Hall", "has a lamp", "read you the"}
    new = {name: sum(weight(mark) for mark in found if mark not in known) for name, found in marks.items()}
    assert new == {"lamp": 0.3 + 1, "door": 3 + 1}  # the lamp is new to this place, and that it was taken
    assert set(done("push door", door, door)) - set(done("push door", barn, door)) == {"did push door at Hall"}


def test_what_did_something_is_tried_again_here_and_with_the_same_things_elsewhere():
    known = Repertoire()
    hall = Observation(seat="player", turn=0, text="", description="Hall\nA lamp hangs here.", inventory="a key")
    known.add(hall, ["north", "take lamp", "drop key", "unlock gate with key", "xyzzy"])
    assert known.suggest(hall) == ("north", "take lamp", "drop key", "unlock gate with key", "xyzzy")
    barn = replace(hall, description="Barn\nHay, and a gate.")
    assert known.suggest(barn) == ("drop key", "unlock gate with key")
    assert known.suggest(replace(hall, inventory="")) == ("north", "take lamp", "xyzzy")
    assert Repertoire(*known.dump()).suggest(barn) == known.suggest(barn)


def corridor(coins: tuple[int, ...], rooms: int) -> TableWorld:
    """Ten points at its end; from some rooms a closet can be looked into, where a coin lies: a point, once."""
    table = {"street": {}}
    for taken in (set(each) for count in range(len(coins) + 1) for each in combinations(coins, count)):
        bag = "".join(f"\nCoin {coin} is yours." for coin in sorted(taken))
        for room in range(rooms):
            here = f"room {room}{bag}"
            table[here] = {"on": to(f"room {room + 1}{bag}") if room < rooms - 1 else to("street", 10.0)}
            table[here] |= {f"fiddle {n}": to(f"{here}\nThing {n} is moved.") for n in range(5)}
            table |= {f"{here}\nThing {n} is moved.": {"put back": to(here)} for n in range(5)}
            if room in coins:
                more = "".join(f"\nCoin {coin} is yours." for coin in sorted({*taken, room}))
                table[here]["look in closet"] = to(f"closet {room}{bag}")
                table[f"closet {room}{bag}"] = {"leave": to(here)}
                if room not in taken:
                    table[f"closet {room}{bag}"]["take coin"] = to(f"room {room}{more}", 1.0)
    return TableWorld(table=table, start="room 0", wins={"street": ["player"]})


def test_with_a_point_that_the_best_way_has_not_it_goes_on_as_the_best_way_does():
    explorer = Explorer(corridor((1, 2, 3), rooms=40))
    explorer._most = 13.0  # it goes on after the first win
    explorer.run(6000)
    assert explorer.won and explorer.best_score == 13 and explorer.finished
    assert explorer.steps < 700  # 863 where each point has to find the way on for itself
    again = Explorer.load(explorer.world, explorer.dump())
    assert again.dump() == explorer.dump()


class Station(TableWorld):
    """A train comes after a while; there is nothing else to do."""

    verbs = ("wait",)

    def step(self, state, seat, command):
        waited = super().step(state, seat, "wait" if state.place == "platform" else command)
        return Step(state=replace(waited.state, place="train")) if waited.state.turns == (4,) else waited


def test_it_waits_where_something_happens_after_a_while():
    table = {"platform": {"wait": to("platform")}, "train": {"leave": to("town", 1.0)}, "town": {}}
    world = Station(table=table, start="platform", wins={"town": ["player"]})
    explorer = Explorer(world)
    explorer.run(100)
    assert explorer.won and explorer.best == ("wait",) * 4 + ("leave",)
    assert explorer.steps < 12 and explorer.shortened() == explorer.best
    again = Explorer.load(world, explorer.dump())
    assert again.dump() == explorer.dump()


def test_it_stops_when_told_to():
    explorer = Explorer(tower())
    explorer.run(10_000, stop=lambda: explorer.steps > 30)
    assert 30 < explorer.steps < 100


def test_bytes_that_are_no_exploration_of_this_world_are_refused():
    good = Explorer(tower()).dump()
    other = TableWorld(table={"here": {"stay": to("here")}}, start="here")
    for world, data in ((tower(), b""), (tower(), good[:-5]), (other, good)):
        with pytest.raises(SaveError, match="--fresh"):
            Explorer.load(world, data)


def test_the_command_keeps_what_it_found_for_a_round(tmp_path, monkeypatch):
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    found = {}
    for file in ("one.json", "two.json"):
        arguments = ["explore", "honey", "--steps", "60", "--json", str(tmp_path / file)]
        assert CliRunner().invoke(app, arguments, catch_exceptions=False).exit_code == 0
        found[file] = json.loads((tmp_path / file).read_text())
    assert found["two.json"]["steps"] == 120 and found["one.json"]["steps"] == 60
    assert found["two.json"]["best"] >= found["one.json"]["best"]
    from sandbox.world import registry

    world = registry.open_world("honey")
    assert list(best_way(world, 0)) == found["two.json"]["commands"]
    kept_in(world, 0).unlink()
    with pytest.raises(SaveError, match="sandbox explore honey"):
        best_way(world, 0)


@pytest.mark.parametrize("kept", [2, 4, 8])
def test_with_room_for_few_states_the_rest_is_forgotten_and_nothing_breaks(monkeypatch, kept: int):
    monkeypatch.setattr("sandbox.tune.explorer._FRONTIER", kept)
    table = {
        f"cell {x} {y}": {
            name: to(
                f"cell {x + right} {y + down}", 1.0 if (x + right, y + down) in ((2, 0), (0, 3), (5, 5)) else 0.0
            )
            for name, right, down in (("east", 1, 0), ("west", -1, 0), ("south", 0, 1), ("north", 0, -1))
            if 0 <= x + right < 6 and 0 <= y + down < 6
        }
        for x in range(6)
        for y in range(6)
    }
    explorer = Explorer(TableWorld(table=table, start="cell 0 0", limit=200), seed=1)
    explorer.run(1200)
    assert explorer.best_score >= 2
    assert play_through(explorer.world, 1, explorer.best)[0]
