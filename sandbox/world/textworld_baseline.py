"""TextWorld's own environment at its usual pace: what the engine here is measured against."""

from __future__ import annotations

import random
import time
from pathlib import Path


def steps_per_second(game: Path, seconds: float, *, seed: int = 0, episode: int = 50) -> float:
    """Random admissible commands, listed at every step and asked for with nothing else, over some CPU seconds.

    Args:
        game: a compiled `.z8` with its `.json` beside it.
        seconds: how long to play; loading and resets are not counted.
        seed: of the choices.
        episode: commands before a reset.
    """
    import textworld

    generator = random.Random(seed)
    environment = textworld.start(str(game), textworld.EnvInfos(admissible_commands=True))
    steps, spent = 0, 0.0
    try:
        while spent < seconds:
            state = environment.reset()
            started = time.process_time()
            for _ in range(episode):
                state, _, done = environment.step(generator.choice(state["admissible_commands"]))
                steps += 1
                if done:
                    break
            spent += time.process_time() - started
    finally:
        environment.close()
    return steps / spent
