"""The screen of `sandbox play`, and what it opens."""

from __future__ import annotations

import gc
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sandbox.paths import Home
from sandbox.types import Progress
from sandbox.wiring.plans import PlayPlan, new_name

if TYPE_CHECKING:
    from sandbox.config import Settings
    from sandbox.session.lobby import Offers
    from sandbox.session.session import Session
    from sandbox.together import Invitation
    from sandbox.tui.screens.start import Lobby, Sitting
    from sandbox.tui.widgets.header import Title


@dataclass(slots=True)
class PlanLater:
    """A plan that is made when it is first needed, once, on whichever thread that is."""

    make: Callable[[], PlayPlan]
    """Raises `SandboxError`."""
    _made: PlayPlan | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def plan(self) -> PlayPlan:
        """Raises `SandboxError` where there can be none."""
        with self._lock:
            if self._made is None:
                self._made = self.make()
            return self._made


def play_on_screen(
    make: Callable[[str], PlayPlan],
    home: Home,
    settings: Settings,
    world: str | None,
    agent: str | None,
    save: str | None,
    record: Path | None = None,
    *,
    lobby: bool = True,
    invitation: Invitation | None = None,
) -> PlayPlan | None:
    """Open the screen and stay until the player leaves. Raises `SandboxError` where the game cannot be opened.

    Args:
        make: makes the plan of what to open, in a save of this name; called when the screen is there, for it takes
            longer than that.
        home: where names are looked up.
        settings: of the user.
        world: as the user named it.
        agent: the same.
        save: the same.
        record: file of a terminal recording to make.
        lobby: whether the player may go on to the start screen, and from there to other games.
        invitation: to whom the games are open; None keeps them closed.

    Returns what was played last; None where the player left before anything was open.
    """
    gc.disable()  # what is imported stays: to look through it for garbage would take a tenth of the start
    from sandbox.tui.widgets.header import Title

    begun = world or ("" if save else settings.world)
    name = save or new_name(home, begun)
    later = PlanLater(lambda: make(name))
    title = Title(begun or name, agent or ("" if save else settings.agent), name)
    played: list[PlayPlan] = []
    choices = _lobby(home, settings, played) if lobby else None
    _show(_sitting(later, title, played), settings, choices, record, invitation)
    return played[-1] if played else None


def choose_on_screen(
    home: Home, settings: Settings, record: Path | None = None, invitation: Invitation | None = None
) -> PlayPlan | None:
    """Open the start screen, and the games that are chosen there, until the player leaves.

    Returns what was played last; None where nothing was.
    """
    played: list[PlayPlan] = []
    lobby = _lobby(home, settings, played)
    _show(lobby, settings, lobby, record, invitation)
    return played[-1] if played else None


def _lobby(home: Home, settings: Settings, played: list[PlayPlan]) -> Lobby:
    """What the start screen offers. What is opened there is added to what was played."""
    from sandbox.config import TOUR
    from sandbox.llm.permission import Permission
    from sandbox.tui.screens.start import Choice, Lobby
    from sandbox.tui.widgets.header import Title

    permission = Permission(settings.remote.hosts, asks=True)

    def choose(choice: Choice) -> Sitting:
        world, agent, save = choice.world, choice.agent, choice.save
        plan = PlayPlan.make(home, settings, world, agent, [], save, None, permission, model=choice.model)
        playing = plan.players.default if plan.players else ""
        title = Title(plan.reference or plan.shown, playing, plan.shown)
        return _sitting(PlanLater(lambda: plan), title, played)

    def look() -> Offers:
        from sandbox.session import lobby

        return lobby.look(home)

    def bring(say: Progress) -> None:
        from sandbox.llm import catalogue, fetch

        def tell(stage: str, done: int, total: int) -> None:
            say(f"{stage}, {done / total:.0%}" if total else stage)

        fetch.pull(catalogue.DEFAULT, tell)

    return Lobby(look, choose, bring, settings.agent, TOUR)


def _show(
    opens: Sitting | Lobby,
    settings: Settings,
    lobby: Lobby | None,
    record: Path | None,
    invitation: Invitation | None,
) -> None:
    """Show the app until it is left. Raises the error for which its one game could not be opened."""
    from sandbox.tui.app import SandboxApp

    with ExitStack() as stack:
        app = SandboxApp(opens, settings, lobby, invitation)
        if record is not None:
            from sandbox.tui.recording import recorded

            stack.enter_context(recorded(app, record))
        error = app.run()
    if error is not None:
        raise error


def _sitting(later: PlanLater, title: Title, played: list[PlayPlan]) -> Sitting:
    from sandbox.tui.screens.start import Sitting

    def opened(say: Progress) -> Session:
        session = later.plan.open(say)
        played.append(later.plan)
        return session

    return Sitting(
        opened,
        title,
        lambda method, **evaluation: later.plan.plan_round(method, **evaluation),
        lambda adapters, progress: later.plan.open_contest(adapters, progress),
        lambda: later.plan.notice,
    )
