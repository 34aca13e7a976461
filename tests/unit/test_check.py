"""The checker, on worlds with one fault each and on a world without any."""

import json
import os
import time

import pytest
from typer.testing import CliRunner

from sandbox.bench import worlds as bench
from sandbox.cli import app
from sandbox.cli.world_check import changes as changes_of
from sandbox.errors import SandboxError, UsageError, WorldError, WorldFileError
from sandbox.testing import check_world, play_walkthrough
from sandbox.world import starter
from sandbox.world.check import check
from sandbox.world.native import NativeWorld, load_world, parse_source
from sandbox.world.solver import Limits, explore, solve
from sandbox.world.solver.native import idle_things

HOUSE = """
title: The small house
seats:
  ann: {start: hall, goal: Get the crown out of the chest., max_score: 5}
rooms:
  hall:
    description: A hall.
    exits: {north: kitchen, east: {to: vault, door: iron door}}
  kitchen:
    description: A kitchen.
    exits: {south: hall}
  vault:
    description: A vault.
    exits: {west: {to: hall, door: iron door}}
things:
  iron door: {door: {locked: true, key: brass key}}
  brass key: {at: kitchen, description: It is brass.}
  chest: {at: vault, fixed: true, container: {open: false}}
  crown: {at: chest, description: Gold.}
  rug: {at: hall, scenery: true, description: Threadbare.}
  stone: {at: kitchen}
rules:
  - {after: take, thing: crown, once: true, do: {score: 5}}
  - {instead: take, thing: rug, say: It is nailed down.}
endings:
  crowned: {when: {has: crown}, won: all, say: You are king.}
"""


def house(*changes: tuple[str, str]) -> NativeWorld:
    text = HOUSE
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return NativeWorld(parse_source(text, "house/world.yaml"), "house")


def messages(world: NativeWorld, **limits) -> list[str]:
    return [f"{f.severity}: {f}" for f in check(world, limits=Limits(**limits) if limits else Limits()).findings]


def test_a_world_without_faults_has_no_findings_and_the_proof_is_exhaustive():
    checked = check(house())
    assert checked.findings == ()
    assert checked.proved
    assert checked.method == f"proved by exhaustive search of {checked.states} states"
    assert checked.best_scores == {"ann": 5.0}
    assert checked.solution is not None and checked.solution.shortest
    assert len(checked.solution.moves) == 8
    assert checked.dead_ends == 0
    assert checked.idle == ("stone",)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        (
            [("rooms:\n", "rooms:\n  tower: {description: High.}\n")],
            "error: line 6: rooms.tower: no way leads to this room (give a room an exit to it)",
        ),
        (
            [
                ("exits: {south: hall}", "exits: {south: hall, up: {to: loft, when: {has: crown}}}"),
                ("  vault:\n", "  loft: {description: Low., exits: {down: kitchen}}\n  vault:\n"),
            ],
            "error: line 12: rooms.loft: nobody can ever come to this room (see what bars the way)",
        ),
        (
            [("exits: {south: hall}", "exits: {south: hall, west: kitchen}")],
            "warning: line 11: rooms.kitchen.exits.west: this exit leads back to the same room"
            " (name another room)",
        ),
        (
            [("exits: {south: hall}", "exits: {}")],
            "warning: line 8: rooms.hall.exits.north: there is no way back from kitchen"
            " (give kitchen an exit south, or say one_way: true)",
        ),
        (
            [
                ("exits: {south: hall}", "exits: {south: hall, down: {to: pit, one_way: true}}"),
                ("  vault:\n", "  pit: {description: Deep.}\n  vault:\n"),
            ],
            "warning: dead end: after 'go down' nobody can win any more: go north. go down"
            " (leave a way back, or end the world there)",
        ),
        (
            [("brass key: {at: kitchen,", "brass key: {at: nowhere,")],
            "error: line 16: things.iron door.door.key: nobody can ever have brass key (put the key within reach)",
        ),
        (
            [(", key: brass key", "")],
            "error: line 16: things.iron door.door: it is locked, and nothing unlocks it (give it a key)",
        ),
        (
            [("brass key: {at: kitchen,", "brass key: {at: nowhere,")],
            "error: line 4: seats.ann: this seat cannot win (see what its endings ask for)",
        ),
        (
            [("won: all", "won: none")],
            "error: line 4: seats.ann: no ending is won by this seat (give it an ending: won: ann)",
        ),
        (
            [("stone: {at: kitchen}", "stone: {at: nowhere}")],
            "error: line 21: things.stone: nobody ever sees this (see where it is, and what hides it)",
        ),
        (
            [("description: A hall.", "description: [A hall., {when: {has: crown}, say: It glitters.}]")],
            "warning: line 7: rooms.hall.description[1].say: this part of the text never shows"
            " (see what its condition asks for)",
        ),
        (
            [("  - {instead: take, thing: rug,", "  - {after: open, thing: rug,")],
            "warning: line 24: rules[1]: this never applies"
            " (see what its conditions ask for, and the rules before it)",
        ),
        (
            [("rules:\n", "rules:\n  - {after: drop, thing: crown, do: {score: 3}}\n")],
            "warning: line 23: rules[0]: its 3 points cannot be collected (see what its conditions ask for)",
        ),
        (
            [
                (
                    "rules:\n",
                    "verbs:\n  ring: {forms: 'ring {thing}', rules: {thing: crown, when: {has: crown}}}\nrules:\n",
                )
            ],
            "warning: line 23: verbs.ring: this verb never does anything (give it a rule that can apply)",
        ),
        (
            [("endings:\n", "endings:\n  robbed: {when: {thing: crown, at: kitchen}, won: none}\n")],
            "warning: line 26: endings.robbed: this ending is never reached (see what its conditions ask for)",
        ),
        (
            [("max_score: 5", "max_score: 9")],
            "error: line 4: seats.ann.max_score: no more than 5 can be reached, not 9 (say max_score: 5)",
        ),
        (
            [("max_score: 5", "max_score: 2")],
            "error: line 4: seats.ann.max_score: a score of 5 can be reached, more than 2 (say max_score: 5)",
        ),
        (
            [("{after: take, thing: crown, once: true,", "{after: take, thing: brass key,")],
            "warning: line 4: seats.ann: points can be earned again and again without end (say once: true)",
        ),
    ],
)
def test_a_fault_is_found_with_its_line_and_a_mend(changes, expected):
    assert expected in messages(house(*changes))


