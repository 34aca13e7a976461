"""Which decisions are asked about, in which order, and what an answer is worth."""

from __future__ import annotations

from typing import Any

import pytest
from play_parts import CaveWorld, TableAgent

from sandbox.feedback import queue
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.queue import Queue, Verdict, need, questions, verdicts
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.types import Decision, Proposal


def decision(priors: tuple[float, ...], q: tuple[float, ...], scores: tuple[float, ...]) -> Decision:
    proposals = tuple(Proposal(command=f"c{k}", prior=prior) for k, prior in enumerate(priors))
    return Decision(seat="s", state_key="k", proposals=proposals, q_values=q, scores=scores, chosen=0)


def test_disagreement_and_a_small_margin_need_a_human() -> None:
    clear = decision((3, 0, 0), (3, 0, 0), (3, 0, 0))
    torn = decision((3, 0, 0), (0, 0, 3), (3, 0, 0))
    close = decision((3, 0, 0), (3, 0, 0), (3, 2.9, 0))
    assert need(clear) < need(close)
    assert need(clear) < need(torn)
    assert 0 <= need(decision((1.0,), (float("nan"),), (1.0,))) <= 2


def played(annotator: str = "ann") -> Session:
    session = Session.create(
        Store.memory(), CaveWorld(), {"digger": TableAgent(epsilon=0.5)}, seed=3, annotator=annotator
    )
    for _ in range(12):
        session.step()
    return session


def asked(session: Session, annotator: str = "bo") -> list[queue.Question]:
    standing = FeedbackBook(session.store.feedback()).standing()
    return questions([(session.timeline, standing)], annotator)


def test_a_state_is_asked_about_once_and_the_neediest_first() -> None:
    session = played()
    found = asked(session)
    decisions = [session.timeline.get(question.turn).decision for question in found]
    keys = [each.state_key for each in decisions if each is not None]
    assert len(keys) == len(set(keys)) > 3
    assert [question.need for question in found] == sorted((each.need for each in found), reverse=True)
    for question, each in zip(found, decisions, strict=True):
        assert each is not None
        assert [each.proposals[place].command for place in question.places] == list(question.commands)
        assert question.chosen == question.commands.index(each.command)


def test_candidates_stand_in_an_order_that_tells_nothing() -> None:
    found = asked(played())
    assert len({question.commands for question in found}) > 1
    assert found == asked(played())


def test_ones_own_answers_are_not_asked_again_and_those_of_others_come_last() -> None:
    session = played()
    first = asked(session)[0]
    best = first.places[1]
    for place in first.places:
        if place != best:
            session.prefer_proposal(best, place, turn=first.turn)
    again = asked(session)
    assert again[-1].turn == first.turn
    assert again[-1].others == (1,)
    assert first.turn not in [question.turn for question in asked(session, "ann")]


def test_an_answer_is_a_preference_over_each_of_the_others() -> None:
    question = asked(played())[0]
    a, b, c = question.places
    assert verdicts(question, 1) == (Verdict(b, a, "better"), Verdict(b, c, "better"))
    assert verdicts(question, "tie") == (Verdict(a, b, "tie"), Verdict(a, c, "tie"))
    assert {each.verdict for each in verdicts(question, "bad")} == {"bad"}
    with pytest.raises(ValueError, match="candidate 4"):
        verdicts(question, 3)


def test_the_queue_goes_on_and_back_and_counts() -> None:
    found = asked(played())
    queue = Queue(found)
    right: Any = found[0].chosen
    queue.answer(right)
    queue.answer(None)
    queue.answer((found[2].chosen or 0) + 1 if found[2].chosen != 2 else 0)
    assert (queue.at, queue.rated) == (3, 2)
    assert (queue.with_agent().asked, queue.with_agent().agreed) == (2, 1)
    assert queue.undo()
    assert queue.undo()
    assert queue.undo()
    assert not queue.undo()
    assert (queue.current, queue.rated) == (found[0], 0)


def test_the_situation_ends_with_what_the_seat_had_read() -> None:
    session = played()
    exchanges, goal = queue.situation(session.timeline, 4)
    assert exchanges[-1].reply == session.timeline.get(3).observations["digger"].text
    assert goal == "Find five coins."
