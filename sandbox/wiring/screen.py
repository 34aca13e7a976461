"""The screen of `sandbox play`, and what it opens."""

from __future__ import annotations

import gc
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from sandbox.errors import SandboxError
from sandbox.paths import Home
from sandbox.types import Progress
from sandbox.wiring.plans import PlayPlan, new_name

if TYPE_CHECKING:
    from sandbox.config import Settings
    from sandbox.session.lobby import Offers
    from sandbox.tui.app import SandboxApp
    from sandbox.tui.screens.start import Sitting
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
) -> PlayPlan:
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

    Returns what was played.
    """
    gc.disable()  # what is imported stays: to look through it for garbage would take a tenth of the start
    from sandbox.tui.app import SandboxApp
    from sandbox.tui.widgets.header import Title

    begun = world or ("" if save else settings.world)
    name = save or new_name(home, begun)
    later = PlanLater(lambda: make(name))
    title = Title(begun or name, agent or ("" if save else settings.agent), name)
    error = _shown(SandboxApp(_sitting(later, title), settings), record)
    if error is not None:
        raise error
    return later.plan


def choose_on_screen(home: Home, settings: Settings, record: Path | None = None) -> None:
    """Open the start screen, and the games that are chosen there, until the player leaves."""
    from sandbox.config import TOUR
    from sandbox.llm.permission import Permission
    from sandbox.tui.app import SandboxApp
    from sandbox.tui.screens.start import Choice, Lobby
    from sandbox.tui.widgets.header import Title

    permission = Permission(settings.remote.hosts, asks=True)

    def choose(choice: Choice) -> Sitting:
        world, agent, save = choice.world, choice.agent, choice.save
        plan = PlayPlan.make(home, settings, world, agent, [], save, None, permission, model=choice.model)
        playing = plan.players.default if plan.players else ""
        return _sitting(PlanLater(lambda: plan), Title(plan.reference or plan.shown, playing, plan.shown))

    def look() -> Offers:
        from sandbox.session import lobby

        return lobby.look(home)

    def bring(say: Progress) -> None:
        from sandbox.llm import catalogue, fetch

        def tell(stage: str, done: int, total: int) -> None:
            say(f"{stage}, {done / total:.0%}" if total else stage)

        fetch.pull(catalogue.DEFAULT, tell)

    _shown(SandboxApp(Lobby(look, choose, bring, settings.agent, TOUR), settings), record)


def _shown(app: SandboxApp, record: Path | None) -> SandboxError | None:
    if record is None:
        return app.run()
    from sandbox.tui.recording import recorded

    with recorded(app, record):
        return app.run()


def _sitting(later: PlanLater, title: Title) -> Sitting:
    from sandbox.tui.screens.start import Sitting

    return Sitting(
        lambda say: later.plan.open(say),
        title,
        lambda method, **evaluation: later.plan.plan_round(method, **evaluation),
        lambda adapters, progress: later.plan.open_contest(adapters, progress),
        lambda: later.plan.notice,
    )
