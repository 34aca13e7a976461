"""Agreement, held against raters whose behaviour is known."""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Mapping

import krippendorff
import pytest
from play_parts import CaveWorld, TableAgent

from sandbox.feedback import queue
from sandbox.feedback.agreement import statistics
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.dataset import Material
from sandbox.feedback.kind import BAD, TIE, Answer
from sandbox.feedback.reliability import Questions, TimedAnswer, alpha, question_alpha, raters
from sandbox.session.players import Seating
from sandbox.session.review import Review
from sandbox.session.session import Session
from sandbox.store import Store

Choose = Callable[[random.Random, int, int], int]
"""Chance, number of options, place of the right one -> place of the answer."""


def at_random(rng: random.Random, options: int, right: int) -> int:
    return rng.randrange(options)


def noisy(noise: float) -> Choose:
    def choose(rng: random.Random, options: int, right: int) -> int:
        return rng.randrange(options) if rng.random() < noise else right

    return choose


def contrary(rng: random.Random, options: int, right: int) -> int:
    return rng.choice([place for place in range(options) if place != right])


def simulated(
    people: Mapping[str, Choose], *, questions: int = 600, seed: int = 1, extra: bool = False
) -> Questions:
    """Answers to questions of three to five options that differ from question to question."""
    rng, found = random.Random(1), Questions()
    for number in range(questions):
        named = tuple(f"{number}:{option}" for option in range(rng.randint(3, 5)))
        offered = (*named, TIE, BAD) if extra else named
        right = rng.randrange(len(offered))
        for name, choose in people.items():
            choice = offered[choose(rng, len(offered), right)]
            answer = Answer(about=str(number), options=named, choice=choice, whole=True, ordered=True)
            found.add(name, TimedAnswer(answer, created=number, latency=4.0))
    return found


def alpha_of(found: Questions) -> float:
    asked = found.asked()
    return question_alpha(
        (options, {name: said.answer.choice for name, said in people.items()})
        for (_, options), people in asked.items()
    )


@pytest.mark.parametrize("extra", [False, True])
@pytest.mark.parametrize("people", [2, 10])
def test_raters_who_answer_at_random_agree_no_better_than_chance(people: int, extra: bool) -> None:
    found = simulated({str(k): at_random for k in range(people)}, extra=extra)
    assert abs(alpha_of(found)) <= 0.1


@pytest.mark.parametrize("noise", [0.1, 0.3])
@pytest.mark.parametrize("people", [2, 5])
def test_known_noise_gives_the_analytic_value(noise: float, people: int) -> None:
    """Two agree where both know, and else by chance: observed minus chance is (1 - noise)^2 of what is left."""
    found = simulated({str(k): noisy(noise) for k in range(people)}, questions=1500)
    assert alpha_of(found) == pytest.approx((1 - noise) ** 2, abs=0.05)


def test_one_contrarian_of_ten_is_seen() -> None:
    """36 of 45 pairs agree; chance agrees in the mean of one over the number of options."""
    people: dict[str, Choose] = {str(k): noisy(0) for k in range(9)}
    found = simulated(people | {"against": contrary}, questions=300)
    options = [len(key[1]) for key in found.asked()]
    chance = sum(1 / each for each in options) / len(options)
    assert alpha_of(found) == pytest.approx((36 / 45 - chance) / (1 - chance), abs=0.05)
    by_name = {each.name: each for each in raters(list(found.asked().values()), [])}
    assert by_name["against"].agreement.high < 0.05
    assert by_name["0"].agreement.value == pytest.approx(8 / 9, abs=1e-6)
    assert by_name["0"].agreement.low < 8 / 9 < by_name["0"].agreement.high


def test_where_all_always_say_the_same_they_agree() -> None:
    assert alpha_of(simulated({"a": noisy(0), "b": noisy(0)})) == 1.0
    assert math.isnan(alpha_of(simulated({"a": noisy(0)})))


def test_with_the_same_options_everywhere_it_is_close_to_krippendorffs() -> None:
    rng = random.Random(0)
    rows = [[rng.randrange(3) if rng.random() < 0.4 else truth for _ in range(4)] for truth in [0, 1, 2] * 100]
    ours = question_alpha((("0", "1", "2"), {str(k): str(value) for k, value in enumerate(row)}) for row in rows)
    theirs = krippendorff.alpha(list(zip(*rows, strict=True)), level_of_measurement="nominal")
    assert ours == pytest.approx(theirs, abs=0.02)


def test_ratings_are_the_packages_own() -> None:
    rng = random.Random(3)
    units = [{name: float(rng.randint(-2, 2)) for name in "abc" if rng.random() < 0.8} for _ in range(80)]
    table = [[unit.get(name, math.nan) for unit in units] for name in "abc"]
    theirs = krippendorff.alpha(table, level_of_measurement="interval")
    assert alpha(units, "interval") == pytest.approx(theirs, abs=1e-9)


def test_habits_pace_and_the_key_are_told_of_each_rater() -> None:
    def first(rng: random.Random, options: int, right: int) -> int:
        return 0

    found = simulated({"hasty": first, "careful": noisy(0.1), "gold": noisy(0)}, questions=300)
    by_name = {each.name: each for each in raters(list(found.asked().values()), [])}
    assert by_name["hasty"].first.value == 1 and by_name["hasty"].first_expected == pytest.approx(0.26, abs=0.02)
    assert by_name["careful"].first.value == pytest.approx(by_name["careful"].first_expected, abs=0.08)
    assert by_name["careful"].gold.value > 0.9 > 0.4 > by_name["hasty"].gold.value
    assert by_name["careful"].seconds == 4.0
    assert math.isnan(by_name["gold"].gold.value)


def played(turns: int) -> Session:
    agent = TableAgent(epsilon=1)
    session = Session.create(Store.memory(), CaveWorld(length=10**6), {"digger": agent}, seed=3, learn=False)
    for _ in range(turns):
        if session.done:
            session.new_episode()
        session.step()
    return session


def rated(session: Session, people: Mapping[str, Choose], seed: int = 5) -> Material:
    """Each person answers every question of the queue, through the records that the screen writes."""
    rng, store = random.Random(seed), session.store
    for name, choose in people.items():
        book = FeedbackBook(store.feedback())
        review = Review(store, session.timeline, book, annotator=name, seating=Seating({}), learn=False)
        for question in queue.questions([(session.timeline, book.standing())], name):
            offered: list[queue.Choice] = [*range(len(question.commands)), "tie", "bad"]
            right = session.timeline.node(question.turn).id % len(offered)
            choice = offered[choose(rng, len(offered), right)]
            for each in queue.verdicts(question, choice):
                review.prefer_proposal(each.better, each.worse, turn=question.turn, verdict=each.verdict)
    return Material.of(store)


def test_the_records_of_the_queue_are_read_by_the_question() -> None:
    session = played(400)
    found = statistics([rated(session, {"a": at_random, "b": at_random})])
    assert found.shared_pairs > 40 and found.by_kind["preference"] == 4 * found.shared_pairs
    assert abs(found.alpha_preferences) <= 0.2  # some fifty questions
    session = played(400)
    found = statistics([rated(session, {"a": noisy(0), "b": noisy(0), "c": contrary})])
    assert found.alpha_preferences < 0.35, "a and b agree, c never does"
    assert {each.name: each.agreement.value for each in found.raters} == {"a": 0.5, "b": 0.5, "c": 0.0}
