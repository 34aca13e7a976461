"""Make the adapter that ships with the default agents: `make voice`.

    python -m sandbox.tune.voice FOLDER [--stages N]

Rounds like any other, in a save of their own under FOLDER, from seeds alone. Each learns from an eighth of the
worlds, and goes on from the adapter of the one before it; what the last one made is put into `agents/`.
"""

from __future__ import annotations

import argparse
import json
import shutil
import sys
from pathlib import Path

import safetensors.torch
import torch

from sandbox.files import new_folder
from sandbox.paths import bundled
from sandbox.tune import collect, rounds
from sandbox.tune.adapters import ABOUT, BASE, CONFIG, WEIGHTS, Adapters
from sandbox.tune.rounds import RoundPlan
from sandbox.tune.settings import TrainingSettings
from sandbox.tune.voice.source import write_worlds
from sandbox.world import registry

MODEL = "smollm2-135m-instruct"
CARD = f"""\
persona: You are playing a text adventure. Explore, and do what the goal asks.
model: {MODEL}
combine:
  method: prior
  repeat_penalty: 0.5
"""
GAMES = (
    "tw:custom?quest=3..6&seed=7001..7024",
    "tw:custom?quest=8&seed=7025..7032",
    "tw:treasure?level=22&seed=7001..7008",
    "tw:treasure?level=25&seed=7009..7016",
    "tw:cooking?recipe=1&take=1&go=6&open=true&seed=7001..7008",
)
HOUSES, PAIRS = range(7000, 7080), range(7000, 7060)
SETTINGS = TrainingSettings(rank=8, alpha=16, epochs=1, batch=1, learning_rate=5e-4)
SPEAKS = SETTINGS.model_copy(update={"emphasis": 6.0})
"""By the second stage it speaks, and there are many more words than commands."""
HOLDS = SETTINGS.model_copy(update={"emphasis": 2.0, "rehearsal": 2.0, "learning_rate": 3e-4})
"""By the third there are enough commands, and words count again; it is held to what it was in all other text."""
SCHEDULE = (SETTINGS, SPEAKS, HOLDS, HOLDS, HOLDS.model_copy(update={"learning_rate": 2e-4}))
"""How the stages train."""
PARTS = 8
NAME = "voice"


def plan(folder: Path, stage: int, parent: str) -> RoundPlan:
    """The round of a stage, counted from 0: every eighth world, from a different one on."""
    games = [registry.resolve(each).canonical for game in GAMES for each in collect.expand(game)]
    native = write_worlds(folder / "worlds", houses=HOUSES[stage::PARTS], pairs=PAIRS[stage::PARTS])
    return RoundPlan(
        home=folder,
        save=folder / "saves" / NAME,
        card=CARD,
        model=MODEL,
        parent=parent,
        sources=("voice",),
        worlds=(*games[stage::PARTS], *native),
        rule="none",
        settings=SCHEDULE[stage],
    )


def publish(adapters: Adapters, adapter: str, target: Path) -> None:
    """Write an adapter and all that it was trained on from as one, its weights in bfloat16."""
    chain = [adapters.get(adapter)]
    while chain[-1].parent != BASE:
        chain.append(adapters.get(chain[-1].parent))
    source, latest = adapters.path(adapter), chain[0]
    kinds = {kind for about in chain for kind in about.examples}
    about = latest.model_copy(
        update={
            "id": NAME,
            "parent": BASE,
            "examples": {kind: sum(each.examples.get(kind, 0) for each in chain) for kind in sorted(kinds)},
            "worlds": tuple(dict.fromkeys(_named(world) for each in reversed(chain) for world in each.worlds)),
            "seconds": sum(each.seconds for each in chain),
        }
    )
    weights = safetensors.torch.load_file(source / WEIGHTS)
    half = {name: weight.to(torch.bfloat16).contiguous() for name, weight in weights.items()}
    shutil.rmtree(target, ignore_errors=True)
    with new_folder(target) as work:
        (work / WEIGHTS).write_bytes(safetensors.torch.save(half, metadata={"format": "pt"}))
        shutil.copyfile(source / CONFIG, work / CONFIG)
        (work / ABOUT).write_text(about.model_dump_json(indent=2) + "\n", encoding="utf-8")


def _named(world: str) -> str:
    """A world without the paths of this machine."""
    return Path(world).parent.name if "/" in world else world


def main(arguments: list[str]) -> int:
    """Run the rounds, or what is left of them, and publish what they made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("folder", type=Path, help="where it is kept, to be gone on with if it is interrupted")
    most = len(SCHEDULE)
    parser.add_argument("--stages", type=int, default=most, choices=range(1, most + 1), help="rounds to run")
    given = parser.parse_args(arguments)
    adapter = BASE
    for stage in range(given.stages):
        made = _round(plan(given.folder.absolute(), stage, adapter))
        if made is None:
            return 1
        adapter = made
    publish(Adapters.of(given.folder / "saves" / NAME), adapter, bundled() / "agents" / NAME)
    return 0


def _round(wanted: RoundPlan) -> str | None:
    """The adapter of a round, run now or earlier; None where it failed."""
    found = next((each for each in rounds.rounds_of(wanted.save) if each.plan == wanted), None)
    if found is None or found.state != "finished":
        found = rounds.start(wanted) if found is None else rounds.resume(found)
        for event in found.follow():
            sys.stdout.write(f"{event.kind} {json.dumps(event.data)}\n")
            sys.stdout.flush()
    return found.adapter


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
