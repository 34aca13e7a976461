"""The kind of language model that computes in this process."""

from __future__ import annotations

from pathlib import Path

from sandbox.llm import registry
from sandbox.types import LanguageModel, Progress


class LocalKind:
    """Models that compute in this process."""

    def state(self, reference: str, folder: Path | None) -> str:
        return registry.readiness(reference, relative_to=folder)

    def open(self, reference: str, *, folder: Path | None, threads: int, progress: Progress) -> LanguageModel:
        from sandbox.llm.local import LocalModel

        source = registry.resolve(reference, relative_to=folder)
        progress(f"loading the language model {source.name}")
        return LocalModel.load(source.folder, name=source.name, threads=threads)


KIND = LocalKind()
