"""The round screen, key by key. Save, adapters and the round's folder are real, its process is not."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from conftest import Weigher, open_session, screen_text, settled, typed, until
from textual.app import App
from textual.binding import Binding
from textual.pilot import Pilot
from textual.widgets import ContentSwitcher, Input, Sparkline

from sandbox.config import Settings
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.contest import Bout
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.tui.app import SandboxApp
from sandbox.tui.contest_rating import ContestController, OpenContest
from sandbox.tui.palette import KeyCommands
from sandbox.tui.screens.rate import RateScreen
from sandbox.tui.screens.round import KEYS, RoundScreen
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets import round_pages
from sandbox.tui.widgets.header import Title
from sandbox.tui.widgets.status import Status
from sandbox.tune import gate, rounds
from sandbox.tune.adapters import Adapters, describe
from sandbox.tune.errors import RoundError
from sandbox.tune.round_view import RoundView, fold
from sandbox.tune.rounds import Round, RoundEvent, RoundPlan
from sandbox.tune.settings import Method
from sandbox.tune.settings import TrainingSettings as Training
from sandbox.tune.survey import evaluated, suggested
from sandbox.types import Decision, History, Observation

SIZES = pytest.mark.parametrize("size", [(80, 24), (120, 36)])
CARD = "model: smollm2-135m-instruct\ncombine:\n  method: prior\n"
WIN = ("take matches", "go north", "go up", "light lamp")


class StagedRound(Round):
    """A round that does what it is told: the test writes its events, and says when its process is gone."""

    alive = True

    @property
    def running(self) -> bool:
        return self.alive

    def happens(self, kind: str, **data: Any) -> None:
        with (self.folder / "events.jsonl").open("a", encoding="utf-8") as file:
            file.write(json.dumps({"event": kind, "at": time.time(), **data}) + "\n")

    def ends(self, kind: str, **data: Any) -> None:
        self.happens(kind, **data)
        self.alive = False


class Stage:
    """Starts rounds in the place of `rounds.start`."""

    def __init__(self) -> None:
        self.started: list[tuple[RoundPlan, bool]] = []
        self.resumed: list[int] = []
        self.round: StagedRound | None = None

    def start(self, plan: RoundPlan, *, trial: bool = False) -> StagedRound:
        self.started.append((plan, trial))
        folder = plan.save / "rounds" / str(len(self.started))
        folder.mkdir(parents=True)
        (folder / "plan.json").write_text(plan.model_dump_json())
        if trial:
            (folder / "trial").touch()
        self.round = StagedRound(folder)
        self.round.happens("started", method=plan.settings.method, model=plan.model, parent=plan.parent)
        return self.round

    def resume(self, round_: Round) -> StagedRound:
        self.resumed.append(round_.number)
        self.round = StagedRound(round_.folder)
        self.round.happens("started", method="sft", model="m", parent="base")
        return self.round


@pytest.fixture
def stage(monkeypatch: pytest.MonkeyPatch) -> Stage:
    made = Stage()
    monkeypatch.setattr(rounds, "start", made.start)
    monkeypatch.setattr(rounds, "resume", made.resume)
    return made


def contest(save: Path) -> OpenContest:
    """Adapters are told apart by the direction that they prefer."""

    class Prefers(Weigher):
        def __init__(self, adapter: str) -> None:
            super().__init__()
            self.model = f"m@{adapter}"

        def decide(
            self, observation: Observation, history: History, *, seed: int, explore: bool = True
        ) -> Decision:
            decision = super().decide(observation, history, seed=seed, explore=explore)
            chosen = 0 if self.model == "m@base" else len(decision.proposals) - 1
            return replace(decision, chosen=chosen, agent=self.name, model=self.model)

    @contextmanager
    def opened(sides: tuple[str, str], say: Callable[[str], None]) -> Iterator[Bout]:
        with Store.open(save, readonly=True) as store:
            one, other = ({"keeper": Prefers(side)} for side in sides)
            yield Bout(timeline=store.timeline(), sides=(one, other), records=store.feedback())

    return opened


OpenApp = Callable[..., SandboxApp]


@pytest.fixture
def open_app(save: Path, tmp_path: Path) -> OpenApp:
    """An application over a save in which some commands were given, and some of them rated."""

    def plan(method: Method, **more: Any) -> RoundPlan:
        adapters = Adapters.of(save)
        return RoundPlan(
            home=tmp_path,
            save=save,
            saves=(save,),
            card=CARD,
            model="smollm2-135m-instruct",
            parent=adapters.active,
            settings=Training.for_method(method),
            **more,
        )

    def make(agent: Weigher | None = None, *, commands: Sequence[str] = WIN, rating: float = 1.0) -> SandboxApp:
        def factory(say: Callable[[str], None]) -> Session:
            session = open_session(save, agent)
            for command in commands:
                session.act(command)
                session.rate(rating)
            if session.done:
                session.new_episode()
            return session

        return SandboxApp(
            Sitting(factory, Title("lighthouse", save="friday"), plan, contest(save)), Settings(speed=20.0)
        )

    return make


async def opened(pilot: Pilot[object]) -> RoundScreen:
    """The round screen, when it knows what there is."""
    await settled(pilot)
    await pilot.press("f9")
    await until(pilot, lambda: isinstance(pilot.app.screen, RoundScreen))
    screen = pilot.app.screen
    assert isinstance(screen, RoundScreen)
    await until(pilot, lambda: screen._controller.offer is not None)
    await pilot.pause()
    return screen


async def at(pilot: Pilot[object], page: str) -> None:
    await until(pilot, lambda: pilot.app.screen.query_one("#round-pages", ContentSwitcher).current == page)
    await pilot.pause()


def notices(app: App[object]) -> list[str]:
    return [notice.message for notice in app._notifications]


def outcome(won: int) -> gate.GateResult:
    """Of 8 games, none was won before."""

    def side(won: int) -> gate.Side:
        return gate.Side(episodes=8, won=won, score=won / 8, steps=25.0 - won, steps_won=4.0 if won else None)

    share = gate.Bounds(value=won / 8, low=won / 8 - 0.1, high=won / 8 + 0.1)
    return gate.GateResult(
        before=side(0),
        after=side(won),
        won=share,
        score=share,
        steps=gate.Bounds(value=-won, low=-won - 1, high=-won + 1),
        verdict="better" if won else "worse",
        passed=won > 0,
        reason=f"score {won / 8:+.0%}: {'better' if won else 'worse'}",
    )


def trained(stage: Stage, save: Path, won: int = 6) -> str:
    """The round makes an adapter and comes to its end."""
    assert stage.round is not None
    adapters = Adapters.of(save)
    name = adapters.new_id("sft")
    about = describe(name, model="m", method="sft", data="ab" * 32, settings={}, outcome=outcome(won))
    adapters.publish(about, b"weights", {})
    stage.round.happens("gate", outcome=outcome(won).model_dump(), perplexity=(30.0, 31.5))
    stage.round.ends("finished", adapter=name, passed=won > 0)
    return name


@SIZES
async def test_it_shows_what_there_is_to_learn_from(open_app: OpenApp, size: tuple[int, int]) -> None:
    app = open_app(Weigher())
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        shown = screen_text(app)
        assert "friday" in shown
        assert "lm@base" in shown
        assert "won with a person's hand 1" in shown
        assert "rated 4" in shown
        assert "lighthouse 5" in shown
        assert "ada 4" in shown
        assert "● 1 sft" in shown
        assert "8 commands" in shown
        assert "  0 different preferences or corrections, at least 8 are needed  " in shown
        assert pilot.app.screen.query_one(Input).value == "lighthouse"
        assert "Enter Start" in shown or "⏎ Start" in shown or "enter Start" in shown
        assert "Esc Game" in shown


@SIZES
async def test_too_little_is_said_with_what_to_do(open_app: OpenApp, stage: Stage, size: tuple[int, int]) -> None:
    app = open_app(None, commands=())
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        assert "nothing yet: play on, correct the agent" in screen_text(app)
        await pilot.press("3")
        await pilot.pause()
        assert "● 3 kto" in screen_text(app)
        assert "→ rate some turns with + and −" in screen_text(app)
        await pilot.press("enter")
        await pilot.pause()
        assert any("rate some turns with + and −" in each for each in notices(app))
        assert stage.started == []


@SIZES
async def test_a_round_runs_while_the_game_goes_on_and_is_accepted(
    open_app: OpenApp, stage: Stage, save: Path, size: tuple[int, int]
) -> None:
    agent = Weigher()
    app = open_app(agent)
    async with app.run_test(size=size) as pilot:
        await opened(pilot)
        await pilot.press("enter", "enter", "t")
        await at(pilot, "round-work")
        (plan, trial), *twice = stage.started
        assert not twice
        assert not trial
        assert plan.settings.method == "sft"
        assert plan.eval_worlds == ("lighthouse",)
        assert len(plan.eval_seeds) == 46
        round_ = stage.round
        assert round_ is not None
        round_.happens("data", examples=5)
        await until(pilot, lambda: "0 won of 0 played, 46 in all" in screen_text(app))
        for done in (1, 2):
            round_.happens(
                "episode", side="before", done=done, of=8, world="lighthouse", won=done == 2, score=0, steps=25
            )
        await until(pilot, lambda: "1 won of 2 played, 8 in all" in screen_text(app))
        assert "playing before 2 of 8" in screen_text(app)
        round_.happens("estimate", seconds=600.0, steps=12, tokens_per_second=300.0)
        for step, loss in ((1, 2.0), (2, 1.5), (3, 0.75)):
            round_.happens("step", step=step, of=12, loss=loss, tokens_per_second=1, seconds_left=240, note="")
        await until(pilot, lambda: "2.000 at first, 0.750 now" in screen_text(app))
        assert "training 3 of 12" in screen_text(app)
        assert "about 4 min" in screen_text(app)
        assert app.screen.query_one(Sparkline).data == (2.0, 1.5, 0.75)

        await pilot.press("escape")
        await until(pilot, lambda: app.screen is app.play)
        assert "round 1: training 25%, 4 min left" in str(app.play.query_one(Status).render())
        await typed(pilot, "go north")
        assert "turn 1" in screen_text(app)
        trained(stage, save)
        await until(pilot, lambda: "round 1 is done: F9" in str(app.play.query_one(Status).render()))
        assert "Round 1 is done: F9" in notices(app)

        await pilot.press("f9")
        await until(pilot, lambda: "It made sft-1" in screen_text(app))
        shown = screen_text(app)
        assert "won               0 of 8    6 of 8   +75% [+65%, +85%]" in shown
        assert "steps" in shown
        assert "✓ score +75%: better" in shown
        assert "30.0 before, 31.5 after" in shown
        before = agent.decisions
        await pilot.press("a")
        await at(pilot, "round-prepare")
        assert Adapters.of(save).active == "sft-1"
        await until(pilot, lambda: "lm@sft-1" in screen_text(app))
        await until(pilot, lambda: agent.decisions > before)
        assert not str(app.play.query_one(Status).round)

        await pilot.press("b")
        await until(pilot, lambda: "lm@base" in screen_text(app))
        assert Adapters.of(save).active == "base"
        await until(pilot, lambda: "b Roll back" not in screen_text(app))


async def test_old_and_new_adapter_are_judged_blindly_while_the_game_is_open(
    open_app: OpenApp, stage: Stage, save: Path
) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        assert not screen.offers("compare")
        await pilot.press("enter")
        await at(pilot, "round-work")
        trained(stage, save)
        await at(pilot, "round-result")
        assert screen.sides == ("base", "sft-1")
        await pilot.press("v")
        await until(pilot, lambda: isinstance(app.screen, RateScreen) and app.screen.controller.asked is not None)
        judging = app.screen
        assert isinstance(judging, RateScreen)
        controller = judging.controller
        assert isinstance(controller, ContestController)
        await until(pilot, lambda: controller._ended or len(controller._pairs) == 3)
        await pilot.press("1", "2", "u", "equals_sign")
        await pilot.press("n")
        await until(pilot, lambda: "Which is which" in screen_text(app))
        assert "q-table@base" in screen_text(app)
        assert "q-table@sft-1" in screen_text(app)
        await pilot.press("q")
        await at(pilot, "round-result")
        assert any("Blind A/B: q-table@" in each for each in notices(app))
        await until(pilot, lambda: not app.play.controller.pending)
        await pilot.press("a")
        await at(pilot, "round-prepare")
        await until(pilot, lambda: screen.sides == ("base", "sft-1"))
    with Store.open(save, readonly=True) as store:
        said = [record for record in FeedbackBook(store.feedback()).standing() if record.kind == "comparison"]
        assert [record.data["verdict"] for record in said] == ["better", "tie"]
        assert {each.decision.model for each in store.unplayed()} == {"m@base", "m@sft-1"}


async def test_an_adapter_that_is_worse_is_rejected(open_app: OpenApp, stage: Stage, save: Path) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await at(pilot, "round-work")
        trained(stage, save, won=0)
        await at(pilot, "round-result")
        assert "! score +0%: worse" in screen_text(app)
        await pilot.press("r")
        await at(pilot, "round-prepare")
        assert list(Adapters.of(save)) == []
        await until(pilot, lambda: any("deleted" in each for each in notices(app)))


async def test_what_was_kept_can_be_judged_later(open_app: OpenApp, stage: Stage, save: Path) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        assert not screen.offers("latest")
        await pilot.press("enter")
        await at(pilot, "round-work")
        trained(stage, save)
        await at(pilot, "round-result")
        await pilot.press("k")
        await at(pilot, "round-prepare")
        assert [about.id for about in Adapters.of(save)] == ["sft-1"]
        assert Adapters.of(save).active == "base"
        await until(pilot, lambda: screen.offers("latest"))
        await pilot.press("l")
        await at(pilot, "round-result")
        await pilot.press("a")
        await until(pilot, lambda: Adapters.of(save).active == "sft-1")


async def test_a_round_is_cancelled_and_goes_on(open_app: OpenApp, stage: Stage) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        await pilot.press("enter")
        await at(pilot, "round-work")
        round_ = stage.round
        assert round_ is not None
        await pilot.press("x")
        await until(pilot, (round_.folder / "cancel").exists)
        round_.happens("step", step=1, of=12, loss=2.0, tokens_per_second=1, seconds_left=240, note="")
        await pilot.pause(0.6)
        assert "stopping after this step" in screen_text(app)
        round_.ends("cancelled", message="stopped")
        await at(pilot, "round-result")
        assert "It was cancelled." in screen_text(app)
        assert "a Accept" not in screen_text(app)
        await pilot.press("k")
        await at(pilot, "round-prepare")
        await until(pilot, lambda: "round 1   stopped before its end; c goes on with it" in screen_text(app))
        assert "b Roll back" not in screen_text(app)
        await pilot.press("c")
        await at(pilot, "round-work")
        assert stage.resumed == [1]
        assert "stopping" not in screen_text(app)


async def test_what_goes_wrong_is_one_line(
    open_app: OpenApp, stage: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        screen = await opened(pilot)
        await pilot.press("enter")
        await at(pilot, "round-work")
        assert stage.round is not None
        stage.round.ends("failed", message="the disk is full", hint="make room and resume the round")
        await at(pilot, "round-result")
        assert "the disk is full (make room and resume the round)" in screen_text(app)
        await pilot.press("k")
        await at(pilot, "round-prepare")
        await until(pilot, lambda: screen.offers("resume"))

        def refuse(plan: RoundPlan, *, trial: bool = False) -> Round:
            raise RoundError("another round is running", hint="wait for it, or cancel it first")

        monkeypatch.setattr(rounds, "start", refuse)
        await pilot.press("enter")
        await until(pilot, lambda: any("another round is running" in each for each in notices(app)))
        await pilot.press("w")
        app.screen.query_one(Input).value = "tw:nonsense"
        await pilot.press("enter", "enter")
        await until(pilot, lambda: any("nonsense" in each for each in notices(app)))


async def test_one_step_is_timed_first(open_app: OpenApp, stage: Stage) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await opened(pilot)
        assert "unknown; t times one step" in screen_text(app)
        await pilot.press("t")
        await at(pilot, "round-work")
        assert stage.started[0][1]
        assert stage.round is not None
        stage.round.happens("estimate", seconds=150.0, steps=9, tokens_per_second=300.0)
        stage.round.ends("estimated")
        await at(pilot, "round-prepare")
        assert "training takes about 2 min (9 steps)" in screen_text(app)
        assert not str(app.play.query_one(Status).round)
        await pilot.press("2")
        await pilot.pause()
        assert "unknown; t times one step" in screen_text(app)


async def test_without_a_save_there_is_nothing_to_learn_from(save: Path) -> None:
    app = SandboxApp(Sitting(lambda say: open_session(save, None), Title("lighthouse")))
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        await pilot.press("f9")
        await until(pilot, lambda: "kept in no save" in screen_text(app))
        assert not notices(app), "it is said once"
        await pilot.press("enter", "escape")
        await until(pilot, lambda: app.screen is app.play)


async def test_the_verb_opens_it_too_and_the_palette_has_its_keys(open_app: OpenApp) -> None:
    app = open_app()
    async with app.run_test(size=(80, 24)) as pilot:
        await settled(pilot)
        app.play.query_one("#prompt", Input).value = "/tune"
        await pilot.press("enter")
        await until(pilot, lambda: isinstance(app.screen, RoundScreen) and app.screen.offers("start"))
        found = {hit.help async for hit in KeyCommands(app.screen).discover()}
        assert {"t", "w", "Esc"} <= found
        assert "x" not in found


def test_every_key_has_a_name_and_says_what_it_does() -> None:
    assert all(isinstance(binding, Binding) and binding.id and binding.tooltip for binding in RoundScreen.BINDINGS)
    assert len({key.id for key in KEYS}) == len(KEYS)
    for key in KEYS:
        assert hasattr(RoundScreen, f"action_{key.action.split('(')[0]}"), key


# Values.


def test_games_to_evaluate_on_were_not_seen() -> None:
    assert suggested("lighthouse", {}) == "lighthouse"
    assert suggested("tw:coin?level=3&seed=1", {}) == "tw:custom?quest=3..4&seed=1001..1023"
    seen = {"tw:custom?quest=3&seed=1002": 2}
    assert suggested("tw:coin?level=3&seed=1", seen) == "tw:custom?quest=3..4&seed=1024..1046"
    games = evaluated(suggested("tw:coin?level=3&seed=1", seen))
    assert isinstance(games["eval_worlds"], tuple)
    assert len(games["eval_worlds"]) == 46
    assert games["eval_seeds"] == (0,)
    assert evaluated("")["eval_worlds"] == ()
    assert evaluated("lighthouse honey")["eval_seeds"] == tuple(range(1001, 1024))


def test_a_resumed_round_forgets_how_it_ended_and_goes_on_with_its_losses() -> None:
    def step(number: int, loss: float) -> RoundEvent:
        return RoundEvent("step", 10.0 + number, {"step": number, "of": 4, "loss": loss, "seconds_left": 5.0})

    events = [
        RoundEvent("started", 1.0, {}),
        step(1, 3.0),
        step(2, 2.0),
        RoundEvent("failed", 13.0, {"message": "the disk is full", "hint": ""}),
        RoundEvent("started", 20.0, {}),
        step(2, 2.5),
    ]
    view = fold(RoundView(number=1, method="sft"), events)
    assert view.losses == (3.0, 2.5)
    assert not view.over
    assert view.trouble == ""
    assert view.ended("interrupted").end == "interrupted"
    assert "stopped: F9" in round_pages.brief(view.ended("interrupted")).plain


def test_the_games_still_to_play_count_as_time_left() -> None:
    game = {"side": "before", "of": 2, "won": False, "score": 0, "steps": 3}
    events = [
        RoundEvent("episode", 100.0, {**game, "done": 1}),
        RoundEvent("episode", 107.0, {**game, "done": 2}),
        RoundEvent("step", 110.0, {"step": 1, "of": 4, "loss": 1.0, "seconds_left": 30.0}),
    ]
    view = fold(RoundView(number=1, method="sft"), events)
    assert view.seconds_left == 30.0 + 2 * 7.0
    after = fold(view, [RoundEvent("episode", 200.0, {**game, "side": "after", "done": 1})])
    assert after.seconds_left == 7.0
