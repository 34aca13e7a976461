"""One decision after another: what the seat had read, its candidates without a hint, a key for each verdict."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import ClassVar

from textual.app import ComposeResult
from textual.binding import BindingType
from textual.containers import Vertical, VerticalScroll
from textual.content import Content
from textual.screen import Screen
from textual.widgets import Footer, Static

from sandbox.errors import SandboxError
from sandbox.play import rating
from sandbox.play.rating import Agreement, Choice, Queue
from sandbox.play.review import Review
from sandbox.tui import format as fmt
from sandbox.tui.keys import Key

_EXCHANGES = 6

KEYS = (
    *(
        Key(
            f"choose-{n}",
            str(n),
            f"choose({n - 1})",
            "Best",
            f"Candidate {n} is the best",
            show=n == 1,
            display="1-9" if n == 1 else None,
        )
        for n in range(1, 10)
    ),
    Key("tie", "equals_sign", "same('tie')", "Tie", "None is better than another", show=True, display="="),
    Key("bad", "0", "same('bad')", "All bad", "None is any good", show=True),
    Key("skip", "s", "skip", "Skip", "Say nothing about this one", show=True),
    Key("undo", "u", "undo", "Undo", "Take the last answer back", show=True),
    Key("leave", "q,escape,ctrl+q", "app.quit", "Leave", "Leave; all answers are saved", show=True, display="q"),
)


class RateScreen(Screen[None]):
    """The queue on the screen.

    Args:
        reviews: of the saves, by the number that a question has.
        queue: what is asked.
    """

    CSS_PATH = "../rate.tcss"
    BINDINGS: ClassVar[list[BindingType]] = [key.binding() for key in KEYS]

    def __init__(self, reviews: Sequence[Review], queue: Queue) -> None:
        super().__init__()
        self.queue = queue
        self._reviews = reviews
        self._written: list[tuple[int, tuple[int, ...]]] = []  # save, ids of the records of each answer
        self._since = time.monotonic()

    def compose(self) -> ComposeResult:
        yield Static(id="rate-header")
        with VerticalScroll(id="rate-story"):
            yield Static(id="rate-text")
        with Vertical(id="rate-desk"):
            yield Static(id="rate-candidates")
        yield Footer(show_command_palette=False)

    def on_mount(self) -> None:
        self._show()

    def _show(self) -> None:
        self._since = time.monotonic()
        queue, question = self.queue, self.queue.current
        position = min(queue.at + 1, len(queue.questions))
        agreement = f"{_told(queue.with_agent(), 'agent')}  {_told(queue.with_others(), 'others')}".strip()
        head = f" {position}/{len(queue.questions)}  {queue.rated} rated  {agreement}"
        if question is None:
            self.query_one("#rate-header", Static).update(Content.styled(head, "bold"))
            self.query_one("#rate-text", Static).update(Content("\nThat is all. Thank you.\n"))
            self.query_one("#rate-candidates", Static).update(Content.styled("q leaves, u goes back", fmt.MUTED))
            return
        review = self._reviews[question.save]
        exchanges, goal = rating.situation(review.timeline, question.turn)
        header = Content.assemble((head, "bold"), (f"   {review.store.name} turn {question.turn}", fmt.MUTED))
        self.query_one("#rate-header", Static).update(header)
        story = [Content.styled(f"Goal: {goal}\n", fmt.MUTED)] if goal else []
        if len(exchanges) > _EXCHANGES:
            story.append(Content.styled("...\n", fmt.MUTED))
        for exchange in exchanges[-_EXCHANGES:]:
            if exchange.command:
                story.append(Content.styled(f"> {exchange.command}", "bold"))
            story.append(Content(exchange.reply + "\n"))
        self.query_one("#rate-text", Static).update(Content("\n").join(story))
        lines = [
            Content.assemble((f" {number} ", "bold"), command)
            for number, command in enumerate(question.commands, start=1)
        ]
        title = Content.styled(f"Which is best for {question.seat}?", fmt.MUTED)
        self.query_one("#rate-candidates", Static).update(Content("\n").join([title, *lines]))
        self.call_after_refresh(self.query_one("#rate-story", VerticalScroll).scroll_end, animate=False)

    def action_choose(self, place: int) -> None:
        """The candidate at this place is the best."""
        if self.queue.current is not None and place < len(self.queue.current.commands):
            self._answer(place)

    def action_same(self, choice: Choice) -> None:
        """All tie, or all are bad."""
        self._answer(choice)

    def action_skip(self) -> None:
        if self.queue.current is not None:
            self._written.append((0, ()))
            self.queue.answer(None)
            self._show()

    def action_undo(self) -> None:
        """Back to the question before; what was recorded of it is retracted."""
        if not self._written:
            return
        save, ids = self._written[-1]
        try:
            with self._reviews[save].store.transaction(durable=True):
                for feedback_id in ids:
                    self._reviews[save].retract(feedback_id)
        except SandboxError as error:
            self.notify(str(error), severity="error")
            return
        self._written.pop()
        self.queue.undo()
        self._show()

    def _answer(self, choice: Choice) -> None:
        question = self.queue.current
        if question is None:
            return
        review, latency = self._reviews[question.save], time.monotonic() - self._since
        try:
            with review.store.transaction(durable=True):
                ids = tuple(
                    review.prefer_proposal(
                        each.better, each.worse, turn=question.turn, verdict=each.verdict, latency=latency
                    ).id
                    for each in rating.verdicts(question, choice)
                )
        except SandboxError as error:
            self.notify(str(error), severity="error")
            return
        self._written.append((question.save, ids))
        self.queue.answer(choice)
        self._show()


def _told(agreement: Agreement, whom: str) -> str:
    return f"{agreement.agreed}/{agreement.asked} as the {whom}" if agreement.asked else ""
