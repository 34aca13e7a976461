"""Rating on the screen, key by key, into a real save."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import Weigher, open_session
from textual.widgets import Static

from sandbox.cli.rate import queue_of, review_of
from sandbox.play.feedback import FeedbackBook
from sandbox.play.rating import Queue
from sandbox.play.store import Store
from sandbox.tui.rate_app import RateApp
from sandbox.tui.rate_desk import QueueDesk


@pytest.fixture
def store(save: Path) -> Store:
    session = open_session(save, Weigher())
    for command in ("take matches", "go north", "go up"):
        session.act(command, decision=session.decide())
    session.close()
    return Store.open(save)


def app_for(store: Store, annotator: str = "bo") -> RateApp:
    reviews = [review_of(store, annotator)]
    return RateApp(QueueDesk(reviews, queue_of(reviews)))


def queue_in(app: RateApp) -> Queue:
    assert isinstance(app.rate.desk, QueueDesk)
    return app.rate.desk.queue


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
