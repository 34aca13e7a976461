"""The worlds that come with the package: each loads, can be won, and reads well."""

import functools
import random
import re

import pytest

from sandbox import paths
from sandbox.rl.value_iteration import FiniteMDP, value_iteration
from sandbox.testing import WalkthroughResult, check_world, parse_walkthrough, play_walkthrough
from sandbox.world.check import Checked, check
from sandbox.world.native import Adventure, NativeWorld, TaskWorld, make_world, read_source
from sandbox.world.solver import Limits

FOLDER = paths.bundled() / "worlds"
WORLDS = sorted(file.parent.name for file in FOLDER.glob("*/world.yaml"))
TASKS = {name for name in WORLDS if "\nkind: task" in (FOLDER / name / "world.yaml").read_text(encoding="utf-8")}
ADVENTURES = [name for name in WORLDS if name not in TASKS]
PROVED = {"honey": 200, "lighthouse": 10_000, "millrace": 12_000, "teahouse": 12_000, "tutorial": 500}
"""Worlds small enough for every state to be visited, with a bound on how many there are."""
MAX_WARNINGS = 2

ODD = {
    "en": re.compile(
        r"\b(?:a [aeio]\w|an? an? |the the |a the )"  # articles
        r"|[.!?]\"? [a-z]"  # a sentence that begins small
        r"|\S  \S| [,.;:!?](?:\s|$)|[{}]"  # blanks and braces
        r"|\b(?:matches|gloves|spectacles|cabbages|curtains|stairs) (?:is|has|does)\b"
    ),
    "zh": re.compile(r"[{}]|[A-Za-z]|(?<=[一-鿿]) (?=[一-鿿])|。。|，。|[一-鿿][,.!?;]"),
}
"""Signs of a slip in a text."""
FINE = re.compile(r"\ba (?:one|once|eu)|\bE\.T\.")


@functools.cache
def open_world(name: str) -> NativeWorld | TaskWorld:
    return make_world(read_source(FOLDER / name / "world.yaml"), name)


def adventure(name: str) -> NativeWorld:
    world = open_world(name)
    assert isinstance(world, NativeWorld)
    return world


def walkthrough(name: str) -> str:
    return (FOLDER / name / "walkthrough.txt").read_text(encoding="utf-8")


def played(name: str, text: str) -> tuple[WalkthroughResult, str]:
    """A walkthrough played, and the last thing that was told."""
    result = play_walkthrough(adventure(name), text)
    return result, result.exchanges[-1][1].reply


def checked(name: str) -> Checked:
    limits = Limits(states=PROVED.get(name, 1_500), seconds=120.0, walks=20, steps=100)
    return check(adventure(name), limits=limits)


@pytest.mark.parametrize("name", WORLDS)
def test_keeps_the_protocol(name: str) -> None:
    definition = open_world(name).source.definition
    zero_sum = isinstance(definition, Adventure) and definition.rewards == "zero-sum"
    check_world(open_world(name), seeds=(0, 1), steps=40, zero_sum=zero_sum)


@pytest.mark.parametrize("name", WORLDS)
def test_introduces_itself(name: str) -> None:
    definition = open_world(name).source.definition
    assert definition.title
    assert len(definition.blurb) >= 15


@pytest.mark.parametrize("name", ADVENTURES)
def test_the_walkthrough_wins_all_there_is(name: str) -> None:
    result, _ = played(name, walkthrough(name))
    assert result.ended
    assert result.winners
    for seat, model in adventure(name).definition.seats.items():
        if model.max_score is not None:
            assert result.rewards[seat] <= model.max_score
            assert len(result.rewards) > 1 or result.rewards[seat] == model.max_score


@pytest.mark.parametrize("name", ADVENTURES)
def test_check_finds_nothing_wrong(name: str) -> None:
    result = checked(name)
    found = [str(finding) for finding in result.findings if finding.severity == "error"]
    warned = [str(finding) for finding in result.findings if finding.severity == "warning"]
    assert not found
    assert len(warned) <= MAX_WARNINGS, warned
    if name in PROVED:
        assert result.proved
        assert not result.dead_ends


@pytest.mark.parametrize("name", ADVENTURES)
def test_reads_well_wherever_one_goes(name: str) -> None:
    world, generator = adventure(name), random.Random(0)
    odd = ODD[world.definition.language]
    lines = [line.command for line in parse_walkthrough(walkthrough(name), world.seats)]
    for episode in range(12):
        state = world.initial(episode)
        for number in range(generator.randrange(len(lines)) + 25):
            seat = world.to_move(state)
            if seat is None:
                break
            seen = world.observe(state, seat)
            for text in (seen.text, seen.description, seen.inventory, *(seen.admissible or ())):
                slip = odd.search(FINE.sub("X", text))
                assert slip is None, f"{slip.group()!r} in {text!r}"
            assert seen.admissible
            listed = number < len(lines) and generator.random() < 0.8
            command = lines[number] if listed else generator.choice(seen.admissible)
            state = world.step(state, seat, command).state


def test_the_lighthouse_has_a_poorer_ending_without_the_horn_and_one_that_is_no_win() -> None:
    text = walkthrough("lighthouse")
    silent, told = played("lighthouse", text.replace("pull cord\n  a bell answers\n", ""))
    assert silent.winners
    assert silent.rewards["relief"] == 28
    assert "I always give her the horn" in told
    rowed, _ = played("lighthouse", "go east\nlaunch dinghy\n  Nobody answers it")
    assert rowed.ended
    assert not rowed.winners


def test_in_the_tutorial_the_bucket_costs_a_point_and_so_does_guessing_the_word() -> None:
    text = walkthrough("tutorial")
    detour = text.replace("read notice\n", "go east\n  UNDO\ngo west\n").replace("read portrait\n", "")
    result, _ = played("tutorial", detour)
    assert result.winners
    assert result.rewards["tutor"] == 10


def test_in_honey_the_best_thing_to_do_depends_on_the_sky() -> None:
    """At times one waits for the bees to settle, at times not; at times one more trip pays, at times sleep."""
    graph = checked("honey").graph
    optimum = value_iteration(FiniteMDP(graph.transitions()), gamma=0.95)
    assert optimum.converged
    at_the_hive = [q for q in optimum.q_values if {"wait", "raid hive"} <= set(q)]
    assert {max(q, key=q.__getitem__) for q in at_the_hive} == {"wait", "raid hive"}
    sleepers = [q for q in optimum.q_values if "sleep" in q and "go north" in q]
    assert any(q["sleep"] > q["go north"] for q in sleepers)
    assert any(q["sleep"] < q["go north"] for q in sleepers)
