"""`sandbox rate`: judging decisions without playing."""

from __future__ import annotations

import os
import sys
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from sandbox.cli import context
from sandbox.cli.context import Context
from sandbox.cli.save import open_save
from sandbox.errors import SandboxError, SaveError, UsageError
from sandbox.feedback import queue
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.plan import FILE, RatingPlan, read_plan
from sandbox.llm.permission import Permission
from sandbox.session.players import Seating
from sandbox.session.review import Review
from sandbox.store import Store


def rate(
    ctx: typer.Context,
    saves: Annotated[
        list[str] | None, typer.Argument(metavar="[SAVE...]", help="Names from `sandbox save list`; else all.")
    ] = None,
    annotator: Annotated[str | None, typer.Option(help="Your pseudonym. Else that of the settings.")] = None,
    ab: Annotated[
        tuple[str, str] | None,
        typer.Option(
            "--ab",
            metavar="ONE OTHER",
            help="Compare two, blindly: each CARD, CARD@ADAPTER, or @ADAPTER with the save's own card.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option(help="With --ab: of the order of states and of answers.")] = 0,
    plan: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="How ratings are collected: guidelines, reasons, overlap, known questions. [default: the "
            "`rating.yaml` of the home, where there is one]",
        ),
    ] = None,
    allow_host: context.AllowHost = None,
) -> None:
    """Judge the decisions of agents that most need a human, one key each.

    First come those in which the language model and the Q-learner disagree most, or that were close. Candidates
    are shown in a drawn order, and what the agent chose is not told. 1-9 choose the best, `=` is a tie, 0 means
    all are bad, `e` says what it should be instead, `c` and `w` add a comment and reasons, `s` skips, `u` takes
    the last answer back. Answers are saved as they are given. What the agent and others chose is told at the end.

        sandbox rate friday --annotator ann

    With --ab, two agents or two adapters are asked about the same recorded states, and you judge their answers
    without being told whose they are, until `n` names them.

        sandbox rate friday --ab q-table lm
        sandbox rate friday --ab @base @sft-1
    """
    where = context.of(ctx)
    names = list(dict.fromkeys(saves or where.home.names("saves")))
    if not names:
        raise UsageError("there are no saves yet", hint="begin one with: sandbox play --save NAME")
    if ab is not None and len(names) > 1:
        raise UsageError(
            "--ab compares on the states of one save", hint="name it, as in: sandbox rate friday --ab ..."
        )
    with ExitStack() as stack:
        stores = []
        for name in names:
            try:
                stores.append(stack.enter_context(open_save(where.home, name)))
                stores[
                    -1
                ].patience = 0  # the screen says at once that a database is away; the next key tries again
            except SandboxError as error:
                if saves:
                    raise
                context.notes.print(f"{name} is left out: {error.message}", markup=False, highlight=False)
        if not stores:
            raise SaveError("none of your saves can be opened", hint="`sandbox save list` says why")
        reviews = [review_of(store, annotator or where.settings.annotator) for store in stores]
        permission = context.permission(where, allow_host)
        told = (
            _queue(where, reviews, plan)
            if ab is None
            else _contest(where, names[0], reviews[0], ab, seed, permission)
        )
    print(told)


def _queue(where: Context, reviews: list[Review], file: Path | None) -> str:
    own = where.home.root / FILE
    plan = read_plan(file or own) if file or own.is_file() else RatingPlan()
    queue = queue_of(reviews, plan)
    if not queue.questions:
        raise SaveError("no agent decided anything in these saves that you have not judged")
    _need_terminal()
    from sandbox.tui.queue_rating import QueueController
    from sandbox.tui.rate_app import RateApp

    RateApp(QueueController(reviews, queue, plan), where.settings).run()
    return f"{queue.rated} decisions judged, {len(queue.questions) - queue.at} left"


def _contest(
    where: Context, save: str, review: Review, sides: tuple[str, str], seed: int, permission: Permission
) -> str:
    from sandbox import wiring

    wiring.check_contest(where.home, save, sides, permission)
    _need_terminal()
    from sandbox.tui.contest_rating import ContestController
    from sandbox.tui.rate_app import RateApp

    bout = partial(wiring.open_contest, where.home, where.settings, save, sides, permission=permission)
    controller = ContestController(bout, lambda job: job(review), annotator=review.annotator, seed=seed)
    RateApp(controller, where.settings).run()
    return controller.summary()


def _need_terminal() -> None:
    if "TEXTUAL_DRIVER" not in os.environ and not (sys.stdin.isatty() and sys.stdout.isatty()):
        raise UsageError("rating needs a terminal, and this is none")


def review_of(store: Store, annotator: str) -> Review:
    """A save to speak about. No agent is loaded, so none learns."""
    book = FeedbackBook(store.feedback())
    return Review(store, store.timeline(), book, annotator=annotator, seating=Seating({}), learn=False)


def queue_of(reviews: list[Review], plan: RatingPlan | None = None) -> queue.Queue:
    """The questions of some saves that go to the annotator of the reviews."""
    known = [(review.timeline, FeedbackBook(review.store.feedback()).standing()) for review in reviews]
    return queue.Queue(queue.questions(known, reviews[0].annotator, plan=plan))
