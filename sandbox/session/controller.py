"""Whose turn it is, what waits, what is thought ahead. No screen is in it: screen and game in lines both obey it.

What is typed or pressed is a `Typed`, which the table of commands (`sandbox.session.commands`) says how to carry
out. It is done in the order in which it was typed: what cannot be done yet waits until it can.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from math import inf
from time import monotonic
from typing import TYPE_CHECKING, Protocol

from sandbox.errors import PlayError, SandboxError
from sandbox.session import moves
from sandbox.session.command import Command, Typed
from sandbox.session.driver import (
    THINKING,
    Answered,
    Awaiting,
    Changed,
    Decided,
    Driver,
    Failed,
    GameEvent,
    Loaded,
    Spoken,
    Streamed,
)

if TYPE_CHECKING:
    from sandbox.session.moves import Preview
    from sandbox.session.session import Session
    from sandbox.session.view import View
    from sandbox.types import Decision

SLOWEST, FASTEST = 0.1, 20.0
_LONGEST_QUEUE = 100


class Surface(Protocol):
    """Where a person plays: the screen, or lines."""

    @property
    def controller(self) -> Controller: ...

    @property
    def save(self) -> str:
        """Name of the save that is played; empty where it is kept nowhere."""

    def say(self, text: str) -> None:
        """Say a line below the story."""

    def complain(self, error: BaseException) -> None:
        """Say that something could not be done."""

    def changed(self) -> None:
        """The controller knows something that it did not."""

    def open(self, place: str, argument: str = "") -> None:
        """Show something, or go somewhere. Raises `PlayError` where there is no such place here."""

    def fill(self, text: str | None) -> None:
        """Go to the prompt, with this text in it to be gone on with, or with what is there."""


class Stoppable(Protocol):
    """A timer."""

    def stop(self) -> None: ...


class Controller:
    """Turns what a person wants into jobs of the driver, and the driver's answers into what happens next.

    Where an agent is to move, its decision is computed ahead, so that a person sees what it wants before it acts.

    Where people hold some seats and agents others, the agents act by themselves when their turn has come, at the
    play speed. They wait where a person stopped them, or went to another turn: to look, not to go on from there.

    Args:
        table: the commands, by name.
        driver: does the work. Its events are given to `take_in`.
        surface: where the person is.
        after: calls something some seconds from now.
        speed: actions a second at most while the agent goes on by itself.
    """

    def __init__(
        self,
        table: Mapping[str, Command],
        driver: Driver,
        surface: Surface,
        after: Callable[[float, Callable[[], None]], Stoppable],
        speed: float,
    ) -> None:
        self.view: View | None = None
        self.decision: Decision | None = None
        self.speed = speed
        self.pending = 0
        """Jobs but for thinking that were asked for and have not been answered."""
        self.waiting: deque[Typed] = deque()
        """What was typed and cannot be done yet, in the order in which it is going to be done."""
        self.streamed: tuple[str, ...] = ()
        """What the agent's language model has written of the decision that is being made."""
        self.doubtful: frozenset[int] = frozenset()
        """Proposals of the decision whose words are not true."""
        self.awaited = ""
        """What has to come back before the session can go on, as a line."""
        self.speaking = False
        """Whether the agent is putting its decision into words."""
        self.previews: dict[str, Preview | None] = {}
        """What commands would lead to from here, where that was asked; None until it is known."""
        self.wanted = 0.0
        """Actions that the agent is still to take; infinite while it runs."""
        self.on_its_own = False
        """Whether the agent was told to take several actions."""
        self.stopped = False
        """Whether a person stopped the agent's thinking."""
        self.flowing = True
        """Whether agents in other seats than people's act when it is their turn."""
        self.reasons: tuple[str, ...] = ()
        """What a digit would give as the reason of the latest reward."""
        self.driver = driver
        self._table = table
        self._surface = surface
        self._after = after
        self._changing_since = 0.0
        self._thinking_since: float | None = None
        self._acted_at = 0.0
        self._former: Decision | None = None
        """What the agent wanted before it was asked anew."""
        self._again = 0
        self._agent_acts = False
        """Whether what is pending is an agent's action."""
        self._pace: Stoppable | None = None

    @property
    def since(self) -> float | None:
        """When the work that is under way began, in monotonic seconds; None while nothing is awaited."""
        return self._changing_since if self.pending else self._thinking_since

    @property
    def runs(self) -> bool:
        """Whether an agent acts, or will as soon as it has made up its mind."""
        return self.wanted > 0 or self._others_go_on

    @property
    def shown(self) -> Decision | None:
        """The decision, where a person may see it: what another seat thinks of is its own."""
        return None if self.view is not None and self.view.others_move else self.decision

    @property
    def _others_go_on(self) -> bool:
        return self.flowing and self.view is not None and self.view.others_move

    def open(self) -> None:
        """Have the session opened."""
        self._await()
        self.driver.load()
        self._surface.changed()

    # What is typed.

    def take(self, typed: Typed, *, pressed: bool = False) -> None:
        """Carry out what was typed, or have it wait for its time.

        Args:
            typed: what it means.
            pressed: whether it was a key, and not a line. What a key shows is shown at once.
        """
        command = self._table[typed.verb]
        if self.view is not None and not self.waiting and (not self.pending or self._agent_acts):
            typed = replace(typed, turn=self.view.told.id)
        at_once = command.when == "always" or (pressed and command.when == "now")
        overtakes = command.overtakes and self.view is not None and self.view.others_move
        if at_once or overtakes or (not self.waiting and self._ready(typed)):
            self._do(typed)
        elif len(self.waiting) == _LONGEST_QUEUE:
            raise PlayError(f"{_LONGEST_QUEUE} commands wait already", hint="Esc drops them")
        else:
            self.waiting.append(typed)
            self._surface.changed()

    def _ready(self, typed: Typed) -> bool:
        when, view = self._table[typed.verb].when, self.view
        if when in ("always", "now"):
            return True
        if view is None or self.pending:
            return False
        if when == "idle":
            return True
        if 0 < self.wanted < inf or (when != "move" and (self._others_go_on or view.elsewhere_moves)):
            return False
        undecided = view.agent_moves and self.decision is None and not self.stopped
        return when != "choice" or not undecided

    def _do(self, typed: Typed) -> None:
        if typed.turn is None and self.view is not None:
            typed = replace(typed, turn=self.view.told.id)
        self._table[typed.verb].do(self._surface, typed)

    def _go_through(self) -> None:
        """Do what waited for this moment."""
        while self.waiting and self._ready(self.waiting[0]):
            try:
                self._do(self.waiting.popleft())
            except SandboxError as error:
                self._surface.complain(error)

    # What can be asked for. Each raises `PlayError` where it cannot be met.

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
        self._surface.changed()

    def act(self, command: str, *, overriding: bool = False) -> None:
        """A person's command; in the agent's place where an agent is to move.

        Args:
            command: what to do.
            overriding: whether it may be in the place of an agent in another seat than a person's.
        """
        view = self._opened()
        if view.others_move and view.to_move and not overriding:
            name = view.name(view.to_move)
            raise PlayError(f"it is the turn of {name}", hint="/step lets it act, /override acts in its place")
        if view.elsewhere_moves and view.to_move:
            raise PlayError(f"it is the turn of {view.name(view.to_move)}, at another screen")
        decision = self.decision
        self.halt()
        self.flowing, self._acted_at = True, monotonic()
        seat = view.to_move
        self._change(lambda: self.driver.act(seat, command, decision=decision))

    def act_elsewhere(self, seat: str, command: str) -> None:
        """A command that was typed at another screen, by the person whose turn it is."""
        self.halt()
        self.flowing, self._acted_at = True, monotonic()
        self._change(lambda: self.driver.act(seat, command))

    def pick(self, number: int) -> None:
        """Carry out a proposal of the agent, counted from 1."""
        if self.decision is None or not 1 <= number <= len(self.decision.proposals):
            raise PlayError(f"there is no proposal {number} now")
        self.act(self.decision.proposals[number - 1].command)

    def preview(self, command: str) -> None:
        """Ask what a command would lead to: the one named, or the proposals one after the other."""
        if self.view is None or self.view.others_move or self.view.elsewhere_moves:
            raise PlayError("nothing can be foreseen now", hint="wait for your turn")
        if not command:
            proposed = [proposal.command for proposal in self.shown.proposals] if self.shown else []
            if not proposed:
                raise PlayError("nothing is proposed", hint="name a command, as in /preview go north")
            fresh = (each for each in proposed if each not in self.previews)
            command = next(fresh, proposed[0])
        self.previews[command] = None
        self.driver.ask("preview", lambda session: moves.preview(session, command))

    def change(
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
        self._change(lambda: self.driver.change(doing, job, keeps=keeps), keeps=keeps)

    def halt(self) -> None:
        """The agent takes no further action. What it is thinking of may still be seen."""
        self.wanted, self.on_its_own = 0, False
        if self._pace is not None:
            self._pace.stop()

    def stop(self) -> None:
        """The agent takes no further action, and stops thinking; what was typed and waits is dropped."""
        if self._thinking_since is not None:
            self.driver.cancel()
            self._thinking_since, self.stopped, self.streamed = None, True, ()
        elif self.speaking:
            self.driver.cancel()
            self.speaking = False
        self.waiting.clear()
        self.flowing = False
        self.halt()
        self._surface.changed()

    def think_again(self) -> None:
        """Have the agent think once more, where it could not."""
        self.stopped, self.flowing = False, True
        self._look_ahead()
        self._go_on()
        self._surface.changed()

    def regenerate(self) -> None:
        """Have the agent decide anew, with another seed. What it proposed before stays among its proposals."""
        if self.decision is None:
            raise PlayError("the agent has not made up its mind yet")
        self._former, self.decision = self.decision, None
        self._again += 1
        self.driver.cancel()
        self._thinking_since, self.stopped = monotonic(), False
        self.driver.decide(again=self._again)
        self._surface.changed()

    def _kept(self, decision: Decision) -> Decision:
        """The decision, with what was proposed before it was asked for anew."""
        return decision if self._former is None else moves.merged(decision, self._former)

    def set_speed(self, speed: float) -> None:
        """How many actions a second an agent takes at most while it goes on by itself."""
        self.speed = max(SLOWEST, min(FASTEST, speed))
        self._surface.changed()

    # Answers.

    def take_in(self, event: GameEvent) -> bool:
        """Keep what an event says, and go on. False where nobody waits for it any more."""
        match event:
            case Loaded() | Changed():
                self._arrived(event.view)
                self.previews.clear()
                if isinstance(event, Loaded) or event.doing != "reward":
                    self.reasons = ()
            case Awaiting():
                self.awaited = event.text
            case Decided() | Streamed() | Spoken() if event.generation != self.driver.generation:
                return False
            case Decided():
                self.decision, self._thinking_since, self.streamed = self._kept(event.decision), None, ()
                self.doubtful, self.speaking = frozenset(), False
            case Spoken():
                if self.decision is not None:
                    self.decision, self.doubtful = self._kept(event.decision), event.doubtful
                self.speaking = not event.done
            case Streamed():
                if self.view is None or self.view.others_move:
                    return False
                self.streamed = event.texts
            case Answered(answer=moves.Preview() as preview):
                if event.generation != self.driver.generation:
                    return False
                self.previews[preview.command] = preview
            case Failed() if not self._failed(event):
                return False
        self._go_through()
        if not self.stopped:
            self._look_ahead()
        self._go_on()
        self._surface.changed()
        return True

    def _arrived(self, view: View) -> None:
        self.pending -= 1
        if self.view is not None and view.watcher != self.view.watcher and self.waiting:
            self._surface.complain(PlayError(f"{len(self.waiting)} commands were typed for another seat's turn"))
            self.waiting.clear()
        self.view = view
        self._agent_acts = False
        if view.done:
            self.wanted, self.on_its_own = 0, False

    def _failed(self, event: Failed) -> bool:
        if event.asked:
            return event.generation == self.driver.generation
        if event.doing == THINKING:
            if event.generation != self.driver.generation:
                return False
            self._thinking_since, self.stopped = None, True
        else:
            self.pending -= 1
            self._agent_acts = False
        self.flowing, self.reasons = False, ()
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
            self._former, self._again, self.speaking, self.streamed = None, 0, False, ()
        self._await()
        submit()
        self._surface.changed()

    def _look_ahead(self) -> None:
        """Have the decision ready before it is asked for."""
        wished = self.view is not None and self.view.agent_moves and not self.pending
        if wished and self.decision is None and self._thinking_since is None:
            self._thinking_since, self.stopped = monotonic(), False
            self.driver.decide()

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
        act = partial(
            self.driver.act, decision.seat, decision.command, decision=decision, chooser=decision.chooser
        )
        self._change(act)
        self._agent_acts = True
