"""Sessions: who holds which seat of which world, begun or gone on with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.abilities import Authored
from sandbox.agent.registry import CardFile
from sandbox.errors import SaveError, UsageError, WorldError
from sandbox.paths import Home
from sandbox.session.renewal import Renewal
from sandbox.store import Run, Store
from sandbox.store.server import is_url, without_password
from sandbox.types import Agent, Progress, World, silent
from sandbox.wiring.agents import Models, build_agent
from sandbox.world import registry

if TYPE_CHECKING:
    from sandbox.session.session import Session

HUMAN = "human"


@dataclass(frozen=True, slots=True)
class Players:
    """Who is to hold which seat, by name of card, or `human`."""

    default: str
    seats: Mapping[str, str] = field(default_factory=dict)
    model: str | None = None
    """The language model of those that have one, in place of what their cards name."""

    @classmethod
    def parse(cls, default: str, given: Sequence[str], model: str | None = None) -> Players:
        """From options of the form `NAME=CARD`. Raises `UsageError`."""
        seats = {}
        for text in given:
            seat, equals, holder = text.partition("=")
            if not (seat and equals and holder):
                raise UsageError(
                    f"--seat {text!r} is not of the form NAME=CARD", hint="such as --seat player=human"
                )
            seats[seat] = holder
        return cls(default, seats, model)

    def files(self, home: Home, world: World[Any]) -> dict[str, CardFile | None]:
        """The card of each seat of the world; None for a person. Raises `UsageError`, `CardError`."""
        for seat in self.seats:
            if seat not in world.seats:
                raise UsageError(f"{world.name} has no seat {seat!r}", hint=f"it has {', '.join(world.seats)}")
        holders = {seat: self.seats.get(seat, self.default) for seat in world.seats}
        files = {seat: None if name == HUMAN else CardFile.find(home, name) for seat, name in holders.items()}
        return files if self.model is None else with_model(files, self.model)


def with_model(files: Mapping[str, CardFile | None], model: str) -> dict[str, CardFile | None]:
    """The cards, those that have a language model with this one. Raises `UsageError` where none has."""
    takers = {name: file.with_model(model) for name, file in files.items() if file and file.card.model}
    if not takers:
        raise UsageError(f"nobody here would use {model}", hint="name an --agent that has a language model")
    return {**files, **takers}


def open_session(
    home: Home,
    reference: str | None,
    players: Players | None,
    models: Models,
    *,
    save: str | None = None,
    seed: int | None = None,
    learn: bool = True,
    annotator: str = "anonymous",
    adapters: Path | None = None,
    progress: Progress = silent,
) -> Session:
    """The session of a save: gone on with where it exists, begun where it does not, kept nowhere without a name.

    Args:
        home: where names are looked up.
        reference: the world; None takes that of the save.
        players: who plays; None takes the cards as the save has them.
        models: shared language models.
        save: name of the save, or its address on a PostgreSQL server.
        seed: of a new session.
        learn: whether agents explore and learn.
        annotator: pseudonym of the person.
        adapters: the folder of a save whose adapters the agents of a new session take up that is kept nowhere.
        progress: told what takes time.

    Raises:
        SandboxError: something cannot be found or used; nothing was changed then.
    """
    folder = None if save is None or is_url(save) else home.save_folder(save)
    if save is not None and has_save(home, save):
        session = _resumed(home, save, folder, reference, players, models, learn, annotator, progress)
    elif reference is None or players is None:
        raise SaveError(f"there is no save {without_password(save or '')!r}", hint="name a world to begin one")
    else:
        played = (home, save, folder, reference, players, models, seed or 0, learn, annotator)
        session = _begun(*played, folder or adapters, progress)
    world = session.world
    if isinstance(world, Authored):
        session.renewal = Renewal(world.file, lambda: registry.open_world(world.name, home=home, name=world.name))

    def casting(name: str) -> tuple[Agent | None, str]:
        if name == HUMAN:
            return None, ""
        file = CardFile.find(home, name)
        return build_agent(file, models, session.world, folder, seed=session.seed), file.text

    def remodelling(seat: str, model: str) -> tuple[Agent, str]:
        run = session.store.latest_run()
        file = CardFile.stored(home, run.seats[seat] or "", run.cards[seat]).with_model(model)
        return build_agent(file, models, session.world, folder, seed=session.seed), file.text

    session.casting, session.remodelling = casting, remodelling
    session.store.on_wait = progress
    return session


def check_worlds(home: Home, given: Sequence[str]) -> None:
    """See that all of these can be opened, as far as that needs nothing generated. Raises `WorldError`."""
    for reference in given:
        if registry.resolve(reference, home=home).file is not None:
            registry.open_world(reference, home=home).close()


def check_players(home: Home, worlds: Sequence[str], players: Players, progress: Progress = silent) -> None:
    """Open and close worlds, to see that these can play all of them.

    Raises `WorldError`, `UsageError`, `CardError`.
    """
    for reference in worlds:
        progress(reference)
        world = registry.open_world(reference, home=home, progress=progress)
        try:
            players.files(home, world)
        finally:
            world.close()


def has_save(home: Home, save: str) -> bool:
    """Whether there is anything of a save, here or on a server. Raises `SaveError` where that cannot be seen."""
    if not is_url(save):
        return (home.save_folder(save) / "save.db").exists()
    with Store.connect(save) as store:
        return bool(store.runs())


def _begun(
    home: Home,
    save: str | None,
    folder: Path | None,
    reference: str,
    players: Players,
    models: Models,
    seed: int,
    learn: bool,
    annotator: str,
    adapters: Path | None,
    progress: Progress,
) -> Session:
    from sandbox.session.session import Session

    world = registry.open_world(reference, home=home, progress=progress)
    try:
        files = players.files(home, world)
        seats = _agents(files, models, world, adapters, seed=seed)
        if folder is not None:
            store = Store.create(folder)
        else:
            store = Store.memory() if save is None else Store.connect(save, playing=True)
        return Session.create(
            store, world, seats, seed=seed, learn=learn, annotator=annotator, cards=_texts(files)
        )
    except BaseException:
        world.close()
        raise


def _resumed(
    home: Home,
    save: str,
    folder: Path | None,
    reference: str | None,
    players: Players | None,
    models: Models,
    learn: bool,
    annotator: str,
    progress: Progress,
) -> Session:
    from sandbox.session.session import Session

    with ExitStack() as undone:
        store = Store.connect(save, playing=True) if folder is None else Store.open(folder)
        undone.callback(store.close)
        latest = store.latest_run()
        if reference is not None and not _same_world(home, reference, latest.world):
            raise SaveError(
                f"the save is of the world {latest.world!r}, not {reference!r}",
                where=store.file,
                hint="choose another --save, or leave the world out",
            )
        world = registry.open_world(latest.world, home=home, progress=progress, name=latest.world)
        undone.callback(world.close)
        files = stored_cards(home, latest.seats, latest.cards) if players is None else players.files(home, world)
        seats = _agents(files, models, world, folder, seed=latest.seed)
        session = Session.resume(store, world, seats, learn=learn, annotator=annotator, cards=_texts(files))
        undone.pop_all()
        return session


def _same_world(home: Home, asked: str, kept: str) -> bool:
    """Whether a reference means the world of a save. Raises `WorldError` where it means none."""
    meant = registry.resolve(asked, home=home).canonical
    try:
        return meant in (kept, registry.resolve(kept, home=home).canonical)
    except WorldError:
        return False


def agents_of(home: Home, run: Run, models: Models, world: World[Any]) -> dict[str, Agent | None]:
    """The agents of a run of a save, fresh, by the cards that the save holds. Raises `SandboxError`."""
    return _agents(stored_cards(home, run.seats, run.cards), models, world, seed=run.seed)


def _agents(
    files: Mapping[str, CardFile | None],
    models: Models,
    world: World[Any],
    save: Path | None = None,
    *,
    seed: int,
) -> dict[str, Agent | None]:
    return {
        seat: None if file is None else build_agent(file, models, world, save, seed=seed + number)
        for number, (seat, file) in enumerate(files.items())
    }


def _texts(files: Mapping[str, CardFile | None]) -> dict[str, str]:
    return {seat: file.text for seat, file in files.items() if file is not None}


def stored_cards(
    home: Home, seats: Mapping[str, str | None], texts: Mapping[str, str]
) -> dict[str, CardFile | None]:
    """The cards as the save has them, so that it goes on exactly as it was, whatever became of the files."""
    found: dict[str, CardFile | None] = {}
    for seat, name in seats.items():
        if name is None:
            found[seat] = None
        elif seat in texts:
            found[seat] = CardFile.stored(home, name, texts[seat])
        else:
            found[seat] = CardFile.find(home, name)
    return found
