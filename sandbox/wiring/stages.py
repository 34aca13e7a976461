"""Sessions for workers: the same world and the same agents as in the run that they play for, kept nowhere."""

from __future__ import annotations

import os
import threading
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.agent.registry import CardFile
from sandbox.config import Settings
from sandbox.llm.permission import Permission
from sandbox.multiagent.notes import NotedWorld
from sandbox.paths import Home
from sandbox.scale.jobs import Workplace
from sandbox.scale.models import PlacedModels
from sandbox.types import World
from sandbox.wiring.agents import Models, build_agent
from sandbox.wiring.sessions import Players, open_session
from sandbox.world import registry

if TYPE_CHECKING:
    from sandbox.session.session import Session

_OPENING = threading.Lock()


@dataclass(kw_only=True)
class _Backstage:
    """What a worker needs for its agents. Travels as a pickle, once to each worker.

    The home folder has to be there under the same path.
    """

    home: Home
    settings: Settings
    hosts: tuple[str, ...] = ()
    """Those that may be asked for this run."""
    placed: PlacedModels | None = None
    """Language models that all workers share."""

    def __post_init__(self) -> None:
        self._folder = Path.cwd()
        self._models: Models | None = None

    def models(self, place: Workplace) -> Models:
        """Those of this process."""
        with _OPENING:
            if self._models is None:
                with suppress(OSError):
                    os.chdir(self._folder)  # content is looked for there too
                permission = Permission(self.settings.remote.hosts, self.hosts)
                placed = None if self.placed is None else self.placed.of_worker(place.number)
                self._models = Models(self.settings, permission=permission, placed=placed)
            return self._models


@dataclass(kw_only=True)
class Stages(_Backstage):
    """What a worker needs to open the sessions of a run."""

    players: Players
    learn: bool
    adapters: Path | None = None
    """The folder of the save whose adapters the agents take up."""

    def open(self, world: str, seed: int, place: Workplace) -> Session:
        return open_session(
            self.home,
            world,
            self.players,
            self.models(place),
            seed=seed,
            learn=self.learn,
            adapters=self.adapters,
        )


@dataclass(kw_only=True)
class LeagueStage(_Backstage):
    """What a league is played with, here and by workers."""

    world: str
    seats: int | None
    notes: tuple[str, ...]
    """Words that every seat keeps lines with; empty for no notebooks."""
    files: Mapping[str, CardFile]
    seed: int

    def cast(self, place: Workplace) -> tuple[World[Any], dict[str, dict[str, Any]]]:
        models = self.models(place)
        world: World[Any] = registry.open_world(self.world, home=self.home, seats=self.seats)
        return self.cast_in(world, models)

    def cast_in(self, world: World[Any], models: Models) -> tuple[World[Any], dict[str, dict[str, Any]]]:
        """The world as it is played, and every agent by name and seat, fresh."""
        noted: World[Any] = NotedWorld(world, list(self.notes)) if self.notes else world
        cast: dict[str, dict[str, Any]] = {
            name: {
                seat: build_agent(file, models, noted, seed=self.seed + number)
                for number, seat in enumerate(noted.seats)
            }
            for name, file in self.files.items()
        }
        return noted, cast
