"""The bundled worlds for several: won together and not alone, paid at the others' cost, traded and talked in."""

import random
from collections import deque
from collections.abc import Iterator
from pathlib import Path

import pytest

from sandbox import paths
from sandbox.agent.scripted import ScriptedAgent
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.testing import parse_walkthrough
from sandbox.world.native import NativeWorld, State, TaskWorld, load_world
from sandbox.world.native.task_measures import tokens
from sandbox.world.solver import Graph, Limits, explore

FOLDER = paths.bundled() / "worlds"


def bundled(name: str, seats: int | None = None) -> NativeWorld:
    world = load_world(FOLDER / name / "world.yaml", name, seats)
    assert isinstance(world, NativeWorld)
    return world


def scripts(world: NativeWorld) -> dict[str, ScriptedAgent]:
    """An agent for each seat, that gives its lines of the walkthrough."""
    lines = parse_walkthrough((FOLDER / world.name / "walkthrough.txt").read_text(encoding="utf-8"), world.seats)
    return {
        seat: ScriptedAgent([ln.command for ln in lines if ln.seat == seat], name=seat) for seat in world.seats
    }


@pytest.fixture
def played(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Session]:
    """A world played to its end by scripted agents, through a session that is kept in a save."""
    world = bundled(request.param)
    session = Session.create(Store.create(tmp_path / "save"), world, scripts(world), seed=0)
    while not session.done:
        session.step()
    yield session
    session.close()


def told(session: Session, seat: str) -> str:
    """Everything that a seat has been told."""
    return "\n".join(exchange.reply for exchange in session.history(seat))


# The mill


@pytest.mark.parametrize("played", ["millrace"], indirect=True)
def test_two_agents_get_out_of_the_mill_together(played: Session) -> None:
    assert {seat: played.observation(seat).won for seat in played.seats} == {"tamsin": True, "jory": True}
    assert {seat: played.score(seat) for seat in played.seats} == {"tamsin": 10, "jory": 10}
    assert {turn.chooser for turn in played.timeline.path(played.current.id)[1:]} == {"script"}


@pytest.mark.parametrize("played", ["millrace"], indirect=True)
def test_what_one_says_in_the_mill_reaches_the_other_and_what_one_knows_does_not(played: Session) -> None:
    assert "“The pin is in the black drum." in told(played, "tamsin")
    assert "On the black drum is an iron pin" in told(played, "jory")
    assert "On the black drum" not in told(played, "tamsin")
    knows = {seat: str(played.world.definition.seats[seat].knows) for seat in played.seats}  # type: ignore[attr-defined]
    for seat, other in (("tamsin", "jory"), ("jory", "tamsin")):
        assert knows[seat] in told(played, seat)
        assert knows[seat] not in told(played, other)


@pytest.fixture(scope="module")
def mill() -> Graph:
    graph = explore(bundled("millrace"), limits=Limits(states=20_000, seconds=120))
    assert graph.complete
    return graph


def within_reach(graph: Graph, waiting: str = "") -> set[int]:
    """The states that can be come to, where one seat does nothing but wait."""
    found = set(graph.roots)
    queue = deque(found)
    while queue:
        node = graph.nodes[queue.popleft()]
        for edge in node.edges:
            if node.seat != waiting or edge.command == "wait":
                new = {outcome.target for outcome in edge.outcomes} - found
                found |= new
                queue.extend(new)
    return found


def test_nobody_gets_out_of_the_mill_alone(mill: Graph) -> None:
    wins = set(mill.wins())
    assert wins & within_reach(mill)
    for idle in mill.seats:
        assert not wins & within_reach(mill, waiting=idle)


def test_wherever_the_pin_is_the_mill_can_be_won_and_never_lost(mill: Graph) -> None:
    assert len(mill.roots) == 3
    assert not mill.dead_ends()


# The race


@pytest.mark.parametrize("seats", [2, 3, 4])
def test_what_one_runner_gains_the_others_lose(seats: int) -> None:
    world, generator = bundled("weathercock", seats), random.Random(seats)
    rung = paid = 0
    for number in range(200):
        state, total = world.initial(number), dict.fromkeys(world.seats, 0.0)
        while (seat := world.to_move(state)) is not None:
            commands = world.observe(state, seat).admissible or ()
            forward = [c for c in commands if c in ("ring bell", "go up", "board punt", "take gate key")]
            step = world.step(state, seat, generator.choice(forward or commands))
            state = step.state
            assert sum(step.rewards.values()) == pytest.approx(0)
            for each, reward in step.rewards.items():
                total[each] += reward
        assert sum(total.values()) == pytest.approx(0)
        assert world.observe(state, world.seats[0]).turn <= 25
        rung += any(world.observe(state, each).won for each in world.seats)
        paid += any(total.values())
    assert rung and paid


