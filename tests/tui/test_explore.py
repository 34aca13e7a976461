"""Exploring on the screen: a map and a curve that grow, stopped and gone on with."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from conftest import Lighthouse, MakeApp, State, sees, settled, typed, until

from sandbox.config import Settings
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tui.app import SandboxApp
from sandbox.tui.exploring import evenly
from sandbox.tui.screens.explore import ExploreScreen
from sandbox.tui.screens.play import PlayScreen
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.curve import Curve
from sandbox.tui.widgets.header import Title
from sandbox.tune.exploration import best_way
from sandbox.types import Observation, Step


class Pier(Lighthouse):
    """It never ends: behind each plank there is another one."""

    name = "pier"
    fingerprint = "1" * 64

    def observe(self, state: State, seat: str) -> Observation:
        seen = super().observe(replace(state, room="yard"), seat)
        return replace(seen, description=f"Plank {state.score:o}\n", score=0.0, admissible=("go east", "go west"))

    def step(self, state: State, seat: str, command: str) -> Step[State]:
        ahead = 1 if command == "go east" else -1
        return Step(state=replace(state, turn=state.turn + 1, score=max(state.score + ahead, 0)))


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))


async def test_the_map_and_the_curve_grow_until_the_world_is_won(make_app: MakeApp) -> None:
    app = make_app()
    async with app.run_test(size=(90, 34)) as pilot:
        await settled(pilot)
        await typed(pilot, "/explore")
        await sees(pilot, "Enter begins")
        assert app.screen.query_one(Curve)._values in ((), (0.0,) * 120)
        await pilot.press("enter")
        await sees(pilot, "nothing better can be found")
        await sees(pilot, "best score 3, won, in 4 commands")
        for words in ("> take matches  > go north  > go up  > light lamp", "│ Kitchen", "│ Yard", "Lamp room"):
            await sees(pilot, words)
        assert app.screen.query_one(Curve)._values[-1] == 3
        await pilot.press("escape")
        assert isinstance(app.screen, PlayScreen)
    assert best_way(Lighthouse(), 0) == ("take matches", "go north", "go up", "light lamp")


async def test_it_goes_on_behind_the_game_is_stopped_and_taken_up_again(save: Path) -> None:
    def opened(say: object) -> Session:
        return Session.create(Store.create(save), Pier(), {"keeper": None}, seed=7, annotator="ada")

    app = SandboxApp(Sitting(opened, Title("pier", save="friday")), Settings())
    async with app.run_test(size=(90, 34)) as pilot:
        await settled(pilot)
        await pilot.press("escape", "x")
        await sees(pilot, "Enter begins")
        await pilot.press("enter")
        await until(pilot, lambda: app.play.explored.view.steps > 0)
        await pilot.press("escape")
        assert isinstance(app.screen, PlayScreen) and app.play.explored.running
        behind = app.play.explored.view.steps
        await until(pilot, lambda: app.play.explored.view.steps > behind)
        await pilot.press("x")
        assert isinstance(app.screen, ExploreScreen)
        await pilot.press("x")
        await sees(pilot, "Enter goes on")
        stopped = app.play.explored.view.steps
        assert not app.play.explored.running and stopped > behind
        await pilot.press("enter")
        await until(pilot, lambda: app.play.explored.view.steps > stopped)


def test_a_curve_holds_its_value_until_the_next() -> None:
    curve = evenly([(10, 0.0), (60, 5.0)], 120)
    assert curve[0] == 0 and len(curve) == 111 and curve[49] == 0 and curve[50] == 5 and curve[-1] == 5
