"""Saying things about turns: ratings, preferences, corrections, comments, names. No world is needed for that."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from sandbox.errors import PlayError
from sandbox.feedback import kinds
from sandbox.feedback.book import FeedbackBook
from sandbox.feedback.deeds import Deeds
from sandbox.feedback.kinds.credit import REACH, shares
from sandbox.session import transitions
from sandbox.session.players import Seating
from sandbox.store import Store
from sandbox.store.feedback import Feedback, Mark, MarkKind, checked
from sandbox.text import clean_line
from sandbox.timeline import Timeline, Turn
from sandbox.types import Decision, Update


class Review:
    """The turns of a save, and a person who speaks about them. Agents, where there are any, learn from it at once.

    Args:
        store: where everything is written to.
        timeline: the tree.
        book: what has been said so far.
        annotator: pseudonym that feedback is recorded under.
        seating: the agents that learn.
        current: the turn that is meant where none is named.
        learn: whether agents learn.
        deeds: tells what commands come to.
    """

    def __init__(
        self,
        store: Store,
        timeline: Timeline,
        book: FeedbackBook,
        *,
        annotator: str,
        seating: Seating,
        current: int = 0,
        learn: bool = True,
        deeds: Deeds | None = None,
    ) -> None:
        self.store = store
        self.timeline = timeline
        self.annotator = annotator
        self.learn = learn
        """Whether agents learn, from rewards and from feedback."""
        self.updates: tuple[Update, ...] = ()
        """The Bellman updates of the latest act or feedback, newest last."""
        self.deeds = deeds or Deeds(timeline)
        """Tells what commands come to."""
        self._doubted: tuple[int, str] | None = None
        """Turn and command of a correction that would not be understood."""
        self._book = book
        self._seating = seating
        self._current = current

    @property
    def current(self) -> Turn:
        """The turn we stand at."""
        return self.timeline.get(self._current)

    def rate(
        self,
        value: float,
        *,
        turn: int | None = None,
        reasons: Sequence[str] = (),
        comment: str = "",
        latency: float | None = None,
    ) -> Feedback:
        """Reward or punish a turn, by default the current one, with -2 to +2. Ratings add up, within +-2.

        The agent of the seat learns at once, from the world's reward plus what all feedback on the turn comes to.
        """
        return self.say(
            "rating", turn=self._acted(turn), value=value, reasons=reasons, comment=comment, latency=latency
        )

    def credit(self, value: float, *, turn: int | None = None, back: int = REACH, **more: Any) -> Feedback:
        """Reward or punish a turn and the seat's turns before it, each earlier one half as much (after TAMER,
        Knox & Stone 2009). What a person typed in vain has no share.

        Args:
            value: -2 to +2, for the turn itself.
            turn: by default the current one.
            back: how many earlier turns of the seat share in it, at most 5.
            more: `reasons`, `comment`, `latency` as in `rate`.
        """
        node = self._acted(turn)
        acted = self.timeline.node(node)
        own = [
            each.id
            for each in self.timeline.ancestors(node)
            if each.seat == acted.seat and (each.id == node or self.deeds.counts(each))
        ]
        return self.say("credit", turn=node, value=value, data={"shares": shares(own, back)}, **more)

    def prefer(self, better: int, worse: int, *, verdict: str = "better", **more: Any) -> Feedback:
        """Say which of two siblings is better, that they tie (`tie`), or that neither is any good (`bad`)."""
        parents = {self.timeline.node(each).parent for each in (better, worse)}
        parent = parents.pop()
        if parents or parent is None or better == worse:
            raise PlayError("only two different turns tried from the same parent can be compared")
        data = {"between": "turns", "better": better, "worse": worse, "verdict": verdict}
        return self.say("preference", turn=parent, data=data, **more)

    def prefer_proposal(
        self,
        better: int,
        worse: int,
        *,
        turn: int | None = None,
        verdict: str = "better",
        shown: Sequence[int] = (),
        about: Mapping[str, Any] | None = None,
        **more: Any,
    ) -> Feedback:
        """The same of two proposals of a turn's decision, by their place in it.

        Args:
            better: one of them.
            worse: the other.
            turn: by default the current one.
            verdict: as in `prefer`.
            shown: all that could be chosen, in the order in which they were shown.
            about: further data of a preference: `asked`, `margin`, `instead`, `guidelines`.
            more: `reasons`, `comment`, `latency` as in `rate`.
        """
        node = self._acted(turn)
        decision = self.timeline.get(node).decision
        if decision is None or not all(0 <= each < len(decision.proposals) for each in (better, worse)):
            raise PlayError("there are no such proposals at this turn")
        data = {"between": "proposals", "better": better, "worse": worse, "verdict": verdict}
        data |= {"shown": list(shown), **(about or {})}
        return self.say("preference", turn=node, data=data, **more)

    def compare(
        self,
        state: int,
        better: Decision,
        worse: Decision,
        *,
        verdict: str = "better",
        first: str = "better",
        **more: Any,
    ) -> Feedback:
        """Say which of two decisions is better that were made at a turn and not acted on. Both are kept.

        Args:
            state: the turn.
            better: one of them.
            worse: the other; of a tie (`tie`), or where both are bad (`bad`), either may come first.
            verdict: as in `prefer`.
            first: which was shown first, `better` or `worse`.
            more: `reasons`, `comment`, `latency` as in `rate`.
        """
        node = self.timeline.node(state)
        data: dict[str, Any] = {"seat": better.seat, "verdict": verdict, "first": first}
        with self.store.transaction(durable=True):
            for side, decision in (("better", better), ("worse", worse)):
                data[side] = {
                    "agent": decision.agent,
                    "model": decision.model,
                    "command": decision.command,
                    "decision": self._kept(node.id, decision),
                }
            return self.say("comparison", turn=node.id, data=data, **more)

    def _kept(self, state: int, decision: Decision) -> int:
        """The id of a decision that nobody acts on; one that is there already is not kept twice."""
        known = (
            each.id
            for each in self.store.unplayed(state)
            if replace(each.decision, seconds=decision.seconds) == decision
        )
        return next(known, None) or self.store.add_unplayed(state, decision)

    def correct(self, command: str, *, turn: int | None = None, **more: Any) -> Feedback:
        """Say what should have been done in a turn instead."""
        return self.say("correction", turn=self._acted(turn), data={"command": command}, **more)

    def ask_about(self, command: str, *, turn: int | None = None) -> None:
        """Raise `PlayError` where the world would not understand a correction, unless it is said a second time."""
        node, command = self.timeline.node(self._acted(turn)), clean_line(command)
        before, self._doubted = self._doubted, None
        if before != (node.id, command) and self.deeds.refused(node.parent or 0, node.seat, command):
            self._doubted = (node.id, command)
            raise PlayError(f"the world would not understand “{command}” there", hint="say it again to keep it")

    def comment(self, text: str, *, turn: int | None = None, **more: Any) -> Feedback:
        """Note something at a turn, by default the current one."""
        node = self.timeline.node(self._current if turn is None else turn)
        return self.say("comment", turn=node.id, comment=text, **more)

    def retract(self, feedback_id: int) -> Feedback:
        """Take a record back, with a new one. The learner is told what the turn's feedback comes to now."""
        record = self._book.get(feedback_id)
        if record is None:
            raise PlayError(f"there is no feedback {feedback_id} to take back")
        if record.annotator != self.annotator:
            raise PlayError(f"only {record.annotator!r}, who said it, can take feedback {feedback_id} back")
        about = tuple(self._book.kind(record).rewards(record))
        return self.say("retract", turn=record.turn, data={"feedback": feedback_id}, about=about)

    def feedback(self, turn_id: int | None = None) -> tuple[Feedback, ...]:
        """What stands of what was said at a turn, by default the current one; oldest first."""
        return self._book.at(self._current if turn_id is None else turn_id)

    def feedback_value(self, turn_id: int | None = None) -> float:
        """What all feedback comes to as a reward for a turn, in [-2, 2]."""
        return self._book.value(self._current if turn_id is None else turn_id)

    def _acted(self, turn: int | None) -> int:
        node = self.timeline.node(self._current if turn is None else turn)
        if node.parent is None:
            raise PlayError("nobody has acted yet", hint="act first, or choose a turn")
        return node.id

    def say(
        self,
        kind: str,
        *,
        turn: int,
        value: float | None = None,
        data: Mapping[str, Any] | None = None,
        reasons: Sequence[str] = (),
        comment: str = "",
        latency: float | None = None,
        about: Iterable[int] | None = None,
    ) -> Feedback:
        """Write a record, and let the agents learn what it changes about the turns it is about.

        Args:
            kind: name of an installed kind of feedback.
            turn: where it is said.
            value: -2 to +2, of the kinds that have one.
            data: what the kind needs beside.
            reasons: tags.
            comment: in words.
            latency: seconds between the person seeing the turn and saying this.
            about: the turns whose agents learn, where these are not those that the record rewards.

        Raises:
            PlayError: no installed package offers this kind, or something is out of its bounds.
        """
        if kinds.find(kind) is kinds.Unknown:
            raise PlayError(f"there is no kind of feedback called {kind!r}")
        record = checked(
            id=0,
            turn=turn,
            kind=kind,
            value=value,
            data=dict(data or {}),
            reasons=tuple(reasons),
            comment=comment,
            annotator=self.annotator,
            created=time.time(),
            latency=latency,
        )
        try:
            with self.store.transaction(durable=True):
                record = self.store.add_feedback(record)
                self._book.add(record)
                updates = self._teach(self._book.kind(record).rewards(record) if about is None else about)
                self._seating.write_changes(self.store)
        except BaseException:
            if record.id:
                self._book.forget(record)
            raise
        self._seating.written()
        self.updates = updates
        return record

    def _teach(self, turn_ids: Iterable[int]) -> tuple[Update, ...]:
        updates = []
        for turn_id in turn_ids if self.learn else ():
            step = transitions.transition(self.timeline, turn_id, self._book.value(turn_id), rated=True)
            updates.append(self._seating.learn(self.timeline.node(turn_id).seat, step))
        return tuple(update for update in updates if update is not None)

    # Names of turns.

    def bookmark(self, name: str, *, turn: int | None = None) -> Mark:
        """Name a turn; a name that is in use moves here."""
        return self._mark("bookmark", name, turn)

    def bless(self, *, turn: int | None = None) -> Mark:
        """Mark the branch that ends in a turn as the one that is expected."""
        node = self._acted(turn)
        return self._mark("blessed", f"turn {node}", node)

    def _mark(self, kind: MarkKind, name: str, turn: int | None) -> Mark:
        name = clean_line(name, 64)
        if not name:
            raise PlayError("a bookmark needs a name")
        node = self.timeline.node(self._current if turn is None else turn)
        mark = Mark(turn=node.id, kind=kind, name=name, annotator=self.annotator, created=time.time())
        with self.store.transaction(durable=True):
            self.store.put_mark(mark)
        return mark

    def unmark(self, mark: Mark) -> None:
        """Take a bookmark or a blessing away."""
        with self.store.transaction(durable=True):
            self.store.remove_mark(mark)

    def marks(self) -> tuple[Mark, ...]:
        """All bookmarks and blessings, oldest first."""
        return self.store.marks()
