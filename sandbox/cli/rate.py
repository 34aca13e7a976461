"""`sandbox rate`: judging decisions without playing."""

from __future__ import annotations

import sys
from contextlib import ExitStack
from typing import Annotated

import typer

from sandbox.cli import context
from sandbox.cli.save import open_save
from sandbox.errors import SaveError, UsageError
from sandbox.play import rating
from sandbox.play.feedback import FeedbackBook
from sandbox.play.review import Review
from sandbox.play.seating import Seating
from sandbox.play.store import Store


def rate(
    ctx: typer.Context,
    saves: Annotated[
        list[str] | None, typer.Argument(metavar="[SAVE...]", help="Names from `sandbox save list`; else all.")
    ] = None,
    annotator: Annotated[str | None, typer.Option(help="Your pseudonym. Else that of the settings.")] = None,
) -> None:
    """Judge the decisions of agents that most need a human, one key each.

    First come those in which the language model and the Q-learner disagree most, or that were close. Candidates
    are shown in a drawn order, and what the agent chose is not told. 1-9 choose the best, `=` is a tie, 0 means
    all are bad, `s` skips, `u` takes the last answer back. Answers are saved as they are given.

        sandbox rate friday --annotator ann
    """
    where = context.of(ctx)
    names = list(dict.fromkeys(saves or where.home.names("saves")))
    if not names:
        raise UsageError("there are no saves yet", mend="begin one with: sandbox play --save NAME")
    if not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("rating needs a terminal, and this is none")
    with ExitStack() as stack:
        stores = [stack.enter_context(open_save(where.home, name)) for name in names]
        reviews = [review_of(store, annotator or where.settings.annotator) for store in stores]
        queue = queue_of(reviews)
        if not queue.questions:
            raise SaveError("no agent decided anything in these saves that you have not judged")
        from sandbox.tui.rate_app import RateApp

        RateApp(reviews, queue, where.settings).run()
    print(f"{queue.rated} decisions judged, {len(queue.questions) - queue.at} left")


def review_of(store: Store, annotator: str) -> Review:
    """A save to speak about. No agent is loaded, so none learns."""
    book = FeedbackBook(store.feedback())
    return Review(store, store.timeline(), book, annotator=annotator, seating=Seating({}), learn=False)


def queue_of(reviews: list[Review]) -> rating.Queue:
    """The questions of some saves, for the annotator of the reviews."""
    known = [(review.timeline, FeedbackBook(review.store.feedback()).standing()) for review in reviews]
    return rating.Queue(rating.questions(known, reviews[0].annotator))
