"""The only way from the screen to rounds. A round outlives the screen; this is who looks at it.

As with the session, all that takes time happens on threads of its own, and what came of it arrives as messages
that carry values. The tuning code is imported on those threads too: the first screen stands without it.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Protocol

from textual.message import Message

from sandbox.errors import SandboxError, UsageError
from sandbox.tui.worker import BackgroundWorker, News
from sandbox.tune.round_view import Games, RoundData, RoundView, fold

if TYPE_CHECKING:
    from sandbox.tune.rounds import Round, RoundPlan
    from sandbox.tune.settings import Method

_EVERY = 0.3


class PlanRound(Protocol):
    """Plans a round over the save that is being played. Raises `SandboxError`."""

    def __call__(
        self,
        method: Method,
        *,
        eval_worlds: tuple[str, ...] = (),
        eval_seeds: tuple[int, ...] = (0,),
        max_steps: int = 25,
    ) -> RoundPlan: ...


@dataclass(kw_only=True)
class RoundNews(News):
    """Something is known of the save's rounds that was not before."""

    offer: RoundData | None = None
    view: RoundView | None = None
    said: str = ""
    """A line about what was done."""
    swapped: bool = False
    """Whether the agent plays with another adapter from now on."""
    error: Exception | None = None


class RoundsWanted(Message):
    """The player wishes to see the round screen."""


@dataclass
class ContestWanted(Message):
    """The player wishes to judge two adapters blindly, by their names."""

    sides: tuple[str, str]


class RoundController:
    """Looks at the save, starts a round and follows it. Its methods are for the screen's thread.

    Args:
        plan: plans a round; None where the game is kept nowhere, and nothing can be learned from it.
        post: delivers a message to the application from any thread.
    """

    def __init__(self, plan: PlanRound | None, post: Callable[[Message], object]) -> None:
        self.offer: RoundData | None = None
        self.view: RoundView | None = None
        """The round that is followed, or was last; None where there is nothing to say of one."""
        self._plan = plan
        self._worker = BackgroundWorker(post)
        self._round: Round | None = None

    @property
    def running(self) -> bool:
        """Whether a round is under way."""
        return self.view is not None and not self.view.over

    def take(self, news: RoundNews) -> None:
        """Keep what a message says."""
        self.offer = news.offer or self.offer
        if news.view is not None:
            stopping = self.view is not None and self.running and self.view.stopping
            self.view = replace(news.view, stopping=stopping)
        if news.said:
            self.forget()

    def forget(self) -> None:
        """Nothing more is to be said of the round that is over."""
        if not self.running:
            self.view = None

    # What a person wants. Each is answered by `RoundNews`.

    def rejoin(self) -> None:
        """Take up a round that runs already, if there is one. Says nothing where there is not."""

        def job() -> None:
            if self._plan is not None:
                with suppress(SandboxError):
                    self._take_up(self._plan("sft"))

        self._do(job)

    def look(self) -> None:
        """Read what there is to learn from, and take up a round that runs already."""

        def job() -> None:
            from sandbox.tune.survey import survey

            plan = self._planned()("sft")
            self._take_up(plan)
            self._worker.tell(RoundNews(offer=survey(plan)))

        self._do(job)

    def start(self, method: Method, evaluation: str, *, trial: bool = False) -> None:
        """Start a round; a trial only times a step.

        Args:
            method: how to learn.
            evaluation: references to the worlds to play before and after, with spaces between.
            trial: whether to stop after the first step.
        """

        def job() -> None:
            from sandbox.paths import Home
            from sandbox.tune import rounds
            from sandbox.tune.survey import evaluated

            self._refuse_two()
            planned = self._planned()
            plan = planned(method, **evaluated(evaluation, Home(planned(method).home)))
            self._follow(rounds.start(plan, trial=trial))

        self._do(job)

    def resume(self, number: int) -> None:
        """Go on with a round that stopped."""

        def job() -> None:
            from sandbox.tune import rounds

            self._refuse_two()
            self._follow(rounds.resume(self._numbered(number)))

        self._do(job)

    def recall(self, number: int) -> None:
        """Look at a round that is over."""
        self._do(lambda: self._follow(self._numbered(number)))

    def cancel(self) -> None:
        """Ask the round to stop."""
        if self.view is None or not self.running:
            return
        self.view = replace(self.view, stopping=True)

        def job() -> None:
            if self._round is not None:
                self._round.cancel()

        self._do(job)

    def accept(self) -> None:
        """Put the adapter that the round made into use."""

        def job() -> None:
            made = self._judged().accept()
            self._worker.tell(RoundNews(said=f"{made} is in use from the agent's next decision on", swapped=True))

        self._do(job)

    def reject(self) -> None:
        """Delete the adapter that the round made."""

        def job() -> None:
            self._judged().reject()
            self._worker.tell(RoundNews(said="The adapter is deleted; the agent stays as it was"))

        self._do(job)

    def roll_back(self) -> None:
        """Go back to the adapter that was in use before."""

        def job() -> None:
            from sandbox.tune.adapters import Adapters

            now = Adapters.of(self._planned()("sft").save).rollback()
            self._worker.tell(RoundNews(said=f"Back to {now}, from the agent's next decision on", swapped=True))

        self._do(job)

    def close(self) -> None:
        """Look at nothing any more. The round goes on."""
        self._worker.close()

    # How it is done.

    def _planned(self) -> PlanRound:
        if self._plan is None:
            raise UsageError("this game is kept in no save", hint="play it with --save, and learn from that")
        return self._plan

    def _refuse_two(self) -> None:
        """A round holds its lock only once its process is up; a key may be pressed twice before that."""
        if self._round is not None and self._round.running:
            raise UsageError("a round is running already", hint="wait for it, or cancel it first")

    def _judged(self) -> Round:
        if self._round is None:
            raise UsageError("there is no round to judge")
        return self._round

    def _numbered(self, number: int) -> Round:
        from sandbox.tune import rounds

        found = [each for each in rounds.rounds_of(self._planned()("sft").save) if each.number == number]
        if not found:
            raise UsageError(f"there is no round {number} any more")
        return found[0]

    def _take_up(self, plan: RoundPlan) -> None:
        from sandbox.tune import rounds

        known = rounds.rounds_of(plan.save)
        if known and known[-1].running and (self._round is None or not self._round.running):
            self._follow(known[-1])

    def _follow(self, round_: Round) -> None:
        self._round = round_
        plan, trial = round_.plan, round_.trial
        method, parent, now = plan.settings.method, plan.parent, time.time()
        played = 0 if trial else len(plan.eval_worlds) * len(plan.eval_seeds)
        games = {"before": Games(of=played)} if played else {}
        start = RoundView(number=round_.number, method=method, parent=parent, trial=trial, began=now, games=games)

        def watch() -> None:
            view, shown, seen, running = start, None, 0, True
            while running and not self._worker.closed.is_set() and self._round is round_:
                running = round_.running
                events = round_.events(seen)
                seen += len(events)
                view = fold(view, events)
                # While it runs, an end is that of an earlier attempt.
                stands = replace(view, end="", trouble="") if running else view.ended(round_.state)
                if stands != shown:
                    self._worker.tell(RoundNews(view=stands))
                    shown = stands
                if running:
                    self._worker.closed.wait(_EVERY)

        self._worker.submit(f"round-{round_.number}", watch, lambda error: RoundNews(error=error))

    def _do(self, job: Callable[[], None]) -> None:
        self._worker.submit("rounds", job, lambda error: RoundNews(error=error))
