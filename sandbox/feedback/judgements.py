"""What people's feedback says about commands: of what could be done here, this is good and that is bad.

The one reading of feedback that data sets and training start from. How several people's judgements are brought
together is `votes`; putting a situation into a prompt is the data sets' own.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.deeds import Deeds
from sandbox.feedback.kind import Judgement
from sandbox.timeline import Node, Timeline


def judgements(timeline: Timeline, book: FeedbackBook, deeds: Deeds | None = None) -> Iterator[Judgement]:
    """All that stands and is about deeds, in the order of the turns.

    Left out: corrections to what was done anyway, whatever compares a deed with itself in other words, and what a
    person typed that the world did not understand or that changed nothing.
    """
    deeds = deeds or Deeds(timeline)
    for node in timeline.nodes():
        for record in book.at(node.id):
            for judgement in book.judgements(record, timeline):
                yield from _of_deeds(judgement, deeds)
        if node.parent is None:
            continue
        if deeds.stepped_in(node) and node.wanted is not None and book.value(node.id) >= 0:
            yield _judgement(node, "intervention", good=(node.command,), bad=(node.wanted,), created=node.created)
        yield from _ratings(node, book, deeds)


def _ratings(node: Node, book: FeedbackBook, deeds: Deeds) -> Iterator[Judgement]:
    """What the value that each person gave to a turn says about its command.

    What a person typed in vain is neither good nor bad, and a look around of theirs is nothing to imitate.
    """
    if node.parent is None or deeds.in_vain(node.parent, node.seat, node.command):
        return
    deed = deeds.counts(node)
    latest = {each.annotator: each.created for each in book.about(node.id) if each.value is not None}
    for annotator, created in latest.items():
        value = book.value(node.id, annotator)
        good, bad = ((node.command,), ()) if value > 0 else ((), (node.command,))
        if value < 0 or (value > 0 and deed):
            rating = _judgement(node, "rating", good=good, bad=bad, created=created)
            yield from _of_deeds(replace(rating, annotator=annotator, value=value), deeds)


def _judgement(node: Node, kind: str, *, good: tuple[str, ...], bad: tuple[str, ...], created: float) -> Judgement:
    assert node.parent is not None
    return Judgement(
        kind=kind, state=node.parent, turn=node.id, seat=node.seat, good=good, bad=bad, created=created
    )


def _of_deeds(judgement: Judgement, deeds: Deeds) -> Iterator[Judgement]:
    """The judgement without what is no deed; nothing where nothing is left to say.

    What an agent came up with in vain may still be bad.
    """
    state, seat = judgement.state, judgement.seat
    good = tuple(each for each in judgement.good if not deeds.refused(state, seat, each))
    bad = tuple(
        each for each in judgement.bad if not any(deeds.same(state, seat, each, other) for other in judgement.good)
    )
    if judgement.good and judgement.bad and not bad:
        return  # another wording of the same
    bad = tuple(each for each in bad if not deeds.in_vain(state, seat, each))
    if len(judgement.equal) == 2 and deeds.same(state, seat, *judgement.equal):
        return
    if judgement.equal or (bool(good) and bool(bad)) or (judgement.absolute and (good or bad)):
        yield replace(judgement, good=good, bad=bad)
