"""Blind A/B on the rating screen: pairs are prepared on a thread of their own, a few ahead of the person.

Which contestant gave which answer is nowhere on the screen until the person asks, and nothing is judged after
that. The running win rate says how far one of the two is ahead, but not which, and moves on every few verdicts
only: else each answer would tell whose it was.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass

from textual.content import Content
from textual.message import Message

from sandbox.feedback.contest import AnswerPair, Bout, Contest, running, standings, told
from sandbox.feedback.queue import Choice
from sandbox.session.review import Review
from sandbox.tui import format as fmt
from sandbox.tui.rating import NOTHING, Asked, Offered, Remark
from sandbox.tui.worker import BackgroundWorker, News, sentence

AHEAD = 3
"""Pairs that are prepared before they are asked for."""

OpenBout = Callable[[Callable[[str], None]], AbstractContextManager[Bout]]
"""Opens the contestants, on the worker's thread. What it is given takes lines that say how far it is."""
OpenContest = Callable[[tuple[str, str], Callable[[str], None]], AbstractContextManager[Bout]]
"""The same for two adapters of the game that is played, by their names."""
WithReview = Callable[[Callable[[Review], object]], object]
"""Runs a job with the review of the save, here or on the thread that it belongs to."""


@dataclass(kw_only=True)
class Prepared(News):
    """What the worker's thread has come to: a pair, that both gave the same answer, or the end."""

    doing: str = ""
    begun: Contest | None = None
    pair: AnswerPair | None = None
    alike: bool = False
    ended: bool = False
    error: Exception | None = None


