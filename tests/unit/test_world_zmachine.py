import dataclasses
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sandbox.abilities import Keyed
from sandbox.bench.stories import effect
from sandbox.errors import SaveError, WorldError
from sandbox.tune.explorer import Explorer
from sandbox.types import World
from sandbox.world import registry
from sandbox.world.interpreter_process import Machine
from sandbox.world.interpreter_process import listed as listed_commands
from sandbox.world.wording import StoryGrammar
from sandbox.world.zmachine import ZMachineState, ZMachineWorld

SEAT = "player"
SOLUTION = (
    "go north",
    "go north",
    "take Microsoft style key from locker",
    "go east",
    "unlock Microsoft style chest with Microsoft style key",
)
COMMANDS = ("go north", "go south", "go east", "take mop", "drop mop", "take all", "close locker", "xyzzy", "wait")


@pytest.fixture(scope="module")
def house(bare_story: Path) -> Iterator[ZMachineWorld]:
    world = ZMachineWorld(bare_story, name="house", tries=400)
    yield world
    world.close()


@pytest.fixture(scope="module")
def echo(echo_story: Path) -> Iterator[ZMachineWorld]:
    world = ZMachineWorld(echo_story, name="echo", cpu_seconds=0.5)
    yield world
    world.close()


@pytest.fixture(scope="module")
def keys(keys_story: Path) -> Iterator[ZMachineWorld]:
    world = ZMachineWorld(keys_story, name="keys")
    yield world
    world.close()


def play(world: ZMachineWorld, state: ZMachineState, commands: list[str]) -> ZMachineState:
    for command in commands:
        state = world.step(state, SEAT, command).state
    return state


def test_a_story_unknown_to_jericho_is_played_to_its_end(house: ZMachineWorld) -> None:
    protocol: World[ZMachineState] = house
    state, total = protocol.initial(0), 0.0
    opening = protocol.observe(state, SEAT)
    assert opening.text[0].isalpha() and "-= Laundromat =-" in opening.description
    assert opening.inventory == "You are carrying: a blanket."
    assert (opening.score, opening.max_score) == (0, 1)
    for command in SOLUTION:
        assert protocol.to_move(state) == SEAT
        step = protocol.step(state, SEAT, command)
        state, total = step.state, total + step.rewards.get(SEAT, 0.0)
    seen = protocol.observe(state, SEAT)
    assert (seen.done, seen.won, seen.score, total) == (True, True, 1, 1)
    # The description, inventory and score looked up at each turn cost none; the story counts the opening as one.
    assert f"in {len(SOLUTION) + 1} turns" in seen.text
    assert protocol.to_move(state) is None
    assert protocol.step(state, SEAT, "look").state == state


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    stem=st.lists(st.sampled_from(COMMANDS), max_size=6),
    left=st.lists(st.sampled_from(COMMANDS), max_size=4),
    right=st.lists(st.sampled_from(COMMANDS), max_size=4),
)
def test_undo_another_branch_and_back_is_exact(
    stem: list[str], left: list[str], right: list[str], house: ZMachineWorld
) -> None:
    here = play(house, house.initial(0), stem)
    there = play(house, here, left)
    play(house, here, right)
    assert play(house, here, left) == there
    assert house.load(house.dump(there)) == there


def test_a_stored_state_goes_on_the_same_in_another_process(house: ZMachineWorld, bare_story: Path) -> None:
    here = play(house, house.initial(0), ["go north", "go north"])
    other = ZMachineWorld(bare_story, name="house")
    there = other.load(house.dump(here))
    assert there == here and hash(there) == hash(here)
    rest = list(SOLUTION[2:])
    assert play(other, there, rest) == play(house, here, rest)
    other.close()


def test_the_world_hash_tells_what_did_something(house: ZMachineWorld) -> None:
    start = house.initial(0)
    for refused in ("xyzzy", "go up", "take all", "take moon", "look", "inventory", "examine mop", "wait"):
        assert house.world_hash(house.step(start, SEAT, refused).state) == house.world_hash(start), refused
    for accepted in ("go north", "take mop", "drop blanket"):
        assert house.world_hash(house.step(start, SEAT, accepted).state) != house.world_hash(start), accepted
    at_chest = play(house, start, list(SOLUTION[:-1]))
    locked = house.step(at_chest, SEAT, "unlock Microsoft style chest with blanket").state
    assert house.world_hash(locked) == house.world_hash(at_chest)


