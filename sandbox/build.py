"""Names and files become objects here, and nowhere else: worlds, models, agents, sessions, the screen."""

from __future__ import annotations

import re
import shlex
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sandbox.agent import cards
from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card, Remote
from sandbox.agent.learners import build_learner
from sandbox.config import Settings
from sandbox.errors import CardError, ModelError, SaveError, UsageError, WorldError
from sandbox.llm import catalogue
from sandbox.llm.cached import CachedModel
from sandbox.paths import Home
from sandbox.play.renewal import Renewal
from sandbox.play.store import Run, Store
from sandbox.tune.adapters import Adapters
from sandbox.tune.live import LiveModel
from sandbox.types import Agent, LanguageModel, World
from sandbox.world import references

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel
    from sandbox.play.session import Session
    from sandbox.tune.rounds import Plan as RoundPlan
    from sandbox.tune.settings import Method

HUMAN = "human"
WITHOUT_MODEL = "q-table"
"""Card that plays where the default agent's language model is not on this machine."""

Progress = Callable[[str], None]


def _silent(message: str) -> None:
    pass


# Worlds.


def open_world(home: Home, reference: str, progress: Progress = _silent) -> World[Any]:
    """A world by reference: generated, a story file, a world of our own by name or file. Raises `WorldError`."""
    parsed = references.parse(reference)
    if parsed.kind != "native":
        return references.open_world(parsed, progress)
    from sandbox.world.native import load_world

    return load_world(world_file(home, reference), name=reference)


def world_file(home: Home, name: str) -> Path:
    """The file of a world of our own, by its name or path. Raises `WorldError` with the near misses."""
    path = Path(name).expanduser()
    if path.suffix in (".yaml", ".yml") or path.is_file():
        if not path.is_file():
            raise WorldError("no such world file", where=path, mend="check the path")
        return path
    if path.is_dir() and (path / "world.yaml").is_file():
        return path / "world.yaml"
    found = home.world_file(name)
    if found is None:
        raise WorldError(f"there is no world {name!r}", mend=_did_you_mean(name, home.names("worlds"), "world"))
    return found


# Cards, models, agents.


@dataclass(frozen=True, slots=True)
class CardFile:
    """A card, the text it was read from, and where."""

    card: Card
    text: str
    folder: Path | None = None
    """What relative paths of models start from."""

    @classmethod
    def find(cls, home: Home, name: str) -> CardFile:
        """A card by name, or by the path of its file. Raises `CardError`."""
        path = Path(name).expanduser() if name.endswith((".yaml", ".yml")) else home.card_file(name)
        if path is None:
            raise CardError(f"there is no agent {name!r}", mend=_did_you_mean(name, home.names("agents"), "agent"))
        card = cards.load_card(path)
        return cls(card, path.read_text(encoding="utf-8"), path.parent)


class Models:
    """Language models, each loaded once and shared by all agents that name it.

    Args:
        settings: how many threads they compute with.
        on_note: told before one is loaded, which takes seconds.
    """

    def __init__(self, settings: Settings, on_note: Progress = _silent) -> None:
        self._settings = settings
        self._on_note = on_note
        self._loaded: dict[Path, LocalModel] = {}
        self._playing: dict[object, CachedModel] = {}

    def get(self, reference: str, folder: Path | None = None) -> LocalModel:
        """The model that a card names. Raises `ModelError`."""
        source = catalogue.resolve(reference, relative_to=folder)
        if source.folder not in self._loaded:
            self._on_note(f"loading the language model {source.name}")
            from sandbox.llm.local import LocalModel

            self._loaded[source.folder] = LocalModel.load(
                source.folder, name=source.name, threads=self._settings.threads
            )
        return self._loaded[source.folder]

    def playing(self, file: CardFile, save: Path | None = None) -> LanguageModel | None:
        """What answers for a card: local with the adapters of a save, or remote; behind a decision cache.

        Cards that name the same model share it, with its cache and its budget. None where a card names none.

        Raises:
            ModelError: it cannot be found, or the key of a remote one is not set.
        """
        remote, model = file.card.remote, file.card.model
        if remote is not None:
            return self._shared((remote, file.folder), lambda: self._remote(remote, file.folder))
        if model is None:
            return None
        base = self.get(model, file.folder)
        return self._shared((base, save), lambda: base if save is None else LiveModel(base, Adapters.of(save)))

    def _shared(self, key: object, make: Callable[[], LanguageModel]) -> CachedModel:
        if key not in self._playing:
            self._playing[key] = CachedModel(make())
        return self._playing[key]

    def _remote(self, given: Remote, folder: Path | None) -> LanguageModel:
        from sandbox.llm.fallback import FallbackModel, UniformModel
        from sandbox.llm.remote import RemoteModel

        remote, fallback = RemoteModel(**given.model_dump(exclude={"fallback"})), given.fallback
        if fallback is None:
            return remote
        if fallback == "uniform":
            return FallbackModel(remote, UniformModel)
        catalogue.resolve(fallback, relative_to=folder)
        return FallbackModel(remote, lambda: self.get(fallback, folder))


