"""Sessions for workers: the same world and the same agents as in the run that they play for, kept nowhere."""

from __future__ import annotations

import os
import threading
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.config import Settings
from sandbox.llm.permission import Permission
from sandbox.paths import Home
from sandbox.scale.jobs import Workplace
from sandbox.scale.models import PlacedModels
from sandbox.wiring.agents import Models
from sandbox.wiring.sessions import Players, open_session

if TYPE_CHECKING:
    from sandbox.session.session import Session

_OPENING = threading.Lock()


@dataclass(kw_only=True)
class Stages:
    """What a worker needs to open the sessions of a run. Travels as a pickle, once to each worker.

    The home folder has to be there under the same path.
    """

    home: Home
    settings: Settings
    players: Players
    learn: bool
    hosts: tuple[str, ...] = ()
    """Those that may be asked for this run."""
    adapters: Path | None = None
    """The folder of the save whose adapters the agents take up."""
    placed: PlacedModels | None = None
    """Language models that all workers share."""

    def __post_init__(self) -> None:
        self._folder = Path.cwd()
        self._models: Models | None = None

    def open(self, world: str, seed: int, place: Workplace) -> Session:
        with _OPENING:
            if self._models is None:
                with suppress(OSError):
                    os.chdir(self._folder)  # content is looked for there too
                permission = Permission(self.settings.remote.hosts, self.hosts)
                placed = None if self.placed is None else self.placed.of_worker(place.number)
                self._models = Models(self.settings, permission=permission, placed=placed)
        return open_session(
            self.home,
            world,
            self.players,
            self._models,
            seed=seed,
            learn=self.learn,
            adapters=self.adapters,
        )