def test_a_door_on_one_side_only_is_found():
    world = house(("exits: {west: {to: hall, door: iron door}}", "exits: {west: hall}"))
    assert (
        "warning: line 8: rooms.hall.exits.east: iron door is on this side only: the way back from vault has none"
        " (say door: iron door at rooms.vault.exits.west too)"
    ) in messages(world)


def test_a_tab_is_called_a_tab_and_a_list_for_one_name_is_told_what_is_wanted():
    with pytest.raises(WorldFileError) as caught:
        parse_source(HOUSE.replace("  hall:\n", "\thall:\n"), "house.yaml")
    (finding,) = caught.value.findings
    assert finding.line == 6
    assert finding.message == "a tab is among the blanks at the beginning of this line"
    with pytest.raises(WorldFileError) as caught:
        parse_source(HOUSE.replace("stone: {at: kitchen}", "stone: {at: [kitchen]}"), "house.yaml")
    (finding,) = caught.value.findings
    assert finding.message == "one name is wanted here, not a list"
    assert finding.hint == "write kitchen; for a place drawn at random, {one_of: [..., ...]}"


def test_texts_that_only_free_commands_refusals_and_secrets_show_are_not_called_silent():
    world = house(
        ("max_score: 5", "max_score: 5, description: A queen."),
        ("rules:\n", """rules:
  - {instead: put, thing: brass key, other: chest, say: It does not belong there.}
  - {instead: attack, thing: rug, listed: false, once: true, say: Dust., do: {set: dusty, to: true}}
"""),
        ("things:\n", """variables: {dusty: false}
verbs:
  ring: {forms: 'ring {thing}', otherwise: No bell., rules: {thing: crown, say: Ding.}}
characters:
  cook: {at: kitchen, description: Stout., greeting: Out!, topics: {about: soup, listed: false, say: Leek.}}
things:
"""),
    )  # fmt: skip
    assert messages(world) == []