def race(state: State, world: NativeWorld, *rounds: str) -> tuple[State, dict[str, str]]:
    """Play rounds of commands, one for each seat; answers what each was told last."""
    for line in rounds:
        for seat, command in zip(world.seats, line.split(", "), strict=True):
            assert world.to_move(state) == seat
            state = world.step(state, seat, command).state
    return state, {seat: world.observe(state, seat).text for seat in world.seats}


def test_the_punt_carries_one_and_who_is_quicker_goes_round() -> None:
    world = bundled("weathercock", 2)
    _, second = race(world.initial(0), world, "go east, go east", "board punt, board punt")
    _, third = race(world.initial(0), world, "wait, wait", "go east, go east", "board punt, board punt")
    assert "Long reach" in second["cooper"] and "jumps into the punt" in second["baker"]
    assert "Long reach" in third["baker"] and "jumps into the punt" in third["cooper"]


def test_the_bolt_of_the_tower_costs_two_shoves() -> None:
    world = bundled("weathercock", 2)
    way = [
        "go west, go west",
        "wait, go north",
        "wait, go north",
        "wait, go north",
        "wait, go up",
        "wait, go east",
    ]
    ahead = ["take gate key, wait", "go east, wait", "go north, wait", "go north, wait", "go north, wait"]
    state, _ = race(world.initial(0), world, *way, *ahead, "shoot bolt, wait")
    assert world.step(state, "baker", "wait").state.core.mover == 1
    state = world.step(state, "baker", "wait").state
    assert "go north" not in (world.observe(state, "cooper").admissible or ())
    state = world.step(state, "cooper", "push tower door").state
    state, _ = race(state, world, "wait, push tower door", "wait, go north")
    assert "Foot of the tower" in world.observe(state, "cooper").description


# The market


@pytest.mark.parametrize("played", ["lammas"], indirect=True)
def test_at_the_fair_goods_change_hands_and_everybody_is_paid_for_themselves(played: Session) -> None:
    assert "You give the weaver a block of salt and get a bolt of cloth." in told(played, "salter")
    assert "You give the salter a bolt of cloth and get a block of salt." in told(played, "weaver")
    assert {seat: played.score(seat) for seat in played.seats} == {"salter": 13, "weaver": 12, "beekeeper": 12}
    assert all(played.observation(seat).won for seat in played.seats)


@pytest.mark.parametrize("played", ["lammas"], indirect=True)
def test_at_the_fair_secrets_are_told_or_kept(played: Session) -> None:
    knows = {seat: str(played.world.definition.seats[seat].knows) for seat in played.seats}  # type: ignore[attr-defined]
    assert "“Brother Anselm pays two pennies for salt and for honey”" in told(played, "weaver")
    assert "pays two pennies" not in told(played, "beekeeper")
    for seat in played.seats:
        for other in played.seats:
            assert (knows[seat] in told(played, other)) == (seat == other)
            assert seat == other or played.observation(seat).goal not in told(played, other)


# The text tasks


@pytest.mark.parametrize("name", ["telegram", "plain", "larder"])
def test_a_task_has_data_for_training_and_for_keeping_back(name: str) -> None:
    world = load_world(FOLDER / name / "world.yaml", name)
    assert isinstance(world, TaskWorld)
    count = len(world.definition.items)
    assert count >= 30
    assert len({world.observe(world.initial(seed), world.seats[0]).text for seed in range(count)}) == count


@pytest.mark.parametrize("name", ["plain", "larder"])
def test_each_answer_of_a_task_is_worth_everything_and_another_is_not(name: str) -> None:
    world = load_world(FOLDER / name / "world.yaml", name)
    assert isinstance(world, TaskWorld)
    (seat,) = world.seats
    for number, item in enumerate(world.definition.items):
        for answer in item["answers"]:
            assert world.step(world.initial(number), seat, answer).rewards == {seat: 5.0}, answer
        worse = world.step(world.initial(number), seat, str(item["text"])).rewards
        assert worse.get(seat, 0) < 4


def test_the_facts_of_a_telegram_are_in_the_news_and_go_into_twelve_words() -> None:
    world = load_world(FOLDER / "telegram" / "world.yaml", "telegram")
    assert isinstance(world, TaskWorld)
    for number, item in enumerate(world.definition.items):
        news = " ".join(tokens(str(item["text"])))
        wire = ""
        for fact in item["facts"]:
            found = [word for word in fact.split("|") if f" {word} " in f" {news} "]
            assert found, (fact, news)
            wire += f"{found[0]} "
        assert len(tokens(wire)) <= 10
        padded = wire + "stop" * (len(tokens(wire)) < 4)
        assert world.step(world.initial(number), "clerk", padded).rewards == {"clerk": 10.0}, padded
        assert world.step(world.initial(number), "clerk", str(item["text"])).rewards["clerk"] < 10
