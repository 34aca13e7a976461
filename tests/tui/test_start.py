"""The start screen: what there is to play, and the way into a game and back."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest
from conftest import Lighthouse, Weigher, open_session, settled, typed, until
from textual.pilot import Pilot
from textual.widgets import Static

from sandbox.config import Settings
from sandbox.errors import ModelError, UsageError
from sandbox.llm import catalogue, speeds
from sandbox.llm.speeds import DecisionSpeed
from sandbox.paths import Home
from sandbox.session import lobby, moves
from sandbox.session.lobby import ModelOffer
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.play import PlayScreen
from sandbox.tui.screens.start import ALONE, Choice, Lobby, Sitting, StartScreen
from sandbox.tui.widgets.entries import Entries
from sandbox.tui.widgets.header import Title
from sandbox.tui.widgets.prompt import Prompt


class Hall:
    """Opens lighthouses, and remembers what it was asked for."""

    def __init__(self, home: Home, save: Path) -> None:
        self.home, self.save = home, save
        self.choices: list[Choice] = []
        self.fails: Exception | None = None
        self.gate = threading.Event()
        self.gate.set()

    def choose(self, choice: Choice) -> Sitting:
        self.choices.append(choice)
        if choice.world == "honey":
            raise UsageError("no honey today", hint="take the tour")
        return Sitting(self._open, Title("lighthouse", save="friday"))

    def _open(self, say: Callable[[str], None]) -> Session:
        assert self.gate.wait(20)
        if self.fails is not None:
            raise self.fails
        return open_session(self.save, Weigher())

    def fetch(self, say: Callable[[str], None]) -> None:
        say("downloading, 50%")
        raise ModelError("the network is away")

    def app(self) -> SandboxApp:
        start = Lobby(lambda: lobby.look(self.home), self.choose, self.fetch, "lm-q", lobby.TOUR)
        return SandboxApp(start, Settings(speed=20.0))


@pytest.fixture
def hall(tmp_path: Path, save: Path) -> Hall:
    return Hall(Home(tmp_path), save)


def details(app: SandboxApp) -> str:
    return str(app.screen.query_one("#start-details", Static).render())


def agent(app: SandboxApp) -> str:
    return str(app.screen.query_one("#start-agent", Static).render())


async def looked(pilot: Pilot[object]) -> None:
    await until(pilot, lambda: "lm-q" in agent(pilot.app))  # type: ignore[arg-type]
    await pilot.pause()


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_first_timer_is_offered_the_tour_and_lands_in_it(hall: Hall, size: tuple[int, int]) -> None:
    app = hall.app()
    async with app.run_test(size=size) as pilot:
        await looked(pilot)
        assert "first fine-tuning round" in details(app)
        await pilot.press("enter")
        await settled(pilot)
        assert hall.choices == [Choice(world="tutorial")]
        assert isinstance(app.screen, PlayScreen)


async def test_the_agent_is_chosen_with_the_arrows(hall: Hall) -> None:
    app = hall.app()
    async with app.run_test() as pilot:
        await looked(pilot)
        await pilot.press("right")
        assert "Tabular Q-learning" in agent(app)
        while "You play alone" not in agent(app):
            before = agent(app)
            await pilot.press("left")
            assert agent(app) != before
        await pilot.press("enter")
        await settled(pilot)
        assert hall.choices == [Choice(world="tutorial", agent=ALONE)]


async def test_the_model_is_chosen_where_there_are_several(hall: Hall, monkeypatch: pytest.MonkeyPatch) -> None:
    models = [catalogue.Entry(name, name, "ready", 1, hall.save) for name in ("small", "large")]
    models.append(catalogue.Entry("away", "away", "not fetched", 0, hall.save))
    monkeypatch.setattr(catalogue, "entries", lambda: models[:1])
    app = hall.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await looked(pilot)
        await pilot.press("m")
        assert "with" not in agent(app), "there is nothing to choose from"
        monkeypatch.setattr(catalogue, "entries", lambda: models)
        await pilot.press("r")
        await until(pilot, lambda: app.screen.check_action("model", ()) is True)
        monkeypatch.setattr(speeds, "weights_of", lambda entry: {"small": 135_000_000}.get(entry.name, 10**12))
        monkeypatch.setattr(
            speeds, "speed", lambda where, weights: DecisionSpeed(weights / 1e9, measured=weights < 1e9)
        )
        await pilot.press("r")
        await until(pilot, lambda: bool(models_offered(app)[-1].memory))

        async def listed() -> list[str]:
            await pilot.press("m")
            await until(pilot, lambda: app.screen.query("#models-list") and entries(app).option_count == 4)
            return [str(option.prompt).strip() for option in entries(app).options]

        card, small, large, away = await listed()
        assert card == "the one on the card"
        assert small.split("  ")[0] == "small" and "1.1 GiB" in small and "0.14 s" in small
        assert "too much" in large and "~1e+03 s" in large
        assert "not fetched: sandbox model pull away" in away and entries(app).options[3].disabled
        await pilot.press("down", "escape")
        assert "with" not in agent(app), "it was left as it was"
        await listed()
        await pilot.press("down", "enter")
        assert "with small" in agent(app)
        await listed()
        assert entries(app).highlighted == 1, "the list begins at the one in use"
        await pilot.press("home", "enter")
        assert "with" not in agent(app)
        await listed()
        await pilot.press("down", "down", "enter", "enter")
        await until(pilot, lambda: bool(hall.choices))
        assert hall.choices[-1].model == "large"


def models_offered(app: SandboxApp) -> Sequence[ModelOffer]:
    assert isinstance(app.screen, StartScreen) and app.screen._offers is not None
    return app.screen._offers.models


def entries(app: SandboxApp) -> Entries:
    return app.screen.query_one("#models-list", Entries)


async def test_in_a_game_the_model_is_chosen_from_the_same_list(
    hall: Hall, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[str] = []
    monkeypatch.setattr(lobby, "models", lambda: (ModelOffer("small", "Small", "ready", "1.1 GiB", "0.14 s"),))
    monkeypatch.setattr(moves, "remodel", lambda session, words: taken.append(words) or "done")
    app = hall.app()
    async with app.run_test(size=(100, 30)) as pilot:
        await looked(pilot)
        await pilot.press("enter")
        await settled(pilot)
        for key in ("escape", "enter"):
            await typed(pilot, "/model")
            await until(pilot, lambda: app.screen.query("#models-list") and entries(app).option_count == 1)
            assert not taken
            await pilot.press(key)
        await until(pilot, lambda: taken == ["small"])
        assert isinstance(app.screen, PlayScreen)


async def test_a_game_is_left_for_the_start_and_gone_on_with(hall: Hall, save: Path) -> None:
    app = hall.app()
    async with app.run_test() as pilot:
        await looked(pilot)
        await pilot.press("enter")
        await settled(pilot)
        await typed(pilot, "take matches")
        await pilot.press("f10")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))
        await until(pilot, lambda: "1 turn  last" in details(app))
        Store.open(save).close()  # nobody holds it any more
        assert "best score 1/3" in details(app)
        await pilot.press("enter")
        await settled(pilot)
        assert hall.choices[-1] == Choice(save="friday")
        assert app.play.controller.view is not None
        assert app.play.controller.view.current.command == "take matches"
        app.play.query_one(Prompt).value = "/start"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, StartScreen))


async def test_what_cannot_be_played_is_said_and_the_start_stays(hall: Hall) -> None:
    app = hall.app()
    async with app.run_test() as pilot:
        await looked(pilot)
        await pilot.press("down", "down", "enter")  # past the tour and the tutorial
        await pilot.pause()
        assert isinstance(app.screen, StartScreen)
        assert [note.message for note in app._notifications] == ["no honey today (take the tour)"]
        hall.fails = ModelError("the model has gone")
        await pilot.press("home", "enter")
        await until(pilot, lambda: len(app._notifications) == 2)
        await until(pilot, lambda: isinstance(app.screen, StartScreen))
        assert [note.message for note in app._notifications][1:] == ["the model has gone"], "said once"
        hall.fails = None
        await pilot.press("enter")
        await settled(pilot)
        assert isinstance(app.screen, PlayScreen)


async def test_leaving_while_a_game_opens_waits_for_it_and_answers_keys(hall: Hall) -> None:
    app = hall.app()
    hall.gate.clear()
    async with app.run_test() as pilot:
        await looked(pilot)
        await pilot.press("enter")
        left = asyncio.create_task(pilot.press("f10"))
        await asyncio.sleep(0.1)
        assert not left.done(), "what is being opened is waited for, and the screen lives"
        hall.gate.set()
        await left
        await until(pilot, lambda: isinstance(app.screen, StartScreen))


async def test_a_missing_model_is_offered_and_what_goes_wrong_is_told(
    hall: Hall, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    app = hall.app()
    async with app.run_test() as pilot:
        await looked(pilot)
        assert "not on this machine" in str(app.screen.query_one("#start-model", Static).render())
        assert "sandbox model pull" in agent(app)
        await pilot.press("f")
        await until(pilot, lambda: len(app._notifications) == 1)
        assert "not on this machine" in str(app.screen.query_one("#start-model", Static).render())


def test_the_best_score_is_the_highest_of_any_branch(save: Path) -> None:
    session = Session.create(Store.create(save), Lighthouse(), {"keeper": None}, seed=0)
    assert lobby.best_score(session.timeline) is None
    session.act("look")
    assert lobby.best_score(session.timeline) == 0
    session.act("take matches")
    session.undo()
    session.act("go north")
    assert lobby.best_score(session.timeline) == 1
    session.close()


async def test_a_game_begun_by_name_is_left_for_the_start_too(hall: Hall) -> None:
    start = Lobby(lambda: lobby.look(hall.home), hall.choose, hall.fetch, "lm-q", lobby.TOUR)
    app = SandboxApp(Sitting(hall._open, Title("lighthouse", save="friday")), Settings(speed=20.0), start)
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "take matches")
        await pilot.press("f10")
        await looked(pilot)
        await pilot.press("enter")
        await settled(pilot)
        assert hall.choices == [Choice(save="friday")]
        assert app.play.controller.view is not None
        assert app.play.controller.view.current.command == "take matches"


async def test_a_game_with_no_start_screen_says_so(hall: Hall) -> None:
    app = SandboxApp(Sitting(hall._open, Title("lighthouse", save="friday")), Settings(theme="nosuch"))
    async with app.run_test() as pilot:
        await settled(pilot)
        await pilot.press("f10")
        await pilot.pause()
        assert isinstance(app.screen, PlayScreen)
        theme, alone = (note.message for note in app._notifications)
        assert alone == "Leave with /quit first; then:  sandbox play"
        assert "no theme 'nosuch'" in theme
        assert "high-contrast" in theme
        assert "textual-dark" in theme
