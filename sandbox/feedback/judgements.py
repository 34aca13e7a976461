"""What people's feedback says about commands: of what could be done here, this is good and that is bad.

The one reading of feedback that data sets and training start from. Putting a situation into a prompt is theirs.
"""

from __future__ import annotations

from collections.abc import Iterator

from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.kind import Judgement
from sandbox.timeline import Timeline


def judgements(timeline: Timeline, book: FeedbackBook) -> Iterator[Judgement]:
    """All that stands, in the order of the turns. Ties, and corrections to what was done anyway, say nothing."""
    for node in timeline.nodes():
        for record in book.at(node.id):
            yield from book.judgements(record, timeline)
        if node.parent is None:
            continue
        value = book.value(node.id)
        if node.intervened and node.wanted is not None and value >= 0:
            yield Judgement(
                kind="intervention",
                state=node.parent,
                turn=node.id,
                seat=node.seat,
                good=(node.command,),
                bad=(node.wanted,),
            )
        raters = [record.annotator for record in book.about(node.id) if record.value is not None]
        if value and raters:
            good, bad = ((node.command,), ()) if value > 0 else ((), (node.command,))
            yield Judgement(
                kind="rating",
                state=node.parent,
                turn=node.id,
                seat=node.seat,
                good=good,
                bad=bad,
                value=value,
                annotator=raters[-1],
            )
