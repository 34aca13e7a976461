"""Rating on the screen, key by key, into a real save."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
from conftest import Weigher, open_session, screen_text, until
from textual.binding import Binding
from textual.widgets import Static

from sandbox.cli.rate import queue_of, review_of
from sandbox.config import Settings
from sandbox.errors import UsageError
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.contest import Bout
from sandbox.feedback.plan import RatingPlan
from sandbox.feedback.queue import Queue
from sandbox.store import Store
from sandbox.tui.contest_rating import ContestController
from sandbox.tui.palette import KeyCommands
from sandbox.tui.queue_rating import QueueController
from sandbox.tui.rate_app import RateApp
from sandbox.tui.screens.help import HelpScreen
from sandbox.tui.screens.rate import KEYS, RateScreen
from sandbox.types import Decision, History, Observation


@pytest.fixture
def store(save: Path) -> Store:
    session = open_session(save, Weigher())
    for command in ("take matches", "go north", "go up"):
        session.act(command, decision=session.decide())
    session.close()
    return Store.open(save)


def app_for(store: Store, annotator: str = "bo") -> RateApp:
    reviews = [review_of(store, annotator)]
    return RateApp(QueueController(reviews, queue_of(reviews)))


def queue_in(app: RateApp) -> Queue:
    assert isinstance(app.rate.controller, QueueController)
    return app.rate.controller.queue


def shown(app: RateApp, widget: str) -> str:
    return str(app.rate.query_one(widget, Static).render())


def standing(store: Store) -> list[tuple[int, str, str]]:
    return [
        (record.turn, record.data["verdict"], record.annotator)
        for record in FeedbackBook(store.feedback()).standing()
    ]


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_a_key_says_which_is_best_and_u_takes_it_back(store: Store, size: tuple[int, int]) -> None:
    app = app_for(store)
    async with app.run_test(size=size) as pilot:
        await pilot.pause()
        question = queue_in(app).current
        assert question is not None
        assert "1/3  0 rated" in shown(app, "#rate-header")
        assert "Which is best for keeper?" in shown(app, "#rate-answers")
        for number, command in enumerate(question.commands, start=1):
            assert f"{number} {command}" in shown(app, "#rate-answers")
        await pilot.press("2")
        await pilot.pause()
        assert "2/3  1 rated" in shown(app, "#rate-header")
        best = question.places[1]
        records = FeedbackBook(store.feedback()).standing()
        assert {record.data["better"] for record in records} == {best}
        assert {record.data["worse"] for record in records} == set(question.places) - {best}
        assert all(record.latency is not None and record.annotator == "bo" for record in records)
        await pilot.press("u")
        await pilot.pause()
        assert standing(store) == []
        assert "1/3  0 rated" in shown(app, "#rate-header")
    store.close()


async def test_ties_bad_ones_and_skipped_ones(store: Store) -> None:
    app = app_for(store)
    async with app.run_test() as pilot:
        await pilot.pause()
        turns = [question.turn for question in queue_in(app).questions]
        await pilot.press("equals_sign", "0", "s")
        await pilot.pause()
        said = {(turn, verdict) for turn, verdict, _ in standing(store)}
        assert said == {(turns[0], "tie"), (turns[1], "bad")}
        assert "That is all" in shown(app, "#rate-text")
        await pilot.press("1", "0", "s")
        assert {(turn, verdict) for turn, verdict, _ in standing(store)} == said
        await pilot.press("u", "u")
        await pilot.pause()
        assert {(turn, verdict) for turn, verdict, _ in standing(store)} == {(turns[0], "tie")}
        await pilot.press("q")
    store.close()


async def test_a_number_without_a_candidate_says_nothing(store: Store) -> None:
    app = app_for(store)
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("9")
        await pilot.pause()
        assert standing(store) == []
        assert "1/3" in shown(app, "#rate-header")
    store.close()


async def test_nothing_on_the_screen_tells_what_the_agent_chose(store: Store) -> None:
    app = app_for(store)
    async with app.run_test() as pilot:
        await pilot.pause()
        assert "MIND YOUR HEAD" in shown(app, "#rate-text")
        assert "agent" not in shown(app, "#rate-answers") + shown(app, "#rate-header")
        question = queue_in(app).current
        assert question is not None
        await pilot.press(str((question.chosen or 0) + 1))
        await pilot.pause()
        assert "agent" not in shown(app, "#rate-header"), "not during the pass either"
        await pilot.press("s", "s")
        await pilot.pause()
        assert "1/1 as the agent" in shown(app, "#rate-header")
    store.close()


async def test_agreement_with_others_is_shown_once_both_have_said(store: Store) -> None:
    app = app_for(store, "ann")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("1", "1", "1")
        await pilot.pause()
    app = app_for(store, "bo")
    async with app.run_test() as pilot:
        await pilot.pause()
        await pilot.press("1", "2", "s")
        await pilot.pause()
        assert "1/2 as the others" in shown(app, "#rate-header")
    store.close()


class Wanting(Weigher):
    """Looks wherever it is, or never does."""

    def __init__(self, adapter: str, *, looks: bool) -> None:
        super().__init__()
        self.name, self.model, self.looks = "lm", f"m@{adapter}", looks

    def decide(self, observation: Observation, history: History, *, seed: int, explore: bool = True) -> Decision:
        decision = super().decide(observation, history, seed=seed, explore=explore)
        wanted = next(k for k, each in enumerate(decision.proposals) if (each.command == "look") == self.looks)
        return replace(decision, chosen=wanted, agent="lm", model=self.model)


@contextmanager
def bout(folder: Path, say: Callable[[str], None], gate: threading.Event | None = None) -> Iterator[Bout]:
    say("loading")
    one, other = Wanting("base", looks=True), Wanting("sft-1", looks=False)
    one.gate = other.gate = gate
    with Store.open(folder, readonly=True) as store:
        records = FeedbackBook(store.feedback()).standing()
        yield Bout(timeline=store.timeline(), sides=({"keeper": one}, {"keeper": other}), records=records, seed=7)


def compared(store: Store) -> list[tuple[str, str, str]]:
    """Verdict, better and worse command of what stands."""
    records = FeedbackBook(store.feedback()).standing()
    return [
        (each.data["verdict"], each.data["better"]["command"], each.data["worse"]["command"]) for each in records
    ]


def contest_app(store: Store, save: Path, gate: threading.Event | None = None) -> RateApp:
    review = review_of(store, "bo")
    return RateApp(ContestController(partial(bout, save, gate=gate), lambda job: job(review), annotator="bo"))


@pytest.fixture
def long_store(save: Path) -> Store:
    session = open_session(save, None)
    for command in ("go north", "go up", "go down", "go south", "take matches", "go north", "go up"):
        session.act(command)
    session.close()
    return Store.open(save)


@pytest.mark.parametrize("size", [(80, 24), (120, 36)])
async def test_two_answers_are_judged_blindly_until_the_names_are_asked_for(
    long_store: Store, save: Path, size: tuple[int, int]
) -> None:
    app = contest_app(long_store, save)
    async with app.run_test(size=size) as pilot:
        controller = app.rate.controller
        assert isinstance(controller, ContestController)
        await until(pilot, lambda: controller.asked is not None)
        await pilot.pause()
        told, keys = "", []
        while controller.asked is not None:
            told += shown(app, "#rate-header") + shown(app, "#rate-answers") + shown(app, "#rate-text")
            keys.append(str(1 + (controller.asked.answers[0] == "look")))
            await pilot.press(keys[-1])
            await until(pilot, lambda: controller.asked is not None or controller._ended)
            await pilot.pause()
        assert set(keys) == {"1", "2"}, "either may come first"
        assert {(verdict, worse) for verdict, _, worse in compared(long_store)} == {("better", "look")}
        assert len(keys) == 6, "each state once"
        assert not any(name in told for name in ("base", "sft-1", "lm"))
        await pilot.press("u")
        await pilot.pause()
        await pilot.press("equals_sign")
        await pilot.pause()
        assert compared(long_store)[-1][0] == "tie"
        assert {each.decision.model for each in long_store.unplayed()} == {"m@base", "m@sft-1"}
        assert "n shows which is which" in shown(app, "#rate-text")
        await pilot.press("n")
        await pilot.pause()
        result = shown(app, "#rate-text")
        won = len(keys) - 1
        assert f"lm@sft-1                {won} of {won}" in result
        assert f"lm@sft-1 over lm@base: {won} of {won} (100%" in result
        await pilot.press("u", "1")
        assert len(compared(long_store)) == len(keys), "nothing is judged any more"
        await pilot.press("q")
    assert "lm@sft-1 over lm@base" in controller.summary()
    long_store.close()


async def test_nothing_waits_while_both_think_and_leaving_is_possible(long_store: Store, save: Path) -> None:
    gate = threading.Event()
    app = contest_app(long_store, save, gate)
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "asking both" in shown(app, "#rate-text"))
        await pilot.press("1", "equals_sign", "0", "s", "u")
        await pilot.pause()
        assert compared(long_store) == []
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        assert "Leave; all answers are saved" in screen_text(app)
        assert "Answer 1 is the best" not in screen_text(app)
        await pilot.press("escape", "q")
        gate.set()
    long_store.close()


async def test_the_running_win_rate_does_not_tell_whose_an_answer_was(long_store: Store, save: Path) -> None:
    app = contest_app(long_store, save)
    async with app.run_test(size=(80, 24)) as pilot:
        controller = app.rate.controller
        assert isinstance(controller, ContestController)
        heads = []
        for _ in range(6):
            await until(pilot, lambda: controller.asked is not None)
            heads.append(controller.head)
            assert controller.asked is not None
            await pilot.press(str(1 + (controller.asked.answers[0] == "look")))
            await pilot.pause()
        heads.append(controller.head)
        assert not any("ahead" in head for head in heads[:5])
        assert "one is ahead 5 to 0: 100% (57% to 100%)" in heads[5]
        assert "one is ahead 5 to 0" in heads[6]
    long_store.close()


async def test_what_cannot_be_opened_is_said(long_store: Store, save: Path) -> None:
    @contextmanager
    def broken(say: Callable[[str], None]) -> Iterator[Bout]:
        raise UsageError("there is no agent 'x'", hint="name another")
        yield

    review = review_of(long_store, "bo")
    app = RateApp(ContestController(broken, lambda job: job(review), annotator="bo"))
    async with app.run_test(size=(80, 24)) as pilot:
        await until(pilot, lambda: "there is no agent 'x' (name another)" in shown(app, "#rate-text"))
        await pilot.press("q")
    long_store.close()


async def test_every_key_is_in_the_help_and_the_palette(store: Store) -> None:
    app = app_for(store)
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.press("f1")
        await until(pilot, lambda: isinstance(app.screen, HelpScreen))
        listed = [key for key in KEYS if key.show and key.id != "reveal"]
        assert all(key.help in screen_text(app) for key in listed)
        assert "See which is which" not in screen_text(app)
        await pilot.press("escape")
        await pilot.pause()
        found = {str(hit.text) async for hit in KeyCommands(app.screen).discover()}
        assert found >= {key.help for key in listed}
    assert all(isinstance(binding, Binding) and binding.id and binding.tooltip for binding in RateScreen.BINDINGS)
    store.close()


@pytest.mark.parametrize("theme", ["textual-light", "high-contrast-light"])
async def test_it_can_be_read_in_the_light_and_without_colour(
    store: Store, theme: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    app = RateApp(app_for(store).rate.controller, Settings(theme=theme))
    async with app.run_test(size=(80, 24)) as pilot:
        await pilot.pause()
        for widget in ("#rate-header", "#rate-text", "#rate-answers"):
            where = app.rate.query_one(widget, Static)
            assert where.styles.color.a == 1.0
            contrast = where.rich_style.color, where.rich_style.bgcolor
            assert contrast[0] != contrast[1]
        assert f" {1} {queue_in(app).questions[0].commands[0]}" in screen_text(app), (
            "answers are numbered, not coloured"
        )
    store.close()


PLAN = RatingPlan(
    guidelines="Judge by the goal alone.",
    reasons=("safer", "shorter"),
    skip_reasons=("unclear", "too long"),
    scale=3,
)


async def test_a_plan_shows_its_guidelines_and_takes_reasons_a_scale_and_what_is_missing(store: Store) -> None:
    reviews = [review_of(store, "bo")]
    app = RateApp(QueueController(reviews, queue_of(reviews, PLAN), PLAN))
    async with app.run_test(size=(100, 30)) as pilot:
        await pilot.pause()
        assert "Judge by the goal alone." in shown(app, "#rate-text")
        await pilot.press("1")
        assert standing_kinds(store) == [], "nothing is judged before they were read"
        await pilot.press("g", "w", *"2 1", "enter", "c", *"well then", "enter")
        await pilot.pause()
        assert "shorter, safer" in shown(app, "#rate-answers") and "well then" in shown(app, "#rate-answers")
        await pilot.press("1")
        await pilot.pause()
        assert "How much better is 1?" in shown(app, "#rate-answers")
        await pilot.press("escape", "2", "3")
        await pilot.pause()
        question = queue_in(app).questions[0]
        guidelines, *said = FeedbackBook(store.feedback()).standing()
        assert (guidelines.kind, guidelines.data["words"]) == ("guidelines", PLAN.guidelines)
        assert {(each.data["better"], each.data["margin"]) for each in said} == {(question.places[1], 3)}
        assert {(each.reasons, each.comment) for each in said} == {(("shorter", "safer"), "well then")}
        assert {tuple(each.data["shown"]) for each in said} == {question.places}
        assert {each.data["guidelines"] for each in said} == {PLAN.version}
        await pilot.press("s", "2", "enter")
        await pilot.pause()
        skip = FeedbackBook(store.feedback()).standing()[-1]
        assert (skip.kind, skip.reasons, skip.data["asked"]) == ("skip", ("too long",), 2)
        await pilot.press("e", *"dive", "enter")
        await pilot.pause()
        last = FeedbackBook(store.feedback()).standing()[-1]
        assert (last.data["verdict"], last.data["instead"]) == ("bad", "dive")
        await pilot.press("u", "u")
        await pilot.pause()
        assert standing_kinds(store).count("skip") == 0 and "2/3" in shown(app, "#rate-header")
    again = queue_of([review_of(store, "bo")], PLAN).questions
    assert [each.turn for each in again] == [each.turn for each in queue_in(app).questions[1:]]
    store.close()


def standing_kinds(store: Store) -> list[str]:
    return [record.kind for record in FeedbackBook(store.feedback()).standing()]