class ContestController:
    """Asks which of two answers is better.

    Args:
        bout: opens the contestants.
        review: where verdicts are written.
        annotator: who judges: what they have judged before is not asked again.
        seed: of the order of the states, and of which answer comes first.
    """

    def __init__(self, bout: OpenBout, review: WithReview, *, annotator: str, seed: int = 0) -> None:
        self.blind = True
        self.alike = 0
        """States in which both gave the same command."""
        self._bout, self._review = bout, review
        self._annotator, self._seed = annotator, seed
        self._pairs: list[AnswerPair] = []
        self._answers: list[tuple[str, int] | None] = []  # verdict and winner; None where it was passed
        self._written: dict[int, int] = {}  # place among the answers -> id of the record
        self._before: Contest | None = None
        self._doing, self._since, self._asked_at = "opening the save", time.monotonic(), time.monotonic()
        self._ended, self._trouble, self._furthest = False, "", 0
        self._room = threading.Semaphore(AHEAD)
        self._worker: BackgroundWorker | None = None

    # What there is to see.

    offered = Offered()

    @property
    def asked(self) -> Asked | None:
        if not self.blind or len(self._answers) >= len(self._pairs):
            return None
        pair = self._pairs[len(self._answers)]
        return Asked(
            question=f"Which is the better answer for {pair.seat}?",
            exchanges=pair.exchanges,
            goal=pair.goal,
            answers=(pair.decisions[0].command, pair.decisions[1].command),
            place=f"turn {pair.state}",
        )

    @property
    def over(self) -> bool:
        return not self.blind

    @property
    def head(self) -> str:
        judged = sum(answer is not None for answer in self._answers)
        lead = running(standings(self._before, self._answers))
        return f"Blind A/B  {judged} judged, {self.alike} alike  {lead}".rstrip()

    @property
    def told(self) -> Content:
        if not self.blind:
            return self._result()
        if self._trouble:
            return Content.styled(self._trouble, "$text-warning")
        if self._ended:
            found = "They differ in no other state of this save." if self._pairs else "They differ in no state."
            more = Content.styled("\n\nn shows which is which.", fmt.MUTED) if self.contest else Content("")
            return Content(found) + more
        spent = time.monotonic() - self._since
        frame = fmt.SPINNER[int(spent * 2) % len(fmt.SPINNER)]
        return Content.assemble((f"{frame} ", "$text-primary"), f"{self._doing}  {spent:.0f} s")

    @property
    def contest(self) -> Contest | None:
        """How it stands, with what the person said before; None where nothing has been judged."""
        contest = next(iter([*standings(self._before, self._answers)][-1:]), None)
        return contest if contest is not None and contest.judged else None

    def summary(self) -> str:
        """The result in a line: with names once they were revealed."""
        contest = self.contest
        if contest is None:
            return "nothing was judged"
        return "; ".join(filter(None, (told(contest, blind=self.blind), self._same())))

    def _result(self) -> Content:
        contest = self.contest
        if contest is None:
            return Content("Nothing was judged.")
        lines = [Content.styled("Which is which\n", "bold $text-primary")]
        for name, won in zip(contest.names, contest.wins, strict=True):
            lines.append(Content.assemble((f"  {name:<24}", "bold"), f"{won} of {contest.decided}"))
        lines += [Content(""), Content(told(contest))]
        return Content("\n").join([*lines, Content.styled(self._same(), fmt.MUTED)])

    def _same(self) -> str:
        states = "state" if self.alike == 1 else "states"
        return f"the same answer in {self.alike} {states}" if self.alike else ""

    # What a person does.

    def open(self, post: Callable[[Message], object]) -> None:
        worker = self._worker = BackgroundWorker(post)

        def prepare() -> None:
            with self._bout(lambda doing: worker.tell(Prepared(doing=doing))) as bout:
                worker.tell(Prepared(begun=bout.standing(self._annotator)))
                for pair in bout.pairs(self._annotator, self._seed):
                    if pair is not None:
                        self._room.acquire()
                    if worker.closed.is_set():
                        return
                    worker.tell(Prepared(pair=pair, alike=pair is None))
            worker.tell(Prepared(ended=True))

        worker.submit("contest", prepare, lambda error: Prepared(error=error))

    def take(self, news: News) -> None:
        if not isinstance(news, Prepared):
            return
        waited = self.asked is None
        self._doing = news.doing or self._doing
        if news.begun is not None:
            self._before = news.begun
        if news.begun is not None or news.pair is not None or news.alike:
            self._doing, self._since = "asking both", time.monotonic()
        if news.pair is not None:
            self._pairs.append(news.pair)
        self.alike += news.alike
        self._ended = self._ended or news.ended
        if news.error is not None:
            self._trouble = sentence(news.error)
        if waited and self.asked is not None:
            self._asked_at = time.monotonic()

    def answer(self, choice: Choice | None, remark: Remark = NOTHING) -> None:
        if self.asked is None or (isinstance(choice, int) and choice > 1):
            return
        place = len(self._answers)
        pair, latency = self._pairs[place], time.monotonic() - self._asked_at
        answer = None
        if choice is not None:
            best = choice if isinstance(choice, int) else 0
            verdict = "better" if isinstance(choice, int) else choice
            better, worse = pair.decisions[best], pair.decisions[1 - best]
            first = "better" if best == 0 else "worse"
            answer = verdict, pair.sides[best]

            def write(review: Review) -> None:
                said = review.compare(
                    pair.state,
                    better,
                    worse,
                    verdict=verdict,
                    first=first,
                    latency=latency,
                    comment=remark.comment,
                    reasons=remark.reasons,
                )
                self._written[place] = said.id

            self._review(write)
        self._answers.append(answer)
        if len(self._answers) > self._furthest:
            self._furthest += 1
            self._room.release()
        self._since = self._asked_at = time.monotonic()

    def undo(self) -> bool:
        if not self._answers or not self.blind:
            return False
        place = len(self._answers) - 1

        def take_back(review: Review) -> None:
            if (said := self._written.pop(place, None)) is not None:
                review.retract(said)

        if self._answers[place] is not None:
            self._review(take_back)
        self._answers.pop()
        self._asked_at = time.monotonic()
        return True

    def reveal(self) -> None:
        self.blind = False
        self.close()

    def close(self) -> None:
        """The decision that is being made comes to its end, its result dropped."""
        if self._worker is not None:
            self._worker.close()
        self._room.release()
