"""How long a decision of each model on this machine takes, measured once and kept."""

from __future__ import annotations

from collections.abc import Callable

from sandbox.bench import decision
from sandbox.config import Settings
from sandbox.errors import SandboxError
from sandbox.llm import catalogue, speeds

_TURNS = 3


def measure_all(settings: Settings, progress: Callable[[str], None]) -> None:
    """Time every model that is here, fits into the memory, and was not timed before.

    Args:
        settings: on which device, and with what numbers.
        progress: told which model it is at.
    """
    for entry in catalogue.entries():
        if entry.state == "ready" and speeds.fits(speeds.parameters(entry.where)):
            progress(f"timing {entry.name}")
            measure(entry, settings)


def measure(entry: catalogue.Entry, settings: Settings) -> None:
    """Time one, unless that was done before; one that cannot be loaded is passed over."""
    from sandbox.llm import device as devices
    from sandbox.llm.local import LocalModel

    place = devices.chosen(settings.device)
    dtype = str(devices.numbers(settings.dtype, place)).partition(".")[2]
    known = speeds.speed(entry.where, 0, place.type, dtype)
    if known is not None and known.measured:
        return
    try:
        model = LocalModel.load(
            entry.where, threads=settings.threads, device=settings.device, dtype=settings.dtype
        )
        turns = [decision.turn(model, decision.scoring, [decision.TRANSCRIPT]) for _ in range(_TURNS + 1)][1:]
    except SandboxError:
        return
    speeds.keep(entry.where, place.type, dtype, decision.median(turns))
