"""Several seats: people at one keyboard, agents that act when their turn has come, and what each may see."""

from __future__ import annotations

import textwrap
from collections.abc import Callable
from pathlib import Path

import pytest
from conftest import Weigher, screen_text, settled, typed, until
from textual.pilot import Pilot

from sandbox.config import Settings
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.curtain import Curtain
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Header, Title
from sandbox.tui.widgets.mind import Mind
from sandbox.tui.widgets.panes import Map
from sandbox.tui.widgets.prompt import Prompt
from sandbox.tui.widgets.status import Status
from sandbox.tui.widgets.timeline import TimelineTree
from sandbox.tui.widgets.transcript import Transcript
from sandbox.world.native import NativeWorld, parse_source

HALL = """
    title: Two Spies
    {rules}
    seats:
      ann: {{name: Ann, start: hall, goal: Learn what Bob knows., knows: The code is 7.}}
      bob: {{name: Bob, start: hall, goal: Learn what Ann knows., knows: The word is moth.}}
    rooms:
      hall: {{exits: {{north: yard}}}}
      yard: {{exits: {{south: hall}}}}
    things:
      key: {{at: hall}}
    """

Open = Callable[..., SandboxApp]


@pytest.fixture
def open_hall(tmp_path: Path) -> Open:
    def make(rules: str = "", speed: float = 20.0, **agents: Weigher) -> SandboxApp:
        world = NativeWorld(parse_source(textwrap.dedent(HALL.format(rules=rules))), "spies")
        return SandboxApp(
            Sitting(
                lambda _say: Session.create(Store.create(tmp_path / "spies"), world, dict(agents), seed=1),
                Title("spies"),
            ),
            Settings(speed=speed),
        )

    return make


def story(app: SandboxApp) -> str:
    return app.play.query_one(Transcript).text


def shown(app: SandboxApp, kind: type[Header | Status | Mind | Map]) -> str:
    return str(app.play.query_one(kind).render())


async def at_turn(pilot: Pilot[object], app: SandboxApp, depth: int) -> None:
    await until(pilot, lambda: app.play.controller.view and app.play.controller.view.current.depth == depth)
    await settled(pilot)


async def test_an_agent_in_another_seat_acts_by_itself(open_hall: Open) -> None:
    app = open_hall(bob=Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "you are Ann" in shown(app, Header)
        assert "Your turn, Ann." in shown(app, Status)
        await typed(pilot, "take key")
        await at_turn(pilot, app, 2)
        assert "❯ > take key" in story(app)
        assert "moth" not in story(app)
        assert app.play.controller.view.current.seat == "bob"
        assert f"> {app.play.controller.view.current.command}" not in story(app)
        assert "Your turn, Ann." in shown(app, Status)


async def test_what_others_do_and_say_has_its_own_glyphs(open_hall: Open) -> None:
    app = open_hall(bob=Weigher(), speed=0.1)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "take key")
        assert "Bob is about to act" in shown(app, Status)
        assert "their own" in shown(app, Mind)
        await typed(pilot, "look")
        assert app.play.query_one(Prompt).value == ""
        assert "1 waits: look" in shown(app, Status)
        await typed(pilot, "/override say The word is moth.")
        assert "❝ Bob says: “The word is moth.”" in story(app)
        assert "> say" not in story(app)
        await typed(pilot, "wait")
        await typed(pilot, "/override n")
        assert "○ Bob leaves: north." in story(app)
        assert "word is" not in app.play.query_one(TimelineTree).text


async def test_a_person_stops_the_others_and_undoes_what_they_did(open_hall: Open) -> None:
    app = open_hall(bob=Weigher(), speed=0.1)
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "take key")
        await pilot.press("escape")
        assert "Bob has stopped. F5 lets it act." in shown(app, Status)
        app.play.controller.set_speed(20)
        await pilot.press("f5")
        await at_turn(pilot, app, 2)
        await pilot.press("u")
        await at_turn(pilot, app, 0)
        assert "Your turn, Ann." in shown(app, Status)
        await pilot.press("U")
        await at_turn(pilot, app, 2)


async def test_between_people_falls_a_curtain(open_hall: Open) -> None:
    app = open_hall()
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert isinstance(app.screen, Curtain)
        assert "Now: Ann" in screen_text(app)
        assert "code" not in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert "The code is 7." in screen_text(app)
        await typed(pilot, "say seven")
        assert isinstance(app.screen, Curtain)
        assert "Now: Bob" in screen_text(app)
        await pilot.press("enter", "up")
        await pilot.pause()
        assert app.play.query_one(Prompt).value == ""
        everything = screen_text(app)
        assert "The word is moth." in everything
        assert "❝ Ann says: “seven”" in everything
        assert "code" not in everything
        assert "Learn what Ann knows." not in story(app)
        assert "you are Bob" in shown(app, Header)
        await typed(pilot, "undo")
        assert isinstance(app.screen, Curtain)
        assert "Now: Ann" in screen_text(app)


