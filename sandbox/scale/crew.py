"""Who does the work of a command: this process, or many."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any, Literal

from sandbox.machine import cores
from sandbox.scale.inline import InlinePool
from sandbox.scale.jobs import Pool
from sandbox.scale.models import PlacedModels

Engine = Literal["local", "ray"]


@dataclass(frozen=True, slots=True)
class Crew:
    """One process, or workers of Ray."""

    engine: Engine = "local"
    address: str | None = None
    """Of the cluster to join; None starts one here."""
    workers: int | None = None
    """None: one for each processor."""
    batch: int = 1
    """Jobs that each worker does at once."""

    @property
    def shared(self) -> bool:
        """Whether other processes do the work."""
        return self.engine == "ray"

    @contextmanager
    def joined(self) -> Iterator[PlacedModels | None]:
        """While there is a cluster: its language models; None where this process does the work."""
        if not self.shared:
            yield None
            return
        from sandbox.scale.cluster import RaySession

        # One more for a language model.
        with RaySession(self.address, (self.workers or cores()) + 1):
            yield PlacedModels()

    def pool(self, context: Any = None, *, slots: int = 1) -> AbstractContextManager[Pool]:
        """The workers, while `joined`.

        Args:
            context: of their jobs.
            slots: jobs that this process takes at once, where it does the work.
        """
        if not self.shared:
            return InlinePool(context, slots)
        from sandbox.scale.cluster import RayPool, processors

        return RayPool(context, workers=self.workers or processors(), batch=self.batch)


HERE = Crew()
