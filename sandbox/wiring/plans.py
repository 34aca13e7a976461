"""What `sandbox play` opens."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.errors import ModelError, UsageError
from sandbox.paths import Home
from sandbox.types import Progress, silent

if TYPE_CHECKING:
    from sandbox.config import Settings
    from sandbox.feedback.contest import Bout
    from sandbox.llm.permission import Permission
    from sandbox.session.session import Session
    from sandbox.tune.rounds import RoundPlan as RoundPlan
    from sandbox.tune.settings import Method
    from sandbox.wiring.sessions import Players

WITHOUT_MODEL = "q-table"
"""Card that plays where the default agent's language model is not on this machine."""


@dataclass(frozen=True, slots=True)
class PlayPlan:
    """All that `sandbox play` is going to open, checked as far as that is quick."""

    home: Home
    settings: Settings
    reference: str | None
    """None: the save knows."""
    players: Players | None
    """None: the save knows."""
    save: str
    seed: int
    notice: str = ""
    """Something the player should know first."""
    permission: Permission | None = None
    """Which servers may be asked; None goes by the settings alone."""

    @classmethod
    def make(
        cls,
        home: Home,
        settings: Settings,
        reference: str | None,
        agent: str | None,
        seats: Sequence[str],
        save: str | None,
        seed: int | None,
        permission: Permission | None = None,
        *,
        model: str | None = None,
    ) -> PlayPlan:
        """Fill in what was not said. Raises `SandboxError` for names that lead nowhere."""
        from sandbox.agent.registry import CardFile
        from sandbox.llm import registry as model_registry
        from sandbox.wiring.sessions import HUMAN, Players, has_save
        from sandbox.world import registry

        if save is not None and has_save(home, save):
            if seed is not None:
                raise UsageError("a save keeps its seed", hint="leave --seed out, or choose another --save")
            if model is not None and not (agent or seats):
                raise UsageError("a save keeps its agents", hint="say with --agent which gets the model")
            players = Players.parse(agent or settings.agent, seats, model) if agent or seats else None
            return cls(home, settings, reference, players, save, 0, permission=permission)
        reference = reference or settings.world
        registry.resolve(reference, home=home)
        notice = ""
        if agent == HUMAN:
            file = CardFile.find(home, WITHOUT_MODEL)
        else:
            file = CardFile.find(home, agent or settings.agent)
        if model is not None:
            model_registry.check(model)
        elif agent is None and file.card.model is not None:
            try:
                model_registry.check(file.card.model, relative_to=file.folder)
            except ModelError as error:
                file, notice = (
                    CardFile.find(home, WITHOUT_MODEL),
                    f"{error.message}: {WITHOUT_MODEL} plays. {error.hint}",
                )
        name = agent if agent is not None else file.card.name
        return cls(
            home,
            settings,
            reference,
            Players.parse(name, seats, model),
            save or new_name(home, reference),
            seed or 0,
            notice,
            permission,
        )

    @property
    def shown(self) -> str:
        """Name or address of the save, without a password."""
        from sandbox.store.server import without_password

        return without_password(self.save)

    @property
    def play_command(self) -> str:
        """How it is played."""
        if self.reference is None or self.players is None:
            return f"sandbox play --save {shlex.quote(self.shown)}"
        return f"sandbox play {self._players_in_shell(self.reference, self.players)}"

    @property
    def shell_command(self) -> str:
        """How the same is run with no screen."""
        if self.reference is None or self.players is None:
            return f"sandbox save show {shlex.quote(self.shown)}"
        return f"sandbox run {self._players_in_shell(self.reference, self.players)}"

    @staticmethod
    def _players_in_shell(reference: str, players: Players) -> str:
        seats = "".join(f" --seat {shlex.quote(f'{seat}={name}')}" for seat, name in players.seats.items())
        model = "" if players.model is None else f" --model {shlex.quote(players.model)}"
        return f"{shlex.quote(reference)} --agent {shlex.quote(players.default)}{seats}{model}"

    def open(self, progress: Progress = silent) -> Session:
        """The session to play."""
        from sandbox.wiring.agents import Models
        from sandbox.wiring.sessions import open_session

        return open_session(
            self.home,
            self.reference,
            self.players,
            Models(self.settings, progress, self.permission),
            save=self.save,
            seed=self.seed,
            annotator=self.settings.annotator,
            progress=progress,
        )

    def plan_round(self, method: Method, **evaluation: Any) -> RoundPlan:
        """A fine-tuning round over the save. Raises `SandboxError` where there cannot be one."""
        from sandbox.store.server import is_url
        from sandbox.tune.planning import make_plan
        from sandbox.tune.settings import TrainingSettings as Training

        if is_url(self.save):
            raise UsageError(
                "adapters lie beside a save's file, and this game is on a server",
                hint="`sandbox save fork ADDRESS NAME` copies it here",
            )
        training = Training.for_method(method)
        own = self.settings
        shared = ("threads", "device", "dtype", "model_process")
        computing: dict[str, Any] = {name: getattr(own, name) for name in shared}
        return make_plan(self.home, [self.save], training, **computing, **evaluation)

    def open_contest(self, adapters: tuple[str, str], progress: Progress = silent) -> AbstractContextManager[Bout]:
        """Two adapters of the save, to be compared on its turns. Raises `SandboxError` when it is entered."""
        from sandbox.wiring.contests import open_contest

        first, second = adapters
        sides = (f"@{first}", f"@{second}")
        return open_contest(self.home, self.settings, self.save, sides, progress, self.permission)


def save_stem(reference: str) -> str:
    """How the name of a save of this world begins; 32 characters at most."""
    stem = re.sub(r"[^\w]+", "-", Path(reference.partition("?")[0]).stem.replace("tw:", "tw-")).strip("-")
    return (stem or "game")[:32]


def new_name(home: Home, reference: str) -> str:
    """A name for a save that was not given one: the world and the time."""
    name = f"{save_stem(reference)}-{time.strftime('%m%d-%H%M%S')}"
    number = 2
    while home.save_folder(name).exists():
        name, number = f"{name}-{number}", number + 1
    return name