def test_the_listed_commands_hold_the_solutions_effects_and_each_does_something_else(house: ZMachineWorld) -> None:
    state = house.initial(0)
    for wanted in (*SOLUTION, None):
        listed = house.observe(state, SEAT).admissible
        assert listed is not None and list(listed) == sorted(set(listed))
        outcomes = [effect(state, house.step(state, SEAT, command).state) for command in listed]
        assert None not in outcomes and len(set(outcomes)) == len(outcomes)
        if wanted is None:
            assert state.done and listed == ()
            break
        after = house.step(state, SEAT, wanted).state
        assert effect(state, after) in outcomes, wanted
        state = after


def test_a_glimpse_is_what_is_observed_without_the_list(house: ZMachineWorld) -> None:
    start = house.initial(0)
    listed, glimpse = house.observe(start, SEAT), house.glimpse(start, SEAT)
    assert listed.admissible and glimpse == dataclasses.replace(listed, admissible=None)


def test_states_of_an_exploration_that_is_taken_up_again_are_played_again(house: ZMachineWorld) -> None:
    explorer = Explorer(house)
    explorer.run(15)
    again = Explorer.load(house, explorer.dump())
    assert explorer.cells > 1 and again.dump() == explorer.dump()
    for each in (explorer, again):
        each.run(8)
    assert again.dump() == explorer.dump()


def test_what_was_found_once_is_known_to_every_world_of_the_story(bare_story: Path, tmp_path: Path) -> None:
    first, second = (ZMachineWorld(bare_story, name="house", cache=tmp_path, tries=100) for _ in range(2))
    state = first.initial(0)
    found = first.commands(state)
    assert "north" in found
    assert second.vocabulary
    second._interpreter.close()  # from here on it cannot try anything
    assert second.commands(state) == found
    assert second.commands(dataclasses.replace(state, world_hash="elsewhere")) == ()
    first.close()
    (kept,) = tmp_path.iterdir()
    kept.write_bytes(b"no database at all")
    third = ZMachineWorld(bare_story, name="house", cache=tmp_path, tries=100)
    assert third.commands(state) == found
    third.close()


def test_keys_are_listed_where_the_story_waits_for_one(keys: ZMachineWorld) -> None:
    listed = keys.observe(keys.step(keys.initial(0), SEAT, "menu").state, SEAT).admissible
    assert listed is not None and {"q", "enter", "escape", "1"} <= set(listed)


def test_a_command_that_freezes_the_interpreter_is_left_out_of_the_list(
    echo_story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)  # a story's SAVE writes where it is
    machine = Machine(str(echo_story), echo_story.read_bytes())
    machine.start(0)
    templates = ["freeze", "overflow", "victory", "alpha"]
    machine.__dict__["grammar"] = StoryGrammar.of(templates, [], [], 9, usage=lambda verb: 0)
    found = listed_commands(machine, {"limit": 100, "seen": "", "inventory": "", "heard": ()}).commands
    assert "victory" in found and not {"freeze", "overflow"} & set(found)
    assert machine.freezing == {"freeze"}
    assert "You said 2 words." in machine.step("alpha beta")


def test_the_vocabulary_is_the_storys_own(house: ZMachineWorld) -> None:
    words = house.vocabulary
    assert {"take", "unlock", "go"} <= words.verbs
    assert words.knows("blanket") and words.knows("Laundromat") and not words.knows("sword")
    assert house.verbs[:2] == ("look", "examine")
    assert not {"quit", "save", "restore", "undo"} & set(house.verbs)


