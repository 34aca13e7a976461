"""Language models beside each other: how fast each decides, writes and is trained, and how it plays untaught."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING

from sandbox.agent.cards import parse_card
from sandbox.bench import gpu
from sandbox.bench.report import Figure, Report, machine
from sandbox.bench.rounds import worlds_of
from sandbox.config import Settings
from sandbox.llm import registry as model_registry
from sandbox.llm.catalogue import ModelSource
from sandbox.tune import gate, starts
from sandbox.types import Progress
from sandbox.world import registry

if TYPE_CHECKING:
    from sandbox.llm.local import LocalModel

GAMES = "tw:custom?quest=3..4&seed=1001..1005"
QUICK_GAMES = "tw:coin?level=1&seed=3"
_STEPS, _QUICK_STEPS = 25, 3


def run(models: Sequence[str], settings: Settings, *, quick: bool, progress: Progress) -> Report:
    """Measure each model, as a row of a table.

    Args:
        models: as cards name them.
        settings: on which device, with what numbers and how many threads.
        quick: fewer turns, and a single game in place of ten.
        progress: told what is going on.

    Raises `ModelError` where one is not here; nothing was measured then.
    """
    started = time.perf_counter()
    sources = [model_registry.resolve(name) for name in models]
    figures = [each for source in sources for each in _row(source, settings, quick, progress)]
    return Report(machine(), time.perf_counter() - started, figures)


def _row(source: ModelSource, settings: Settings, quick: bool, progress: Progress) -> list[Figure]:
    from sandbox.llm.local import LocalModel

    def told(what: str) -> None:
        progress(f"{source.name}: {what}")

    model = LocalModel.load(
        source.folder,
        name=source.name,
        threads=settings.threads,
        device=settings.device,
        dtype=settings.dtype,
    )
    seconds, written = gpu.deciding(model, quick, told)
    won, games = _won(model, quick, told)
    trained = gpu.training(str(source.folder), settings.device, quick, told)
    return [
        Figure(f"models/{source.name}/decision", seconds.value, "s"),
        Figure(f"models/{source.name}/won of {games}", won, "games"),
        Figure(f"models/{source.name}/sampling", written.value, "tokens/s"),
        Figure(f"models/{source.name}/training", trained.value, "tokens/s"),
    ]


def _won(model: LocalModel, quick: bool, progress: Progress) -> tuple[int, int]:
    """How many of the generated games the model wins alone: no learner, no adapter."""
    card = parse_card(gpu.CARD.format(model="untaught"), "untaught")
    games = worlds_of(QUICK_GAMES if quick else GAMES)
    won = 0
    for number, reference in enumerate(games, start=1):
        progress(f"game {number} of {len(games)}")
        world = registry.open_world(reference)
        try:
            (episode,) = gate.play(
                card, model, world, starts.starts(world, (0,)), max_steps=_QUICK_STEPS if quick else _STEPS
            )
        finally:
            world.close()
        won += episode.won
    return won, len(games)