def build_agent(
    file: CardFile, models: Models, world: World[Any], save: Path | None = None, *, seed: int = 0
) -> CardAgent:
    """The agent that a card describes, fresh, to play in this world, with the adapters of a save."""
    model = models.playing(file, save)
    return CardAgent(file.card, model, build_learner(file.card, seed=seed), verbs=world.verbs)


# Sessions.


@dataclass(frozen=True, slots=True)
class Cast:
    """Who is to hold which seat, by name of card, or `human`."""

    default: str
    seats: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def parse(cls, default: str, given: Sequence[str]) -> Cast:
        """From options of the form `NAME=CARD`. Raises `UsageError`."""
        seats = {}
        for text in given:
            seat, equals, holder = text.partition("=")
            if not (seat and equals and holder):
                raise UsageError(
                    f"--seat {text!r} is not of the form NAME=CARD", mend="such as --seat player=human"
                )
            seats[seat] = holder
        return cls(default, seats)

    def files(self, home: Home, world: World[Any]) -> dict[str, CardFile | None]:
        """The card of each seat of the world; None for a person. Raises `UsageError`, `CardError`."""
        for seat in self.seats:
            if seat not in world.seats:
                raise UsageError(f"{world.name} has no seat {seat!r}", mend=f"it has {', '.join(world.seats)}")
        holders = {seat: self.seats.get(seat, self.default) for seat in world.seats}
        return {seat: None if name == HUMAN else CardFile.find(home, name) for seat, name in holders.items()}


def open_session(
    home: Home,
    reference: str | None,
    cast: Cast | None,
    models: Models,
    *,
    save: str | None = None,
    seed: int | None = None,
    learn: bool = True,
    annotator: str = "anonymous",
    progress: Progress = _silent,
) -> Session:
    """The session of a save: gone on with where it exists, begun where it does not, kept nowhere without a name.

    Args:
        home: where names are looked up.
        reference: the world; None takes that of the save.
        cast: who plays; None takes the cards as the save has them.
        models: shared language models.
        save: name of the save.
        seed: of a new session.
        learn: whether agents explore and learn.
        annotator: pseudonym of the person.
        progress: told what takes time.

    Raises:
        SandboxError: something cannot be found or used; nothing was changed then.
    """
    folder = None if save is None else home.save_folder(save)
    if folder is not None and (folder / "save.db").exists():
        session = _resumed(home, folder, reference, cast, models, learn, annotator, progress)
    elif reference is None or cast is None:
        raise SaveError(f"there is no save {save!r}", mend="name a world to begin one")
    else:
        session = _begun(home, folder, reference, cast, models, seed or 0, learn, annotator, progress)
    name = session.world.name
    if references.parse(name).kind == "native":
        session.renewal = Renewal(world_file(home, name), lambda: open_world(home, name))
    return session


def _begun(
    home: Home,
    folder: Path | None,
    reference: str,
    cast: Cast,
    models: Models,
    seed: int,
    learn: bool,
    annotator: str,
    progress: Progress,
) -> Session:
    from sandbox.play.session import Session

    world = open_world(home, reference, progress)
    try:
        files = cast.files(home, world)
        seats = _agents(files, models, world, folder, seed=seed)
        store = Store.memory() if folder is None else Store.create(folder)
        return Session.create(
            store, world, seats, seed=seed, learn=learn, annotator=annotator, cards=_texts(files)
        )
    except BaseException:
        world.close()
        raise


def _resumed(
    home: Home,
    folder: Path,
    reference: str | None,
    cast: Cast | None,
    models: Models,
    learn: bool,
    annotator: str,
    progress: Progress,
) -> Session:
    from sandbox.play.session import Session

    with ExitStack() as undone:
        store = Store.open(folder)
        undone.callback(store.close)
        latest = store.latest_run()
        if reference is not None and references.parse(reference).canonical != latest.world:
            raise SaveError(
                f"the save is of the world {latest.world!r}, not {reference!r}",
                where=store.file,
                mend="choose another --save, or leave the world out",
            )
        world = open_world(home, latest.world, progress)
        undone.callback(world.close)
        files = _stored(home, latest.seats, latest.cards) if cast is None else cast.files(home, world)
        seats = _agents(files, models, world, folder, seed=latest.seed)
        session = Session.resume(store, world, seats, learn=learn, annotator=annotator, cards=_texts(files))
        undone.pop_all()
        return session