def test_a_menu_gets_its_keys_and_the_story_goes_on_after_it(keys: ZMachineWorld) -> None:
    assert isinstance(keys, Keyed)
    opening = keys.initial(0)
    assert (opening.text, keys.wants_key(opening)) == ("The first line.\nThe second line.", False)
    menu = keys.step(opening, SEAT, "menu").state
    assert keys.wants_key(menu) and keys.wants_key(keys.load(keys.dump(menu)))
    assert menu.text.split("\n")[:6] == [
        "THE MENU",
        "N = next",
        "P = previous",
        "RETURN = read",
        "Q = resume game",
        "Topics:",
    ]
    assert (menu.description, menu.inventory) == (opening.description, opening.inventory)
    for said, code in (("x", 120), ("", 13), ("return", 13), ("space", 32), (" ", 32), ("escape", 27), ("\\", 92)):
        pressed = keys.step(menu, SEAT, said).state
        assert (pressed.text, keys.wants_key(pressed)) == (f"Key {code}.", True), said
    assert keys.step(menu, SEAT, "next").state.text == menu.text  # it only moved a mark
    left = keys.step(keys.step(menu, SEAT, "x").state, SEAT, "q").state
    assert (left.text, keys.wants_key(left)) == ("Key 113.", False)
    assert keys.step(left, SEAT, "hello you").state.text == "hello you\nYou said 2 words after 2 keys."


def test_a_line_reaches_the_story_whole_and_the_status_line_stays_out_of_its_reply(keys: ZMachineWorld) -> None:
    start = keys.initial(0)
    whole = keys.step(start, SEAT, "open mailbox. take leaflet. n\\").state
    assert whole.text == "open mailbox. take leaflet. n\nYou said 7 words after 0 keys."
    for meta in ("look. quit", "n then save", "undo", "q"):
        assert "the sandbox itself" in keys.step(start, SEAT, meta).state.text
    assert keys.step(start, SEAT, "ask").state.text == "Are you sure?"


def test_a_seed_of_nought_is_a_seed(echo_story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)  # a story's SAVE writes where it is
    machine = Machine(str(echo_story), echo_story.read_bytes())
    machine.start(0)
    drawn = [machine.step("draw") for _ in range(3)]
    machine._seed = 0  # as Jericho's bindings have it for most of its walkthroughs
    machine.start(0)
    assert [machine.step("draw") for _ in range(3)] != drawn
    machine.start(0)
    walked = [machine.step("draw") for _ in range(3)]
    machine._env._seed = 0
    machine._env.reset()
    assert [machine.step("draw") for _ in range(3)] == walked


def test_the_call_stack_is_part_of_the_state(echo: ZMachineWorld) -> None:
    states = [echo.initial(0)]
    for _ in range(3):
        states.append(echo.step(states[-1], SEAT, "go down").state)
    for level in (2, 0, 3, 1):
        assert echo.step(states[level], SEAT, "yield").state.text == f"Level {level}"
        if level:
            assert play(echo, states[level], ["back", "yield"]).text == f"Level {level - 1}"


def test_chance_is_part_of_the_state(echo: ZMachineWorld) -> None:
    start = echo.initial(0)
    drawn = [play(echo, start, ["draw"] * n).text for n in range(1, 6)]
    assert [play(echo, start, ["draw"] * n).text for n in range(1, 6)] == drawn
    assert len(set(drawn)) > 1
    assert echo.step(echo.initial(1), SEAT, "draw").state.text != drawn[0]
    assert echo.initial(0) == start


@pytest.mark.parametrize("command", ["freeze", "overflow"])
def test_a_command_that_breaks_the_interpreter_changes_nothing(echo: ZMachineWorld, command: str) -> None:
    here = play(echo, echo.initial(0), ["one", "one two"])
    step = echo.step(here, SEAT, command)
    assert "Nothing has changed" in step.state.text
    assert not step.terminated and not step.rewards
    assert dataclasses.replace(step.state, text=here.text, turn=here.turn) == here
    assert echo.step(step.state, SEAT, "alpha beta gamma").state.text == "You said 3 words."
    assert echo.step(here, SEAT, command) == step


