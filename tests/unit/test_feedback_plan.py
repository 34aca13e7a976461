"""Who is asked what: quotas, assignment, questions with known answers, orders."""

from __future__ import annotations

from collections import Counter
from itertools import pairwise
from pathlib import Path

import pytest
from play_parts import CaveWorld, TableAgent

from sandbox.errors import UsageError
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.dataset import Material, examples
from sandbox.feedback.plan import RatingPlan, read_plan
from sandbox.feedback.queue import Question, questions, verdicts
from sandbox.session.players import Seating
from sandbox.session.review import Review
from sandbox.session.session import Session
from sandbox.store import Store


@pytest.fixture
def session() -> Session:
    made = Session.create(
        Store.memory(), CaveWorld(length=10**6), {"digger": TableAgent(epsilon=1)}, seed=3, learn=False
    )
    for _ in range(200):
        if made.done:
            made.new_episode()
        made.step()
    return made


def asked(session: Session, annotator: str, plan: RatingPlan) -> list[Question]:
    standing = FeedbackBook(session.store.feedback()).standing()
    return questions([(session.timeline, standing)], annotator, plan=plan)


def answer(session: Session, annotator: str, some: list[Question], place: int = 0) -> None:
    book = FeedbackBook(session.store.feedback())
    review = Review(session.store, session.timeline, book, annotator=annotator, seating=Seating({}), learn=False)
    for question in some:
        for each in verdicts(question, place):
            review.prefer_proposal(each.better, each.worse, turn=question.turn, shown=question.places)


def test_each_question_is_assigned_to_as_many_raters_as_were_asked_for(session: Session) -> None:
    plan = RatingPlan(overlap=2, raters=("ann", "bo", "cy", "di"))
    share = {name: {question.key for question in asked(session, name, plan)} for name in plan.raters}
    every = {question.key for question in asked(session, "x", RatingPlan())}
    counted = Counter(key for keys in share.values() for key in keys)
    assert set(counted) == every and set(counted.values()) == {2}
    assert all(len(keys) < 0.8 * len(every) for keys in share.values()), "the work is spread"
    assert share["ann"] == {question.key for question in asked(session, "ann", plan)}
    assert asked(session, "stranger", plan) == []


def test_without_names_a_question_is_asked_until_enough_have_answered(session: Session) -> None:
    plan = RatingPlan(overlap=2)
    every = len(asked(session, "ann", plan))
    for name in ("ann", "bo"):
        answer(session, name, asked(session, name, plan)[:5])
    done = {question.key for question in asked(session, "x", RatingPlan()) if len(question.others) == 2}
    left = {question.key for question in asked(session, "cy", plan)}
    assert not done & left and len(left) + len(done) == every


def test_known_questions_are_mixed_in_at_the_rate_and_are_not_marked(session: Session) -> None:
    answer(session, "gold", asked(session, "gold", RatingPlan())[:8])
    plan = RatingPlan(gold=0.2)
    queue = asked(session, "ann", plan)
    places = [place for place, question in enumerate(queue) if question.gold is not None]
    assert len(places) == min(8, round(len(queue) / 5)) and places[0] > 0
    assert {after - before for before, after in pairwise(places)} == {5}
    assert all(question.others == () for question in queue), "the key is nobody's vote"


def test_orders_are_each_raters_own_and_stay(session: Session) -> None:
    plan = RatingPlan(order="shuffled")
    ann, bo = (asked(session, name, plan) for name in ("ann", "bo"))
    assert [each.key for each in ann] != [each.key for each in bo]
    sides = {each.key: each.commands for each in bo}
    differ = sum(sides[each.key] != each.commands for each in ann)
    assert differ > len(ann) / 2, "and so are the sides"
    assert ann == asked(session, "ann", plan)
    assert [each.key for each in asked(session, "ann", RatingPlan(order="shuffled", seed=1))] != [
        each.key for each in ann
    ]


def test_what_should_have_been_among_the_candidates_is_better_than_all_of_them(session: Session) -> None:
    question = asked(session, "ann", RatingPlan())[0]
    book = FeedbackBook(session.store.feedback())
    review = Review(session.store, session.timeline, book, annotator="ann", seating=Seating({}), learn=False)
    for each in verdicts(question, "bad"):
        about = {"instead": "climb", "asked": 1}
        review.prefer_proposal(each.better, each.worse, turn=question.turn, verdict=each.verdict, about=about)
    made = examples(Material.of(session.store), "dpo")
    assert {row.row["chosen"] for row in made} == {" climb\n"}
    assert {row.row["rejected"] for row in made} == {f" {command}\n" for command in question.commands}


def test_a_plan_is_read_and_what_is_wrong_is_named_with_its_line(tmp_path: Path) -> None:
    file = tmp_path / "rating.yaml"
    file.write_text("guidelines: |\n  Judge it.\n  Take your time.\noverlap: 3\nreasons: [safer, shorter]\n")
    plan = read_plan(file)
    assert (plan.overlap, plan.reasons) == (3, ("safer", "shorter")) and "Take your time." in plan.guidelines
    assert plan.version != read_plan(file).model_copy(update={"guidelines": "Other."}).version
    file.write_text("overlap: 3\ngold: 7\n")
    with pytest.raises(UsageError, match=r"rating\.yaml:2: gold"):
        read_plan(file)
    file.write_text("overlap: &a [*a]\n")
    with pytest.raises(UsageError):
        read_plan(file)
    with pytest.raises(UsageError, match="cannot be read"):
        read_plan(tmp_path / "none.yaml")
