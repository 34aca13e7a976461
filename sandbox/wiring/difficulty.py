"""Which agents measure how hard a world is, and how they are set to it."""

from __future__ import annotations

import math
import time
from collections.abc import Iterator, Sequence

from sandbox.agent.registry import CardFile
from sandbox.config import Settings
from sandbox.errors import ModelError
from sandbox.llm import registry as model_registry
from sandbox.paths import Home
from sandbox.session import difficulty
from sandbox.session.difficulty import DifficultyTally
from sandbox.types import Progress, silent
from sandbox.wiring.agents import Models
from sandbox.wiring.sessions import Players, open_session

AGENTS = ("random", "q-table", "lm")
"""Cards of the floor, of Q-learning alone, and of the language model alone."""


def agents_at_hand(home: Home, on_note: Progress = silent) -> tuple[str, ...]:
    """Those of `AGENTS` that can play here: without a language model on this machine, not the last."""
    found = []
    for name in AGENTS:
        file = CardFile.find(home, name)
        try:
            if file.card.model is not None:
                model_registry.check(file.card.model, relative_to=file.folder)
        except ModelError as error:
            on_note(f"{name} is left out: {error}")
        else:
            found.append(name)
    return tuple(found)


def measure(
    home: Home,
    settings: Settings,
    world: str,
    agents: Sequence[str],
    *,
    practice: int = difficulty.PRACTICE,
    episodes: int = difficulty.EPISODES,
    turns: int = difficulty.TURNS,
    seed: int = 0,
    seconds: float = math.inf,
    on_note: Progress = silent,
) -> Iterator[DifficultyTally]:
    """Have agents play a world, one after the other; how each stands after each of its episodes.

    Those that learn practise first. Each gets an equal part of the seconds that are left.

    Raises `SandboxError` where a world, card or model cannot be used.
    """
    files = {name: CardFile.find(home, name) for name in agents}
    models = Models(settings, on_note)
    started = time.monotonic()
    for number, (name, file) in enumerate(files.items()):
        learns = file.card.learner is not None
        session = open_session(home, world, Players(name), models, seed=seed, learn=learns, progress=on_note)
        try:
            left = max(seconds - (time.monotonic() - started), 0.0) / (len(files) - number)
            yield from difficulty.measure(
                session, name, practice=practice if learns else 0, episodes=episodes, turns=turns, seconds=left
            )
        finally:
            session.close()
            session.world.close()