def test_a_killed_interpreter_is_replaced_unnoticed(echo: ZMachineWorld) -> None:
    here = play(echo, echo.initial(0), ["one"])
    expected = echo.step(here, SEAT, "draw")
    pid = echo._interpreter.pid
    assert pid is not None
    os.kill(pid, signal.SIGKILL)
    assert echo.step(here, SEAT, "draw") == expected
    assert echo._interpreter.pid != pid


def test_looking_around_happens_on_a_copy(echo: ZMachineWorld) -> None:
    state = echo.initial(0)
    for turn in range(1, 4):
        # What the story counts is this inventory command, not those of earlier turns nor the look before it.
        assert echo.observe(state, SEAT).inventory == f"Command {turn}"
        state = echo.step(state, SEAT, "alpha").state


def test_endings_are_told_apart(echo: ZMachineWorld) -> None:
    won, died = (echo.step(echo.initial(0), SEAT, command) for command in ("victory", "kick"))
    assert (won.terminated, won.state.done, won.state.won) == (True, True, True)
    assert (died.terminated, died.state.done, died.state.won) == (True, True, False)


def test_a_story_writes_no_file_where_the_player_is(
    echo_story: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    beside = set(echo_story.parent.iterdir())
    world = ZMachineWorld(echo_story, name="echo")
    assert world.step(world.initial(0), SEAT, "write").state.text == "Written."
    assert not list(tmp_path.iterdir()) and set(echo_story.parent.iterdir()) == beside
    world.close()
    assert capfd.readouterr() == ("", "")


def test_closing_ends_the_process(echo_story: Path) -> None:
    world = ZMachineWorld(echo_story, name="echo")
    start = world.initial(0)
    pid = world._interpreter.pid
    assert pid is not None
    world.close()
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)
    assert "closed" in world.step(start, SEAT, "one").state.text


def test_a_world_that_is_forgotten_leaves_no_process(echo_story: Path) -> None:
    world = ZMachineWorld(echo_story, name="echo")
    world.initial(0)
    pid = world._interpreter.pid
    assert pid is not None
    del world
    for _ in range(100):
        try:
            os.kill(pid, 0)
        except ProcessLookupError:
            return
        time.sleep(0.02)
    raise AssertionError("the process lives on")


def test_bytes_that_are_no_state_are_refused(house: ZMachineWorld, echo: ZMachineWorld) -> None:
    good = house.dump(house.initial(0))
    for bad in (b"", good[:-1], good[:50] + b"\x01" + good[51:], echo.dump(echo.initial(0))):
        with pytest.raises(SaveError):
            house.load(bad)


def test_a_snapshot_of_nothing_is_answered_in_text(house: ZMachineWorld, echo: ZMachineWorld) -> None:
    for machine in (b"", b"nonsense", echo.initial(0).machine):
        broken = dataclasses.replace(house.initial(0), machine=machine)
        assert "cannot go on" in house.step(broken, SEAT, "look").state.text


def test_a_story_that_breaks_at_once_is_an_error_that_names_it(tmp_path: Path, echo_story: Path) -> None:
    data = bytearray(echo_story.read_bytes())
    start = int.from_bytes(data[6:8], "big")
    data[start : start + 3] = b"\x8c\xff\xff"  # jump to itself
    data[0x1C:0x1E] = (sum(data[64:]) & 0xFFFF).to_bytes(2, "big")
    file = tmp_path / "stuck.z5"
    file.write_bytes(data)
    world = ZMachineWorld(file, name="stuck", cpu_seconds=0.3)
    with pytest.raises(WorldError, match="cannot be started") as caught:
        world.initial(0)
    assert caught.value.where == str(file)


def test_the_interpreter_gets_no_secrets_and_little_memory(
    echo_story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "s3cret")
    monkeypatch.setenv("PGPASSWORD", "s3cret")
    world = registry.open_world(str(echo_story))
    try:
        world.observe(world.initial(0), world.seats[0])
        process = Path(f"/proc/{world._interpreter._process.pid}")
        assert b"s3cret" not in (process / "environ").read_bytes()
        limits = (process / "limits").read_text()
        memory = next(line for line in limits.splitlines() if line.startswith("Max address space"))
        assert memory.split()[3] == str(512 << 20)
    finally:
        world.close()
