"""Whose turn it is, what is under way, how far the agent may go: the screen's state, apart from how it looks."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from sandbox.errors import PlayError
from sandbox.tui.driver import THINKING, Driver

if TYPE_CHECKING:
    from sandbox.session.session import Session
    from sandbox.session.view import View
    from sandbox.tui.messages import Decided, Failed, Heard
    from sandbox.types import Decision

SLOWEST, FASTEST = 0.1, 20.0


class Stoppable(Protocol):
    """A timer."""

    def stop(self) -> None: ...


class Game:
    """Turns wishes of the person into jobs of the driver, and the driver's answers into what happens next.

    Where an agent is to move, its decision is computed ahead, so that a person sees what it wants before it acts.

    Where people hold some seats and agents others, the agents act by themselves when their turn has come, at the
    play speed. They wait where a person stopped them, or went to another turn: to look, not to go on from there.

    Args:
        driver: does the work.
        changed: called whenever something below is different.
        after: calls something some seconds from now.
        speed: actions a second at most while the agent goes on by itself.
    """

    def __init__(
        self,
        driver: Driver,
        changed: Callable[[], None],
        after: Callable[[float, Callable[[], None]], Stoppable],
        speed: float,
    ) -> None:
        self.view: View | None = None
        self.decision: Decision | None = None
        self.speed = speed
        self.pending = 0
        """Jobs but for thinking that were asked for and have not been answered."""
        self.heard: tuple[str, ...] = ()
        """What the agent's language model has written of the decision that is being made."""
        self.wanted = 0.0
        """Actions that the agent is still to take; infinite while it runs."""
        self.on_its_own = False
        """Whether the agent was told to take several actions."""
        self.stopped = False
        """Whether a person stopped the agent's thinking."""
        self.flowing = True
        """Whether agents in other seats than people's act when it is their turn."""
        self._driver = driver
        self._changed = changed
        self._after = after
        self._changing_since = 0.0
        self._thinking_since: float | None = None
        self._acted_at = 0.0
        self._pace: Stoppable | None = None

    @property
    def since(self) -> float | None:
        """When the work that is under way began, in monotonic seconds; None while nothing is awaited."""
        return self._changing_since if self.pending else self._thinking_since

    @property
    def runs(self) -> bool:
        """Whether an agent acts, or will as soon as it has made up its mind."""
        return self.wanted > 0 or (self.flowing and self.view is not None and self.view.others_move)

    @property
    def shown(self) -> Decision | None:
        """The decision, where a person may see it: what another seat thinks of is its own."""
        return None if self.view is not None and self.view.others_move else self.decision

    def open(self) -> None:
        """Have the session opened."""
        self._await()
        self._driver.load()
        self._changed()

    # Wishes. Each raises `PlayError` where it cannot be met now.

    def ask(self, actions: float) -> None:
        """Let the agent take some actions; `inf` until it is told to stop."""
        view = self._opened()
        if view.done:
            raise PlayError("the episode is over", hint="/restart plays again, undo goes back")
        if not view.agent_moves:
            raise PlayError("no agent is to move", hint="type a command")
        if view.others_move:
            self.flowing = True
        else:
            self.wanted, self.on_its_own = actions, actions > 1
        self._go_on()
        self._changed()

    def run_or_pause(self) -> None:
        """Let the agent go on until it is told to stop, or tell it so."""
        if self.wanted > 0:
            self.halt()
        else:
            self.ask(inf)

    def act(self, command: str, *, overriding: bool = False) -> None:
        """A person's command; in the agent's place where an agent is to move.

        Args:
            command: what to do.
            overriding: whether it may be in the place of an agent in another seat than a person's.
        """
        view = self._opened()
        if view.others_move and view.to_move and not overriding:
            name = view.name(view.to_move)
            raise PlayError(f"it is the turn of {name}", hint="F5 lets it act, /override acts in its place")
        decision = self.decision
        self.halt()
        self.flowing, self._acted_at = True, monotonic()
        seat = view.to_move
        self._change(lambda: self._driver.act(seat, command, decision=decision))

    def pick(self, number: int) -> None:
        """Carry out a proposal of the agent, counted from 1."""
        if self.decision is None or not 1 <= number <= len(self.decision.proposals):
            raise PlayError(f"there is no proposal {number} now")
        self.act(self.decision.proposals[number - 1].command)

    def do(
        self,
        doing: str,
        job: Callable[[Session], object],
        *,
        halting: bool = True,
        keeps: bool = False,
        flowing: bool = False,
    ) -> None:
        """Do something else to the session.

        Args:
            doing: what, for a message.
            job: does it.
            halting: whether the agent takes no further action then.
            keeps: whether the state stays as it is, and with it what the agent makes of it.
            flowing: whether agents in other seats than people's then act by themselves.
        """
        if halting and not keeps:
            self.halt()
            self.flowing = flowing
        self._change(lambda: self._driver.change(doing, job, keeps=keeps), keeps=keeps)

    def halt(self) -> None:
        """The agent takes no further action. What it is thinking of may still be seen."""
        self.wanted, self.on_its_own = 0, False
        if self._pace is not None:
            self._pace.stop()
        self._changed()

    def stop(self) -> None:
        """The agent takes no further action, and stops thinking."""
        if self._thinking_since is not None:
            self._driver.cancel()
            self._thinking_since, self.stopped, self.heard = None, True, ()
        self.flowing = False
        self.halt()

    def think_again(self) -> None:
        """Have the agent think once more, where it could not."""
        self.stopped, self.flowing = False, True
        self._look_ahead()
        self._go_on()
        self._changed()

    def faster(self, factor: float) -> None:
        """Change the speed."""
        self.speed = max(SLOWEST, min(FASTEST, self.speed * factor))
        self._changed()

    # Answers.

    def arrive(self, view: View) -> None:
        """The session is open, or stands elsewhere now."""
        self.pending -= 1
        self.view = view
        if view.done:
            self.wanted, self.on_its_own = 0, False
        if not self.stopped:
            self._look_ahead()
        self._go_on()
        self._changed()

    def hear(self, answer: Heard) -> None:
        """The agent's language model writes; what other seats think of is their own."""
        if answer.generation == self._driver.generation and self.view is not None and not self.view.others_move:
            self.heard = answer.texts
            self._changed()

    def decided(self, answer: Decided) -> None:
        """The agent has made up its mind, unless that was cancelled."""
        if answer.generation == self._driver.generation:
            self.decision, self._thinking_since, self.heard = answer.decision, None, ()
            self._go_on()
            self._changed()

    def failed(self, answer: Failed) -> bool:
        """A job raised. False where nobody waits for it any more."""
        if answer.asked:
            return answer.generation == self._driver.generation
        if answer.doing == THINKING:
            if answer.generation != self._driver.generation:
                return False
            self._thinking_since, self.stopped = None, True
        else:
            self.pending -= 1
            self._look_ahead()
        self.flowing = False
        self.halt()
        return True

    # How it goes on.

    def _opened(self) -> View:
        if self.view is None:
            raise PlayError("the game is not open yet")
        return self.view

    def _await(self) -> None:
        self.pending += 1
        self._changing_since = monotonic()

    def _change(self, submit: Callable[[], None], *, keeps: bool = False) -> None:
        self._opened()
        if not keeps:
            self.decision, self._thinking_since, self.stopped = None, None, False
            self.heard = ()
        self._await()
        submit()
        self._changed()

    def _look_ahead(self) -> None:
        """Have the decision ready before it is asked for."""
        wished = self.view is not None and self.view.agent_moves and not self.pending
        if wished and self.decision is None and self._thinking_since is None:
            self._thinking_since, self.stopped = monotonic(), False
            self._driver.decide()

    def _go_on(self) -> None:
        """Let the agent act if it is to, at its pace; have it think first if it has not."""
        if not self.runs or self.pending:
            return
        decision = self.decision
        if decision is None:
            self._look_ahead()
            return
        wait = self._acted_at + 1 / self.speed - monotonic() if self.on_its_own or not self.wanted else 0
        if wait > 0:
            if self._pace is not None:
                self._pace.stop()
            self._pace = self._after(wait, self._go_on)
            return
        self.wanted = max(self.wanted - 1, 0)
        self.on_its_own = self.on_its_own and self.wanted > 0
        self._acted_at = monotonic()
        act = partial(self._driver.act, decision.seat, decision.command)
        self._change(lambda: act(decision=decision, chooser=decision.chooser))
