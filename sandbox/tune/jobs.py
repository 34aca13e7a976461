"""What many processes can do of a round: explore its worlds, and play the episodes of its gate."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from sandbox.agent.cards import Card
from sandbox.paths import Home
from sandbox.scale.jobs import PiecesJob, Workplace
from sandbox.session.runner import Episode
from sandbox.tune import gate
from sandbox.tune.selfplay import Explored, explore
from sandbox.tune.starts import EpisodeStart
from sandbox.types import LanguageModel
from sandbox.world import registry


def explored(home: Home, reference: str) -> Explored:
    """What came of exploring a world."""
    with closing(registry.open_world(reference, home=home)) as world:
        return explore(world)


@dataclass(frozen=True, kw_only=True)
class ExploreJob(PiecesJob[str]):
    """Worlds to be explored; an item is what came of one."""

    home: Home

    def work(self, place: Workplace) -> Iterator[Explored]:
        return (explored(self.home, reference) for reference in self.pieces)


@dataclass(frozen=True, kw_only=True)
class GateStage:
    """The context of a pool that plays the episodes of a gate."""

    home: Home
    card: Card
    max_steps: int
    cancel: Path
    """Where this file is, nobody plays on."""
    player: Callable[[Workplace], LanguageModel]
    """The language model to be judged."""


@dataclass(frozen=True, kw_only=True)
class GateJob(PiecesJob[EpisodeStart]):
    """Where episodes of one world start; its items are these episodes. May raise `Stopped`."""

    world: str

    @property
    def course(self) -> Hashable:
        return self.world

    def work(self, place: Workplace) -> Iterator[Episode]:
        stage: GateStage = place.context
        model = stage.player(place)
        with closing(registry.open_world(self.world, home=stage.home)) as world:
            for start in self.pieces:
                yield from gate.play(
                    stage.card, model, world, [start], max_steps=stage.max_steps, stop=stage.cancel.exists
                )
