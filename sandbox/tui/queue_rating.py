"""A queue of recorded decisions on the rating screen; each answer is at once in its save."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

from textual.content import Content
from textual.message import Message

from sandbox.feedback import queue
from sandbox.feedback.plan import RatingPlan
from sandbox.feedback.queue import Agreement, Choice, Queue
from sandbox.session.review import Review
from sandbox.tui.rating import NOTHING, Asked, Offered, Remark
from sandbox.tui.worker import News


class QueueController:
    """Asks about recorded decisions, their candidates against each other.

    Nothing tells what the agent or others chose before the last question is answered.

    Args:
        reviews: of the saves, by the number that a question has.
        queue: what is asked.
        plan: how it is asked.
    """

    blind = over = False

    def __init__(self, reviews: Sequence[Review], queue: Queue, plan: RatingPlan | None = None) -> None:
        self.queue = queue
        self._reviews = reviews
        self._plan = plan or RatingPlan()
        self._written: list[tuple[int, tuple[int, ...]]] = []  # save, ids of the records of each answer
        self._since = time.monotonic()
        self.offered = Offered(
            reasons=self._plan.reasons,
            skip_reasons=self._plan.skip_reasons,
            scale=self._plan.scale,
            instead=True,
            guidelines=self._plan.guidelines,
        )
        self.asked = self._ask()

    @property
    def head(self) -> str:
        queue = self.queue
        position = min(queue.at + 1, len(queue.questions))
        counts = f"{position}/{len(queue.questions)}  {queue.rated} rated"
        if queue.current is not None:
            return counts
        return f"{counts}  {_told(queue.with_agent(), 'agent')}  {_told(queue.with_others(), 'others')}".rstrip()

    @property
    def told(self) -> Content:
        return Content("That is all. Thank you.")

    def open(self, post: Callable[[Message], object]) -> None:
        self._since = time.monotonic()

    def take(self, news: News) -> None: ...

    def answer(self, choice: Choice | None, remark: Remark = NOTHING) -> None:
        question = self.queue.current
        if question is None or (isinstance(choice, int) and choice >= len(question.commands)):
            return
        review, latency = self._reviews[question.save], time.monotonic() - self._since
        more: dict[str, Any] = {"comment": remark.comment, "reasons": remark.reasons, "latency": latency}
        about: dict[str, Any] = {
            "asked": self.queue.at + 1,
            "guidelines": self._plan.version if self._plan.guidelines else "",
        }
        ids: tuple[int, ...] = ()
        with review.store.transaction(durable=True):
            self._keep_guidelines(review)
            if choice is None and self._plan.skip_reasons:
                ids = (review.say("skip", turn=question.turn, data=about, **more).id,)
            elif choice is not None:
                about |= {"margin": remark.margin, "instead": remark.instead}
                ids = tuple(
                    review.prefer_proposal(
                        each.better,
                        each.worse,
                        turn=question.turn,
                        verdict=each.verdict,
                        shown=question.places,
                        about=about,
                        **more,
                    ).id
                    for each in queue.verdicts(question, choice)
                )
        self._written.append((question.save, ids))
        self.queue.answer(choice)
        self._go_on()

    def _keep_guidelines(self, review: Review) -> None:
        """Say once in each save by which guidelines this person rates."""
        plan = self._plan
        opening = review.timeline.opening_ids()[0]
        if not plan.guidelines or any(
            said.kind == "guidelines"
            and said.annotator == review.annotator
            and said.data["version"] == plan.version
            for said in review.feedback(opening)
        ):
            return
        data = {"version": plan.version, "words": plan.guidelines, "reasons": list(plan.reasons)}
        review.say("guidelines", turn=opening, data=data)

    def undo(self) -> bool:
        if not self._written:
            return False
        save, ids = self._written[-1]
        with self._reviews[save].store.transaction(durable=True):
            for feedback_id in ids:
                self._reviews[save].retract(feedback_id)
        self._written.pop()
        self.queue.undo()
        self._go_on()
        return True

    def reveal(self) -> None: ...

    def close(self) -> None: ...

    def _go_on(self) -> None:
        self._since = time.monotonic()
        self.asked = self._ask()

    def _ask(self) -> Asked | None:
        question = self.queue.current
        if question is None:
            return None
        review = self._reviews[question.save]
        exchanges, goal = queue.situation(review.timeline, question.turn)
        return Asked(
            question=f"Which is best for {question.seat}?",
            exchanges=exchanges,
            goal=goal,
            answers=question.commands,
            place=f"{review.store.name} turn {question.turn}",
        )


def _told(agreement: Agreement, whom: str) -> str:
    return f"{agreement.agreed}/{agreement.asked} as the {whom}" if agreement.asked else ""
