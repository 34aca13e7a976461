"""Make the adapter that ships with the default agent: `make voice`.

    python -m sandbox.tune.voice FOLDER [--quick]

A round like any other, in a save of its own under FOLDER, from seeds alone; what it made is put into `agents/`.
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
from sandbox.tune.adapters import ABOUT, CONFIG, WEIGHTS, Adapters
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
    "tw:custom?quest=3..6&seed=7001..7012",
    "tw:custom?quest=8&seed=7013..7016",
    "tw:treasure?level=22&seed=7001..7004",
    "tw:treasure?level=25&seed=7005..7008",
    "tw:cooking?recipe=1&take=1&go=6&open=true&seed=7001..7004",
)
UNSEEN = "tw:custom?quest=3..6&seed=8901..8902"
HOUSES, PAIRS = range(7000, 7040), range(7000, 7030)
SETTINGS = TrainingSettings(rank=8, alpha=16, epochs=1, batch=1, learning_rate=5e-4)
NAME = "voice"


def plan(folder: Path, *, quick: bool) -> RoundPlan:
    """The round: which worlds, which settings."""
    every = 4 if quick else 1
    games = [registry.resolve(each).canonical for game in GAMES for each in collect.expand(game)][::every]
    native = write_worlds(folder / "worlds", houses=HOUSES[::every], pairs=PAIRS[::every])
    return RoundPlan(
        home=folder,
        save=folder / "saves" / NAME,
        card=CARD,
        model=MODEL,
        sources=("voice",),
        worlds=(*games, *native),
        eval_worlds=() if quick else tuple(registry.resolve(each).canonical for each in collect.expand(UNSEEN)),
        rule="none" if quick else "not-worse",
        settings=SETTINGS,
    )


def publish(source: Path, target: Path) -> None:
    """Copy an adapter, its weights in bfloat16."""
    weights = safetensors.torch.load_file(source / WEIGHTS)
    half = {name: weight.to(torch.bfloat16).contiguous() for name, weight in weights.items()}
    shutil.rmtree(target, ignore_errors=True)
    with new_folder(target) as work:
        (work / WEIGHTS).write_bytes(safetensors.torch.save(half, metadata={"format": "pt"}))
        for name in (CONFIG, ABOUT):
            data = json.loads((source / name).read_text(encoding="utf-8"))
            (work / name).write_text(json.dumps(_told(data), indent=2, sort_keys=True) + "\n", encoding="utf-8")


def _told(data: dict[str, object]) -> dict[str, object]:
    """What is known of an adapter, without the paths of this machine."""
    worlds = data.get("worlds")
    if isinstance(worlds, list):
        data = {**data, "id": NAME, "worlds": [Path(str(w)).parent.name if "/" in str(w) else w for w in worlds]}
    return data


def main(arguments: list[str]) -> int:
    """Run the round, or what is left of it, and publish what it made."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument(
        "folder", type=Path, help="where the round is kept, to be gone on with if it is interrupted"
    )
    parser.add_argument("--quick", action="store_true", help="a quarter of the data, and no evaluation")
    given = parser.parse_args(arguments)
    wanted = plan(given.folder.absolute(), quick=given.quick)
    earlier = next((each for each in rounds.rounds_of(wanted.save) if each.plan == wanted), None)
    if earlier is None or earlier.state != "finished":
        earlier = rounds.start(wanted) if earlier is None else rounds.resume(earlier)
        for event in earlier.follow():
            sys.stdout.write(f"{event.kind} {json.dumps(event.data)}\n")
            sys.stdout.flush()
    if earlier.adapter is None:
        return 1
    publish(Adapters.of(wanted.save).path(earlier.adapter), bundled() / "agents" / NAME)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