def agents_of(home: Home, run: Run, models: Models, world: World[Any]) -> dict[str, Agent | None]:
    """The agents of a run of a save, fresh, by the cards that the save holds. Raises `SandboxError`."""
    return _agents(_stored(home, run.seats, run.cards), models, world, seed=run.seed)


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


def _stored(home: Home, seats: Mapping[str, str | None], texts: Mapping[str, str]) -> dict[str, CardFile | None]:
    """The cards as the save has them, so that it goes on exactly as it was, whatever became of the files."""
    found: dict[str, CardFile | None] = {}
    for seat, name in seats.items():
        if name is None:
            found[seat] = None
        elif seat in texts:
            path = home.card_file(name)
            found[seat] = CardFile(cards.parse_card(texts[seat], name), texts[seat], path.parent if path else None)
        else:
            found[seat] = CardFile.find(home, name)
    return found


# The screen.


@dataclass(frozen=True, slots=True)
class PlayPlan:
    """All that `sandbox play` is going to open, checked as far as that is quick."""

    home: Home
    settings: Settings
    reference: str | None
    """None: the save knows."""
    cast: Cast | None
    """None: the save knows."""
    save: str
    seed: int
    notice: str = ""
    """Something the player should know first."""

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
    ) -> PlayPlan:
        """Fill in what was not said. Raises `SandboxError` for names that lead nowhere."""
        if save is not None and (home.save_folder(save) / "save.db").exists():
            if seed is not None:
                raise UsageError("a save keeps its seed", mend="leave --seed out, or choose another --save")
            cast = Cast.parse(agent or settings.agent, seats) if agent or seats else None
            return cls(home, settings, reference, cast, save, 0)
        reference = reference or settings.world
        parsed = references.parse(reference)
        if parsed.kind == "native":
            world_file(home, reference)
        notice = ""
        if agent == HUMAN:
            file = CardFile.find(home, WITHOUT_MODEL)
        else:
            file = CardFile.find(home, agent or settings.agent)
        if agent is None and file.card.model is not None:
            try:
                catalogue.resolve(file.card.model, relative_to=file.folder)
            except ModelError as error:
                file, notice = (
                    CardFile.find(home, WITHOUT_MODEL),
                    f"{error.message}: {WITHOUT_MODEL} plays. {error.mend}",
                )
        name = agent if agent is not None else file.card.name
        return cls(
            home,
            settings,
            reference,
            Cast.parse(name, seats),
            save or _new_name(home, reference),
            seed or 0,
            notice,
        )

    @property
    def shell_command(self) -> str:
        """How the same is run with no screen."""
        if self.reference is None or self.cast is None:
            return f"sandbox save show {shlex.quote(self.save)}"
        seats = "".join(f" --seat {shlex.quote(f'{seat}={name}')}" for seat, name in self.cast.seats.items())
        return f"sandbox run {shlex.quote(self.reference)} --agent {shlex.quote(self.cast.default)}{seats}"

    def open(self, progress: Progress = _silent) -> Session:
        """The session to play."""
        return open_session(
            self.home,
            self.reference,
            self.cast,
            Models(self.settings, progress),
            save=self.save,
            seed=self.seed,
            annotator=self.settings.annotator,
            progress=progress,
        )

    def plan_round(self, method: Method, **evaluation: Any) -> RoundPlan:
        """A fine-tuning round over the save. Raises `SandboxError` where there cannot be one."""
        from sandbox.tune.planning import make_plan
        from sandbox.tune.settings import Settings as Training

        training = Training.for_method(method)
        return make_plan(self.home, [self.save], training, threads=self.settings.threads, **evaluation)


def play_on_screen(plan: PlayPlan) -> None:
    """Open the screen and stay until the player leaves. Raises `SandboxError` where the game cannot be opened."""
    from sandbox.tui.app import SandboxApp
    from sandbox.tui.widgets.header import Title

    title = Title(plan.reference or plan.save, plan.cast.default if plan.cast else "", plan.save, plan.notice)
    error = SandboxApp(plan.open, title, plan.settings, plan.plan_round).run()
    if error is not None:
        raise error


def _new_name(home: Home, reference: str) -> str:
    """A name for a save that was not given one: the world and the time."""
    stem = (
        re.sub(r"[^\w]+", "-", Path(reference.partition("?")[0]).stem.replace("tw:", "tw-")).strip("-") or "game"
    )
    name = f"{stem[:32]}-{time.strftime('%m%d-%H%M%S')}"
    number = 2
    while home.save_folder(name).exists():
        name, number = f"{name}-{number}", number + 1
    return name


def _did_you_mean(name: str, names: Sequence[str], what: str) -> str:
    import difflib

    close = difflib.get_close_matches(name, names, n=1)
    if close:
        return f"did you mean {close[0]!r}?"
    return f"there are: {', '.join(names)}" if names else f"`sandbox {what} new` makes one"