async def test_where_only_agents_play_everything_is_told(open_hall: Open) -> None:
    app = open_hall(ann=Weigher(), bob=Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "Ann ◆ wants" in shown(app, Status)
        await pilot.press("f5")
        await settled(pilot)
        assert app.play.controller.view.current.depth == 1
        await pilot.press("f5")
        await settled(pilot)
        told = story(app)
        assert "◆ Ann > " in told
        assert "◆ Bob > " in told
        assert "Bob: " in app.play.query_one(TimelineTree).text.splitlines()[2]


async def test_where_only_agents_play_the_map_shows_them_all(open_hall: Open) -> None:
    app = open_hall(ann=Weigher(), bob=Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "/override north")
        await pilot.press("f4")
        await until(pilot, lambda: "Ann" in shown(app, Map))
        told = shown(app, Map)
        assert "┃ Hall" in told, "Bob is to move, and stands there"
        assert "│ ○ Yard" in told, "Ann is in the yard, where only she has been"
        assert "Ann  Yard  2/2" in told
        assert "Bob  Hall  1/2" in told


async def test_where_all_decide_first_that_is_said(open_hall: Open) -> None:
    app = open_hall("turns: simultaneous", bob=Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        assert "All decide first" in shown(app, Status)
        await typed(pilot, "take key")
        assert "You have decided. The others are still thinking." in story(app)
        await at_turn(pilot, app, 2)
        assert "You take the key." in story(app)


async def test_the_map_shows_what_was_seen_and_whom(open_hall: Open) -> None:
    app = open_hall(bob=Weigher(), speed=0.1)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f4")
        await until(pilot, lambda: "Hall" in shown(app, Map))
        assert "Yard" not in shown(app, Map)
        assert "Bob  Hall" in shown(app, Map)
        await typed(pilot, "n")
        await until(pilot, lambda: "Yard" in shown(app, Map))
        assert "┃ Yard" in shown(app, Map)
        assert "Ann  Yard" in shown(app, Map)
        assert "Bob" not in shown(app, Map)


async def test_the_map_shows_where_all_are_where_the_world_tells(open_hall: Open) -> None:
    app = open_hall("whereabouts: true", bob=Weigher(), speed=0.1)
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f4")
        await typed(pilot, "n")
        await until(pilot, lambda: "┃ Yard" in shown(app, Map))
        assert "Bob  Hall" in shown(app, Map)
        assert "Elsewhere: Bob (Hall)." in story(app)


async def test_what_is_typed_too_soon_is_not_done_in_another_seat(open_hall: Open) -> None:
    app = open_hall(bob=Weigher(), speed=0.1)
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press(*"take", "space", *"key", "enter", *"say", "space", *"mine", "enter", *"dr")
        await settled(pilot)
        assert app.play.controller.view.current.command == "take key"
        assert "1 waits: say mine" in shown(app, Status)
        assert app.play.query_one(Prompt).value == "dr"
        app.play.controller.set_speed(20)
        await pilot.press("f5")
        await at_turn(pilot, app, 4)
        assert [turn.command for turn in app.play.controller.view.path if turn.seat == "ann"] == [
            "take key",
            "say mine",
        ]
        assert "waits" not in shown(app, Status)


async def test_esc_drops_what_waits(open_hall: Open) -> None:
    app = open_hall(bob=Weigher(), speed=0.1)
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "take key")
        await typed(pilot, "say mine")
        await pilot.press("escape")
        assert "waits" not in shown(app, Status)
        app.play.controller.set_speed(20)
        await pilot.press("f5")
        await at_turn(pilot, app, 2)
        assert "Your turn, Ann." in shown(app, Status)


async def test_a_reward_is_for_the_turn_that_is_in_sight_and_says_whose_it_was(open_hall: Open) -> None:
    app = open_hall(bob=Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "take key")
        await at_turn(pilot, app, 2)
        view = app.play.controller.view
        assert view.current.seat == "bob"
        told = story(app).rstrip()
        assert told.endswith("Bob does something, out of your sight."), "what Bob did is his own"
        await pilot.press("escape", "+")
        await settled(pilot)
        assert "★ +1 from you, for Ann" in story(app)
        assert list(app.play.controller.view.feedback) == [view.path[1].id]
        await pilot.press("i")
        app.play.controller.set_speed(0.1)
        await typed(pilot, "wait")
        await typed(pilot, "/override say The word is moth.")
        await until(pilot, lambda: "❝ Bob says" in story(app))
        said = next(turn for turn in app.play.controller.view.path if turn.command.startswith("say"))
        await pilot.press("escape", "-")
        await settled(pilot)
        assert "★ −1 from you, for Bob" in story(app)
        assert said.id in app.play.controller.view.feedback
