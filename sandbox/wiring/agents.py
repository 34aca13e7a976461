"""Cards, the language models they name, and the agents that the two make."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path, PurePath
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from sandbox.agent.agent import CardAgent
from sandbox.agent.cards import Card, Remote
from sandbox.agent.learners import build_learner
from sandbox.agent.registry import CardFile
from sandbox.config import Settings
from sandbox.errors import HostError, ModelError, NoMemoryError, UsageError
from sandbox.llm import registry as model_registry
from sandbox.llm.cached import CachedModel
from sandbox.llm.catalogue import ModelSource
from sandbox.llm.lazy import LazyModel
from sandbox.llm.permission import Permission
from sandbox.llm.service.client import ModelProcess
from sandbox.paths import bundled
from sandbox.scale.models import PlacedModel, PlacedModels
from sandbox.tune.adapters import BASE, Adapters
from sandbox.tune.live import LiveModel
from sandbox.types import Device, Dtype, LanguageModel, ModelKind, Progress, World, silent

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel


_MODEL_GIB = 1.5
"""Address space without which torch and transformers cannot be loaded."""


class Models:
    """Language models, each loaded once, when it is first asked, and shared by all agents that name it.

    Args:
        settings: where and with how many threads they compute, and which servers may be asked.
        on_note: told before one is loaded, which takes seconds.
        permission: which servers may be asked for this run; None goes by the settings alone.
        placed: local ones on a cluster, in place of those of this machine.
    """

    def __init__(
        self,
        settings: Settings,
        on_note: Progress = silent,
        permission: Permission | None = None,
        placed: PlacedModels | None = None,
    ) -> None:
        self._settings = settings
        self._on_note = on_note
        self._permission = permission or Permission(settings.remote.hosts)
        self._placed = placed
        self._here: dict[object, LazyModel] = {}
        self._processes: dict[object, ModelProcess] = {}
        self._playing: dict[object, CachedModel] = {}

    def get(self, reference: str, folder: Path | None = None) -> LocalModel:
        """The model that a card names, loaded in this process. Raises `ModelError`."""
        return self._lazy(model_registry.resolve(reference, relative_to=folder), self._loading()).model

    def open(self, reference: str) -> LanguageModel:
        """A model of any kind that the registry knows; a local one in this process. Raises `ModelError`."""
        kind = model_registry.kind_of(reference)
        return self.get(reference) if kind is None else self._foreign(kind, reference, None)

    def asked(
        self, reference: str, folder: Path | None = None, device: Device = "auto", dtype: Dtype = "auto"
    ) -> ModelProcess | LazyModel | PlacedModel:
        """The model that a card names, to be asked where the settings have it compute. Raises `ModelError`.

        Args:
            reference: as `registry.resolve` understands it.
            folder: that the reference starts from.
            device: where the card would have it compute; the settings come first.
            dtype: in what numbers; the settings come first.
        """
        source, loading = model_registry.resolve(reference, relative_to=folder), self._loading(device, dtype)
        if self._placed is not None:
            return self._placed.local(source, loading)
        if not self._settings.model_process:
            return self._lazy(source, loading)
        process = ModelProcess(source.name, source.folder, loading, self._on_note)
        return self._processes.setdefault((source.folder, *loading.values()), process)

    def _loading(self, device: Device = "auto", dtype: Dtype = "auto") -> dict[str, Any]:
        own = self._settings
        return {
            "threads": own.threads,
            "device": device if own.device == "auto" else own.device,
            "dtype": dtype if own.dtype == "auto" else own.dtype,
        }

    def _lazy(self, source: ModelSource, loading: Mapping[str, Any]) -> LazyModel:

        def load() -> LocalModel:
            NoMemoryError.check_room(_MODEL_GIB, "a language model")
            self._on_note(f"loading the language model {source.name}")
            return _load(source, loading)

        return self._here.setdefault((source.folder, *loading.values()), LazyModel(source.name, load))

    def playing(
        self, file: CardFile, save: Path | None = None, adapter: str | None = None
    ) -> LanguageModel | None:
        """What answers for a card: local with the adapters of a save, or remote; behind a decision cache.

        Cards that name the same model share it, with its cache and its budget. None where a card names none.

        Args:
            file: the card.
            save: folder of the save whose adapters it takes up.
            adapter: one of them to stay with, or `base`; None goes with whatever is in use.

        Raises:
            ModelError: it cannot be found, or the key of a remote one is not set.
            HostError: its server may not be asked, and nobody is there to be asked about that.
            UsageError: there is no such adapter, or it is another model's.
        """
        remote, model = file.card.remote, file.card.model
        takes = model if remote is None else remote.adapters
        if adapter is not None and (takes is None or save is None):
            raise UsageError(f"agent {file.card.name!r} has no language model here that could take an adapter")
        if remote is not None:
            place = None if remote.adapters is None else (save, adapter)
            return self._shared(
                (remote, file.folder, file.own, place), lambda: self._remote(remote, file, save, adapter)
            )
        if model is None:
            return None
        kind = model_registry.kind_of(model)
        if kind is not None:
            if not file.own:
                raise ModelError(
                    f"a card that is not your own would play with {model}",
                    hint="copy the card into your agents/ if you trust it",
                )
            if adapter is not None:
                raise UsageError(f"{model} takes no adapters", hint="name an agent with a local model")
            return self._shared((model, file.folder), lambda: self._foreign(kind, model, file.folder))
        if adapter not in (None, BASE) and save is not None:
            name, made_for = (
                model_registry.resolve(model, relative_to=file.folder).name,
                Adapters.of(save).get(adapter).model,
            )
            if made_for != name:
                raise UsageError(f"adapter {adapter!r} is for {made_for}, not for {name}")
        base = self.asked(model, file.folder, file.card.device, file.card.dtype)
        own = file.card.adapter
        # Also without any adapter: the model may carry another card's at the moment.
        adapters = Adapters(bundled() / "agents", own or BASE) if save is None else Adapters.of(save, own)
        if own is not None:
            adapters.path(own)
        return self._shared((base, save, own, adapter), lambda: LiveModel(base, adapters, adapter))

    def _shared(self, key: object, make: Callable[[], LanguageModel]) -> CachedModel:
        if key not in self._playing:
            self._playing[key] = CachedModel(make())
        return self._playing[key]

    def _foreign(self, kind: ModelKind, model: str, folder: Path | None) -> LanguageModel:
        return kind.open(model, folder=folder, threads=self._settings.threads, progress=self._on_note)

    def _remote(self, given: Remote, file: CardFile, save: Path | None, adapter: str | None) -> LanguageModel:
        from sandbox.llm.fallback import FallbackModel, UniformModel
        from sandbox.llm.remote import RemoteModel
        from sandbox.tune.served import ServedModel

        folder, fallback = file.folder, given.fallback
        if file.own or not self._permission.asks:
            file.check(self._permission)
        known = given.model_dump(exclude={"fallback", "adapters"})
        bare = RemoteModel(**known, permission=self._permission, own=file.own)
        remote: RemoteModel | ServedModel = bare
        if given.adapters is not None and save is not None:
            remote = ServedModel(bare, Adapters.of(save), given.adapters, adapter)
        if fallback is None:
            return remote
        if fallback == "uniform":
            return FallbackModel(remote, UniformModel)
        model_registry.resolve(fallback, relative_to=folder)
        return FallbackModel(remote, lambda: self.asked(fallback, folder))


def _load(source: ModelSource, loading: Mapping[str, Any]) -> LocalModel:
    from sandbox.llm.local import LocalModel

    return LocalModel.load(source.folder, name=source.name, **loading)


def model_of(card: Card) -> str:
    """The language model of a card in a word: a name, or `model@server`; empty without one."""
    if card.remote is not None:
        return f"{PurePath(card.remote.model).name}@{urlsplit(card.remote.base_url).netloc}"
    return card.model or ""


def model_state(file: CardFile, settings: Settings, *, ask: bool = False, timeout: float = 3.0) -> str:
    """Whether the language model of a card could play, in a few words; empty without one. Loads nothing.

    Args:
        file: the card.
        settings: which servers may be asked.
        ask: whether a server is asked if it is there.
        timeout: seconds that it may take.
    """
    remote = file.card.remote
    if remote is None:
        return model_registry.readiness(file.card.model, relative_to=file.folder) if file.card.model else ""
    permission = Permission(settings.remote.hosts)
    try:
        permission.check(remote.base_url, own=file.own)
        permission.key(remote.base_url)
    except HostError as error:
        return f"not allowed: {error.hint}"
    except ModelError:
        return f"{permission.key_name(remote.base_url)} is not set"
    if not ask:
        return "not asked"
    from sandbox.llm.endpoint import Endpoint

    server = Endpoint(
        remote.base_url, permission=permission, own=file.own, timeout=timeout, plain_http=remote.plain_http
    )
    return str(server.probe())


def build_agent(
    file: CardFile,
    models: Models,
    world: World[Any],
    save: Path | None = None,
    *,
    adapter: str | None = None,
    seed: int = 0,
) -> CardAgent:
    """The agent that a card describes, fresh, to play in this world, with the adapters of a save, or with one."""
    model = models.playing(file, save, adapter)
    learner = build_learner(file.card, model, verbs=world.verbs, seed=seed)
    return CardAgent(file.card, model, learner, verbs=world.verbs)