def test_where_not_all_states_are_seen_nothing_is_called_an_error_that_was_only_not_seen():
    many = "".join(f"  gem {i}: {{at: kitchen}}\n" for i in range(8))
    held = "".join(f"  - {{after: drop, thing: gem {i}, once: true, say: Clink.}}\n" for i in range(8))
    world = house(("  stone: {at: kitchen}\n", many), ("rules:\n", f"rules:\n{held}"))
    found = messages(world, states=300, seconds=20, walks=5, steps=30)
    assert not [line for line in found if line.startswith("error")]
    checked = check(world, limits=Limits(states=300, seconds=20, walks=5, steps=30))
    assert not checked.proved
    assert checked.method.startswith("sampled")
    assert checked.solution is not None, "novelty search finds the way that breadth-first search does not"


def test_idle_things_change_neither_the_walkthrough_nor_what_can_be_reached():
    world = house()
    assert idle_things(world.definition) == {"stone"}
    # The same world with the stone named by a rule that says nothing: now it is searched too.
    busy = house(("rules:\n", "rules:\n  - {after: drop, thing: stone, say: Thud.}\n"))
    assert idle_things(busy.definition) == frozenset()
    one, all_ = explore(world), explore(busy)
    assert len(all_.nodes) > len(one.nodes)
    assert one.best_score("ann") == all_.best_score("ann")
    quick, slow = solve(world), solve(busy)
    assert quick is not None and slow is not None
    assert quick.moves == slow.moves


@pytest.mark.parametrize(
    "change",
    [
        ("stone: {at: kitchen}", "stone: {at: kitchen, light: true}"),
        ("endings:\n", "endings:\n  heavy: {when: {has: stone}, won: none}\n"),
        ("rules:\n", "rules:\n  - {after: take, say: Mine!, once: true, do: {score: 0}}\n"),
        ("max_score: 5", "max_score: 5, capacity: 1"),
    ],
    ids=["able", "named", "any thing", "carrying has limits"],
)
def test_what_could_matter_is_not_idle(change):
    assert idle_things(house(change).definition) == frozenset()


def test_chance_is_followed_in_all_its_outcomes():
    world = NativeWorld(
        parse_source(
            """
title: Dice
seats: {p: {start: room, goal: Win.}}
rooms: {room: {description: A table.}}
variables: {throws: {start: 0, max: 2}}
verbs:
  throw:
    forms: throw
    rules:
      - when: {not: {var: throws, at_least: 2}}
        do: [{change: throws, by: 1}, {chance: 1/50, do: [{score: 6}, {end: six}], otherwise: {score: -1}}]
endings: {six: {won: all, say: Six!}}
"""
        )
    )
    checked = check(world)
    assert checked.proved
    assert checked.best_scores == {"p": 6.0}
    assert checked.dead_ends == 1


def test_the_worlds_of_the_bench_differ_in_size_and_in_nothing_that_is_in_sight():
    small, large = (bench.generated(rooms) for rooms in (16, 400))
    starts = [world.observe(world.initial(0), "ann") for world in (small, large)]
    assert starts[0].admissible == starts[1].admissible
    check_world(small, seeds=(0,), steps=30)
    assert bench.steps_per_second(small, 0.02) > 0
    assert bench.snapshot_microseconds(small, 1) > 0


def test_the_starter_world_is_clean_and_its_walkthrough_wins(tmp_path):
    starter.write(tmp_path / "mine", "Mine")
    world = load_world(tmp_path / "mine" / "world.yaml")
    assert world.title == "Mine"
    assert check(world).findings == ()
    played = play_walkthrough(world, (tmp_path / "mine" / "walkthrough.txt").read_text())
    assert played.winners == {"guest"}
    assert played.rewards == {"guest": 10.0}
    check_world(world, seeds=(0, 1), steps=40)


# The command line


def run(home, *arguments: str):
    return CliRunner().invoke(app, ["--home", str(home), "world", *arguments])


def write(home, name: str, text: str) -> None:
    (home / "worlds" / name).mkdir(parents=True)
    (home / "worlds" / name / "world.yaml").write_text(text, encoding="utf-8")


