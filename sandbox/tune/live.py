"""A save's language model: the base model with whichever adapter the save has in use at the moment."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.tune.adapters import BASE, Adapters
from sandbox.types import OptionScore, Sample

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel


class LiveModel:
    """A `LanguageModel` that takes up an accepted adapter, or a rollback, at its next call: nothing is restarted.

    Several saves may share one base model; it carries the adapter of the one that calls.

    Args:
        base: the model that all adapters of the save belong to; adapters of other models are passed over.
        adapters: those of the save.
    """

    def __init__(self, base: LocalModel, adapters: Adapters) -> None:
        self._base = base
        self._adapters = adapters

    @property
    def name(self) -> str:
        self._take_up()
        return self._base.name

    def score(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        self._take_up()
        return self._base.score(prompt, options)

    def sample(
        self,
        prompt: str,
        n: int,
        *,
        seed: int,
        max_tokens: int = 24,
        temperature: float = 1.0,
        stop: Sequence[str] = ("\n",),
    ) -> list[Sample]:
        self._take_up()
        return self._base.sample(prompt, n, seed=seed, max_tokens=max_tokens, temperature=temperature, stop=stop)

    def _take_up(self) -> None:
        active = self._adapters.active
        name = self._base.name.rpartition("@")[0]
        wanted = active != BASE and self._adapters.get(active).model == name
        folder = self._adapters.path(active) if wanted else None
        if folder != self._base.adapter:
            self._base.use_adapter(folder)
