"""What commands offer that can be carried out by many processes: `--engine ray` and what goes with it."""

from __future__ import annotations

from typing import Annotated

import typer

from sandbox.errors import UsageError
from sandbox.scale import crew as crews
from sandbox.scale.crew import Crew

Engine = Annotated[
    crews.Engine,
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


def crew(engine: crews.Engine, address: str | None, workers: int | None, batch: int = 1) -> Crew:
    """Who is asked for on the command line. Raises `UsageError` where the options do not go together."""
    asked = Crew(engine, address, workers, batch)
    if not asked.shared and (address is not None or workers is not None):
        raise UsageError("--address and --workers are for many processes", hint="add --engine ray")
    if asked.shared:
        from sandbox.scale.cluster import check_ray

        check_ray()
    return asked
