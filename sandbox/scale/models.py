"""Language models that many workers share: actors of their own, which answer together what is asked together.

A question has all that its answer depends on, so Ray may put it again to an actor that was started anew.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from sandbox.llm.batching import ModelRequest, RequestQueue, answered
from sandbox.llm.catalogue import ModelSource
from sandbox.llm.questions import AdaptedModel, Answering, Question

_WAITING = 64
"""Requests that may wait in an actor."""


@dataclass(eq=False, slots=True)
class _Call(ModelRequest):
    """A request of a thread that waits."""

    found: list[Any] | Exception | None = None


class Gathering:
    """Has a model answer together what came while it was busy. Each caller waits on a thread of its own.

    Args:
        model: answers on one thread at a time.
    """

    def __init__(self, model: AdaptedModel) -> None:
        self.model = model
        self._waiting: RequestQueue[_Call] = RequestQueue()
        self._lock = threading.Lock()
        self._computing = threading.Lock()

    def answer_with(self, adapter: Path | None, questions: Sequence[Question]) -> list[Any]:
        """The answers. Where a batch fails, each request of it is answered by itself."""
        own = _Call(adapter, questions)
        with self._lock:
            self._waiting.add(own)
        with self._computing:
            while not own.over:  # others may have taken it along
                with self._lock:
                    taken = self._waiting.take()
                for call, found in answered(taken, self._ask):
                    call.found, call.over = found, True
        if isinstance(own.found, Exception):
            raise own.found
        return own.found or []

    def _ask(self, calls: Sequence[_Call]) -> list[Any]:
        return self.model.answer_with(calls[0].adapter, [each for call in calls for each in call.questions])


@dataclass(frozen=True, slots=True)
class About:
    """What is to be known of a model beside its answers."""

    name: str
    width: int
    chats: bool


class ModelActor:
    """The actor's body."""

    def __init__(self, load: Callable[[], AdaptedModel]) -> None:
        self._load = load
        self._gathering: Gathering | None = None
        self._lock = threading.Lock()

    def about(self) -> About:
        model = self._ready().model
        return About(model.name, model.width, model.chats)

    def answer(self, adapter: Path | None, questions: Sequence[Question]) -> list[Any]:
        return self._ready().answer_with(adapter, questions)

    def _ready(self) -> Gathering:
        with self._lock:
            if self._gathering is None:
                self._gathering = Gathering(self._load())
            return self._gathering


class PlacedModel(Answering):
    """A model that an actor answers for.

    Args:
        name: with which the model is known before it is loaded.
        actor: whose.
    """

    def __init__(self, name: str, actor: Any) -> None:
        self._name = name
        self._actor = actor
        self._about: About | None = None

    @property
    def name(self) -> str:
        return self._name

    @property
    def width(self) -> int:
        return self._known().width

    @property
    def chats(self) -> bool:
        return self._known().chats

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        return self.answer_with(None, questions)

    def answer_with(self, adapter: Path | None, questions: Sequence[Question]) -> list[Any]:
        """The answers with an adapter merged in. Raises `ModelError`."""
        found: list[Any] = self._got(self._actor.answer.remote(adapter, list(questions)))
        return found

    def _known(self) -> About:
        if self._about is None:
            self._about = self._got(self._actor.about.remote())
        return self._about

    def _got(self, ref: Any) -> Any:
        import ray

        try:
            return ray.get(ref)
        except ray.exceptions.RayTaskError as error:
            raise error.cause or error from None


class PlacedModels:
    """The actors of all models: one for each GPU of the cluster, or one for each node where there is none.

    The program that starts the run makes them, when the first of its agents names a model; workers find them. They
    end with the program.
    """

    def __init__(self, number: int | None = None) -> None:
        self._number = number
        """Of the worker; None in the program that makes them."""
        self._kept: list[Any] = []
        """An actor lives as long as its maker refers to it."""

    def of_worker(self, number: int) -> PlacedModels:
        """The same, for a worker."""
        return PlacedModels(number)

    def local(self, source: ModelSource, loading: Mapping[str, Any]) -> PlacedModel:
        """A model of a folder that is under the same path everywhere; `loading` is for `LocalModel.load`."""
        key = "-".join(map(str, (source.folder, *loading.values())))
        return self.get(key, f"{source.name}@base", partial(_load, source, loading))

    def get(self, key: str, name: str, load: Callable[[], AdaptedModel]) -> PlacedModel:
        """The model of a key.

        Args:
            key: the same in all processes for the same model, loaded the same way.
            name: of the model, before it is loaded.
            load: loads it, in the actor. Travels as a pickle.
        """
        import ray

        gpus = int(ray.cluster_resources().get("GPU", 0))
        copies = gpus or sum(node["Alive"] for node in ray.nodes())
        if self._number is None:
            how = {
                "num_gpus": 1 if gpus else 0,
                "num_cpus": 0 if gpus else 1,
                "max_restarts": -1,
                "max_task_retries": -1,
                "max_concurrency": _WAITING,
                "scheduling_strategy": "SPREAD",
                "get_if_exists": True,
            }
            made = ray.remote(ModelActor)
            actors = [made.options(name=f"{key}/{each}", **how).remote(load) for each in range(copies)]
            self._kept += actors
            return PlacedModel(name, actors[0])
        return PlacedModel(name, ray.get_actor(f"{key}/{self._number % copies}"))


def _load(source: ModelSource, loading: Mapping[str, Any]) -> AdaptedModel:
    from sandbox.llm.local import LocalModel

    return LocalModel.load(source.folder, name=source.name, **loading)
