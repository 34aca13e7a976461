"""The controller and the table of commands with no screen: whose turn it is, what waits, and what is done."""

from __future__ import annotations

import textwrap
from collections import deque
from collections.abc import Callable, Mapping
from math import inf

import pytest
from play_parts import CaveWorld, TableAgent

from sandbox.errors import PlayError, UsageError
from sandbox.session import commands
from sandbox.session.commands import TABLE, VERBS, change, command, parse, press
from sandbox.session.controller import Controller
from sandbox.session.driver import Changed, Driver, GameEvent
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.types import Agent, World
from sandbox.world.native import NativeWorld, parse_source

SPIES = """
    title: Two Spies
    seats: {ann: {start: hall, goal: Look.}, bob: {start: hall, goal: Look.}}
    rooms: {hall: {exits: {north: yard}}, yard: {exits: {south: hall}}}
    things: {key: {at: hall}}
    """


class Timer:
    def stop(self) -> None: ...


class Place:
    """Somewhere a person plays: what it is told is kept, and jobs are done when they are let."""

    save = "friday"

    def __init__(self, world: World, agents: Mapping[str, Agent | None], speed: float = inf) -> None:
        self.session = Session.create(Store.memory(), world, dict(agents), seed=1, annotator="ada")
        self.jobs: deque[Callable[[], None]] = deque()
        self.events: deque[GameEvent] = deque()
        self.later: list[Callable[[], None]] = []
        self.told: list[str] = []
        self.results: list[object] = []
        driver = Driver(lambda _say: self.session, lambda _thread, job: self.jobs.append(job), self.events.append)
        self.controller = Controller(TABLE, driver, self, self._after, speed)

    def _after(self, seconds: float, then: Callable[[], None]) -> Timer:
        self.later.append(then)
        return Timer()

    def say(self, text: str) -> None:
        self.told.append(text)

    def complain(self, error: BaseException) -> None:
        self.told.append(f"! {error}")

    def changed(self) -> None: ...

    def open(self, place: str, argument: str = "") -> None:
        self.told.append(f"-> {place} {argument}".rstrip())

    def fill(self, text: str | None) -> None:
        self.told.append(f"prompt: {text}")

    def type(self, *lines: str) -> None:
        for line in lines:
            typed = parse(line)
            assert typed is not None
            self.controller.take(typed)

    def settle(self) -> Place:
        while self.jobs or self.events:
            if self.events:
                event = self.events.popleft()
                if isinstance(event, Changed):
                    self.results.append(event.result)
                self.controller.take_in(event)
            else:
                self.jobs.popleft()()
        return self

    def opened(self) -> Place:
        self.controller.open()
        return self.settle()

    @property
    def commands(self) -> list[str]:
        assert self.controller.view is not None
        return [turn.command for turn in self.controller.view.path[1:]]

    @property
    def waiting(self) -> list[str]:
        return [typed.line for typed in self.controller.waiting]


@pytest.fixture
def alone() -> Place:
    return Place(CaveWorld(), {"digger": None})


@pytest.fixture
def cave() -> Place:
    return Place(CaveWorld(), {"digger": TableAgent()})


@pytest.fixture
def spies() -> Place:
    """Ann is a person; Bob, an agent, takes his time."""
    world = NativeWorld(parse_source(textwrap.dedent(SPIES)), "spies")
    return Place(world, {"ann": None, "bob": TableAgent()}, speed=0.1)


def test_what_is_typed_before_the_game_is_open_is_done_in_order(alone: Place) -> None:
    alone.controller.open()
    alone.type("dig", "* deeper", "/bookmark here", "undo", "dig")
    assert alone.waiting == ["dig", "deeper", "/bookmark here", "/undo", "dig"]
    alone.settle()
    assert alone.waiting == []
    assert alone.commands == ["dig"]
    assert [type(result).__name__ for result in alone.results] == ["Turn", "Feedback", "str", "NoneType", "Turn"]


def test_a_key_that_shows_something_does_it_at_once_and_a_line_in_its_turn(alone: Place) -> None:
    alone.controller.open()
    alone.type("dig", "/help")
    press(alone, "timeline")
    assert alone.told == ["-> timeline"]
    assert alone.waiting == ["dig", "/help"]
    assert alone.settle().told == ["-> timeline", "-> help"]