def test_new_then_check_solve_map_show(tmp_path):
    assert "world.yaml" in run(tmp_path, "new", "teahouse", "--title", "The “tea” house").stdout
    assert isinstance(run(tmp_path, "new", "teahouse").exception, UsageError)
    checked = run(tmp_path, "check", "teahouse")
    assert checked.exit_code == 0
    assert "nothing wrong" in checked.stdout
    solved = run(tmp_path, "solve", "teahouse")
    assert "go east" in solved.stdout.splitlines()
    assert len(solved.stdout.splitlines()) == 10
    assert "┃ Kitchen ┃────│ Garden │" in run(tmp_path, "map", "teahouse").stdout
    run(tmp_path, "map", "teahouse", "--svg", str(tmp_path / "map.svg"))
    assert "Kitchen" in (tmp_path / "map.svg").read_text()
    assert "Drink a cup of tea." in run(tmp_path, "show", "teahouse").stdout
    listed = json.loads(run(tmp_path, "list", "--json").stdout)
    assert {"name": "teahouse", "title": "The “tea” house", "seats": 1}.items() <= next(
        row for row in listed if row["name"] == "teahouse"
    ).items()


def test_what_solve_prints_is_a_walkthrough(tmp_path):
    write(tmp_path, "house", HOUSE)
    text = run(tmp_path, "solve", "house").stdout
    assert play_walkthrough(house(), text).winners == {"ann"}


def test_check_exits_with_1_for_errors_and_2_for_what_is_no_world(tmp_path):
    write(tmp_path, "house", HOUSE.replace("won: all", "won: none"))
    write(tmp_path, "broken", HOUSE.replace("start: hall", "start: hal"))
    write(tmp_path, "torn", "title: [")
    assert run(tmp_path, "check", "house").exit_code == 1
    torn = run(tmp_path, "check", "torn", "--json")
    assert torn.exit_code == 2
    (finding,) = json.loads(torn.stdout)["findings"]
    assert finding["severity"] == "error"
    assert finding["line"] in (1, 2)
    assert isinstance(run(tmp_path, "check", "nowhere").exception, SandboxError)


def test_a_walkthrough_that_does_not_win_is_an_error(tmp_path):
    write(tmp_path, "house", HOUSE)
    file = tmp_path / "worlds" / "house" / "walkthrough.txt"
    file.write_text("go north\n")
    assert "nobody wins by it" in run(tmp_path, "check", "house").stdout
    file.write_text("go north\n  A cathedral.\n")
    checked = run(tmp_path, "check", "house")
    assert checked.exit_code == 1
    assert "does not hold 'A cathedral.'" in checked.stdout


def test_solve_values_prints_the_optimum_and_the_residual(tmp_path):
    write(tmp_path, "house", HOUSE)
    printed = json.loads(run(tmp_path, "solve", "house", "--values", "--gamma", "0.5", "--json").stdout)
    assert printed["value_of_start"] == pytest.approx(5 * 0.5**7)
    assert printed["residual"] < 1e-9
    assert printed["converged"]
    start = next(row for row in printed["states"] if row["way"] == [])
    assert start["q"] == pytest.approx({"go north": 5 * 0.5**7})
    assert "V*(start) = 0.039062" in run(tmp_path, "solve", "house", "--values", "--gamma", "0.5").stdout


def test_solve_without_a_way_to_win_says_so(tmp_path):
    write(tmp_path, "house", HOUSE.replace("won: all", "won: none"))
    assert isinstance(run(tmp_path, "solve", "house").exception, WorldError)
    assert isinstance(run(tmp_path, "solve", "house", "--seat", "bob").exception, UsageError)


def test_the_schema_is_json_schema_with_descriptions(tmp_path):
    schema = json.loads(run(tmp_path, "schema").stdout)
    assert schema["$schema"].startswith("https://json-schema.org/")
    assert schema["$defs"]["Room"]["properties"]["dark"]["description"]


def test_a_watched_file_is_checked_again_when_it_is_saved(tmp_path):
    file = tmp_path / "world.yaml"
    file.write_text("one")
    changes = changes_of(file, poll=0.0)
    next(changes)
    moments = []
    still = changes_of(file, poll=0.0, alive=lambda: len(moments) < 3 and not moments.append(time.time()))
    assert len(list(still)) == 1
    file.write_text("three")
    os.utime(file, ns=(1, 1))
    next(changes)
