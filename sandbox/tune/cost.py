"""What learning from feedback costs: memory and time of a training on preferences or ratings, as a program.

    python -m sandbox.tune.cost dpo smollm2-135m-instruct

It prints one line of JSON. It is a process of its own, for the peak of the memory is that of a process.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from pathlib import Path
from typing import Literal

from sandbox.agent import prompt
from sandbox.agent.cards import parse_card
from sandbox.llm.local import LocalModel
from sandbox.paths import Home
from sandbox.tune import training
from sandbox.tune.examples import Example, Label, Origin, PreferencePair, context_of, play_through
from sandbox.tune.rounds import RoundPlan
from sandbox.tune.settings import TrainingSettings
from sandbox.world import registry

CostMethod = Literal["dpo", "kto"]
WORLD = "lighthouse"
PAIRS = 8
"""Spread over a game of 67 commands; their prompts have 142 to 1,692 tokens, 1,033 on average."""


def preferences(world: str, model: str) -> list[PreferencePair]:
    """The command of the walkthrough over another that the world takes, at moments all through the game."""
    opened = registry.open_world(world)
    file = registry.resolve(world).file
    assert file is not None, "a world of the bundle is a file"
    lines = file.with_name("walkthrough.txt").read_text(encoding="utf-8").splitlines()
    moments, _ = play_through(opened, 0, [line.removeprefix(">").strip() for line in lines if line.strip()])
    card = parse_card(f"model: {model}", "lm")
    found = []
    for moment in moments[:: len(moments) // PAIRS][:PAIRS]:
        other = next(each for each in moment.observation.admissible or ("wait",) if each != moment.command)
        found.append(
            PreferencePair(
                prompt=context_of(card, moment.observation, moment.history, opened.verbs),
                chosen=prompt.option(moment.command),
                rejected=prompt.option(other),
                origin=Origin(kind="preference", world=world),
            )
        )
    return found


def measure(method: CostMethod, model: str) -> dict[str, float]:
    """Train for an epoch. Returns `peak_gib`, of this process, and `seconds_per_pair`: for KTO two ratings."""
    pairs = preferences(WORLD, model)
    data: list[Example] = list(pairs)
    if method == "kto":
        data = [
            Label(prompt=pair.prompt, completion=text, good=good, origin=pair.origin)
            for pair in pairs
            for text, good in ((pair.chosen, True), (pair.rejected, False))
        ]
    settings = TrainingSettings.for_method(method, epochs=1)
    plan = RoundPlan(home=Path(), save=Path("saves/cost"), card=f"model: {model}", model=model, settings=settings)
    loaded = LocalModel.load(model)
    started = time.perf_counter()
    training.train(
        loaded,
        data,
        plan,
        parent=None,
        home=Home(Path()),
        checkpoint=None,
        on_step=lambda progress: None,
        on_note=lambda text: None,
        stop=lambda: False,
    )
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    return {"peak_gib": peak, "seconds_per_pair": seconds / len(pairs)}


if __name__ == "__main__":
    print(json.dumps(measure(*sys.argv[1:])))  # type: ignore[arg-type]  # noqa: T201