def test_steps_picks_and_commands_wait_for_each_other(cave: Place) -> None:
    cave.opened().type("/step", "/pick 1", "/run 2", "dig")
    cave.settle()
    assert len(cave.commands) == 5
    assert cave.commands[-1] == "dig"
    assert cave.controller.view is not None
    assert [turn.chooser == "person" for turn in cave.controller.view.path[1:]] == [
        False,
        True,
        False,
        False,
        True,
    ]


def test_a_person_steps_in_while_an_agent_runs_on(cave: Place) -> None:
    cave.opened()
    cave.controller.speed = 1.0
    press(cave, "run-or-pause")
    cave.type("dig")
    cave.settle()
    assert cave.commands[-1] == "dig"
    assert cave.controller.wanted == 0


def test_a_line_waits_for_its_own_turn_and_an_override_does_not(spies: Place) -> None:
    spies.opened().type("take key", "wait")
    spies.settle()
    assert (spies.commands, spies.waiting) == (["take key"], ["wait"])
    spies.type("/override go north")
    spies.settle()
    assert (spies.commands, spies.waiting) == (["take key", "go north", "wait"], [])
    spies.type("look", "inventory")
    press(spies, "pause")
    assert spies.waiting == []


def test_a_command_out_of_turn_is_refused_where_the_others_were_stopped(spies: Place) -> None:
    spies.opened().type("take key")
    spies.settle()
    press(spies, "pause")
    with pytest.raises(PlayError, match="it is the turn of bob"):
        spies.type("look")
    press(spies, "step")
    while spies.later:
        spies.controller._acted_at = -inf
        spies.later.pop()()
        spies.settle()
    spies.type("look")
    assert spies.settle().commands[-1] == "look"


def test_a_reward_goes_to_the_turn_that_was_in_sight(spies: Place) -> None:
    spies.opened().type("take key")
    spies.settle()
    spies.type("/override wait")
    spies.settle()
    view = spies.controller.view
    assert view is not None
    assert view.current.seat == "bob"
    assert view.told.seat == "ann", "waiting is not seen"
    press(spies, "reward", "1")
    assert spies.controller.reasons[0] == "progress"
    press(spies, "pick", "1")
    spies.settle()
    said = [record for records in spies.controller.view.feedback.values() for record in records]
    assert [(record.turn, record.value, record.reasons) for record in said] == [
        (view.told.id, 1.0, ()),
        (view.told.id, None, ("progress",)),
    ]
    spies.type("wait", "/override go north")
    spies.settle()
    assert spies.controller.view.told.seat == "bob", "leaving is"


def test_rewards_in_a_row_are_learned_one_by_one(cave: Place) -> None:
    cave.opened().type("dig")
    cave.settle()
    learned: list[float] = []
    for value in ("1", "1", "-1"):
        press(cave, "reward", value)
    assert len(cave.waiting) == 2
    while cave.jobs or cave.events:
        if cave.events and isinstance(event := cave.events[0], Changed):
            learned += [update.after for update in event.view.updates]
        cave.controller.take_in(cave.events.popleft()) if cave.events else cave.jobs.popleft()()
    assert len(learned) == len({*learned}) == 3


def test_too_much_is_not_kept(alone: Place) -> None:
    alone.controller.open()
    with pytest.raises(PlayError, match="wait already"):
        alone.type(*["dig"] * 200)
    press(alone, "pause")
    assert alone.waiting == []


def test_an_error_is_told_and_what_follows_is_done(alone: Place) -> None:
    alone.controller.open()
    alone.type("/reward much", "/step", "dig")
    alone.settle()
    assert [told[:1] for told in alone.told] == ["!", "!"]
    assert alone.commands == ["dig"]


# The table.


def test_a_new_verb_is_one_entry(alone: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(commands, "TABLE", table := dict(TABLE))
    monkeypatch.setattr(alone.controller, "_table", table)

    command(
        "/wave [WHOM]",
        "wave to somebody",
        change(lambda its, typed: f"You wave to {typed.argument or its.world.title}."),
    )
    alone.opened().type("/wave Ann", "/wave")
    alone.settle()
    assert alone.results == ["You wave to Ann.", "You wave to A cave."]


def test_every_verb_has_a_usage_a_sentence_and_keys_with_names_of_their_own() -> None:
    keys = [each for entry in TABLE.values() for each in entry.keys]
    assert len({each.id for each in keys}) == len(keys)
    for verb in VERBS:
        assert verb.usage.strip("/").split()[0] == (verb.prefix or verb.name)
        assert verb.help
        assert all(each.help and each.help[0].isupper() for each in verb.keys)
    with pytest.raises(UsageError):
        parse("/run-or-pause")
