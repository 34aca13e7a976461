"""The voice as a source of examples for a round: which games are played, how often, in whose voice."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from sandbox.agent.cards import Card
from sandbox.tune.examples import TranscriptExample
from sandbox.tune.selfplay import explore
from sandbox.tune.voice.speech import book
from sandbox.tune.voice.teacher import Turn, demonstrations
from sandbox.tune.voice.worlds import house, pair
from sandbox.types import World

TAKES = 2
"""How often each world is played, each time with other detours and another persona."""
PLAIN = "companion"
"""The persona of every third take."""
WALKTHROUGH = "walkthrough.txt"


def write_worlds(folder: Path, *, houses: range, pairs: range) -> list[str]:
    """Write native worlds, each with a way to win beside it. Returns the paths of their files."""
    written = []
    for made in (*map(house, houses), *map(pair, pairs)):
        place = folder / made.name
        place.mkdir(parents=True, exist_ok=True)
        (place / "world.yaml").write_text(made.text, encoding="utf-8")
        (place / WALKTHROUGH).write_text(made.walkthrough, encoding="utf-8")
        written.append(str(place / "world.yaml"))
    return written


def from_world(world: World[Any], reference: str, card: Card, number: int) -> Iterator[TranscriptExample]:
    """Demonstrations in one world, the second time on a way that self-play found where that is quick.

    Args:
        world: with listed commands.
        reference: what it was opened by.
        card: of the agent that is to learn.
        number: of the world among all of them: personas take turns by it.
    """
    others = [name for name in book().personas if name != PLAIN]
    for take in range(TAKES):
        name = PLAIN if (number + take) % 3 == 0 else others[(number + take * 2) % len(others)]
        turns = _turns(world, reference, take)
        yield from demonstrations(world, turns, card, name=name, seed=1000 * take + number)


def _turns(world: World[Any], reference: str, take: int) -> list[Turn]:
    file = Path(reference).with_name(WALKTHROUGH)
    if not reference.startswith("tw:") and file.is_file():
        if take and len(world.seats) == 1 and (found := explore(world, budget=1500).commands):
            return [(world.seats[0], command) for command in found]
        lines = (line.partition("> ") for line in file.read_text(encoding="utf-8").splitlines())
        return [(seat, command) for seat, _, command in lines]
    return [(world.seats[0], command) for command in getattr(world, "walkthrough", tuple)()]
