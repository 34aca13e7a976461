"""What commands offer that can be carried out by many processes: `--engine ray` and what goes with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Annotated, Any, Literal

import typer

from sandbox.errors import UsageError
from sandbox.machine import cores
from sandbox.scale.inline import InlinePool
from sandbox.scale.jobs import Pool
from sandbox.scale.models import PlacedModels

Engine = Annotated[
    Literal["local", "ray"],
    typer.Option(help="Who does the work: this process, or many, by Ray, here or on a cluster."),
]
Address = Annotated[
    str | None,
    typer.Option(metavar="ADDRESS", help="Ray cluster to join, such as 10.0.0.1:6379. [default: one of its own]"),
]
Workers = Annotated[
    int | None,
    typer.Option(min=1, max=10_000, help="Processes of --engine ray. [default: one for each processor]"),
]


@dataclass(frozen=True)
class Crew:
    """Who is asked for on the command line. Raises `UsageError` where the options do not go together."""

    engine: Literal["local", "ray"]
    address: str | None
    workers: int | None
    batch: int = 1
    """Jobs that each process does at once."""

    def __post_init__(self) -> None:
        if not self.shared and (self.address is not None or self.workers is not None):
            raise UsageError("--address and --workers are for many processes", hint="add --engine ray")
        if self.shared:
            from sandbox.scale.cluster import check_ray

            check_ray()

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
