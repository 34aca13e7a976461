"""Exploring a world by going back to where it is promising: Go-Explore (Ecoffet et al. 2021).

States are values here, so that going back is taking a snapshot out of an archive. For text games see Madotto et
al. 2020 and XTX (Tuyls et al. 2022). What is found is a learner's data: the best way, shortened, needs no going
back.
"""

from __future__ import annotations

import hashlib
import random
from base64 import b64decode, b64encode
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from sandbox.errors import SaveError
from sandbox.paths import cache_dir
from sandbox.tune.shorten import Remembered, shorten
from sandbox.types import Observation, World

DEPTH = 12
"""Commands from a cell on without meeting a new one, before another cell is gone back to."""
EXPLORED_SEED = 0
"""Of the explorations that rounds learn from: for a story the one of its walkthrough."""
_VARIANTS = 6
"""States that a cell keeps: what was done there is not all seen in place, inventory and score."""
_SHORTEN_UP_TO = 150
"""Commands of a way that is shortened; longer ones would take too long."""

CellKey = tuple[str, str, float]
"""Place, inventory, score."""


@dataclass(slots=True)
class Variant:
    """One state of a cell."""

    state: Any
    path: tuple[str, ...]
    """Commands that lead here from the opening."""
    tried: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Cell:
    """States that look the same: same place, same things carried, same score."""

    variants: dict[str, Variant] = field(default_factory=dict)
    """By what is perceived and what can be done."""
    visits: int = 0
    """How often it was gone back to or come upon."""
    found: int = 0
    """New cells that were met from here."""


@dataclass(frozen=True, slots=True)
class Milestone:
    """How far the exploration was after some steps."""

    steps: int
    cells: int
    places: int
    best: float


class _StoredVariant(BaseModel):
    model_config = ConfigDict(extra="forbid")
    looks: str
    state: str
    path: tuple[str, ...]
    tried: tuple[str, ...]


class _StoredCell(BaseModel):
    model_config = ConfigDict(extra="forbid")
    key: CellKey
    visits: int
    found: int
    variants: list[_StoredVariant]


class _StoredArchive(BaseModel):
    model_config = ConfigDict(extra="forbid")
    version: Literal[1] = 1
    fingerprint: str
    seed: int
    steps: int
    random: tuple[int, tuple[int, ...], float | None]
    best: tuple[str, ...]
    best_score: float
    won: bool
    curve: list[tuple[int, int, int, float]]
    cells: list[_StoredCell]


def kept_in(world: World[Any], seed: int) -> Path:
    """The file of the user's cache that holds the exploration of a world."""
    return cache_dir() / "explore" / f"{world.fingerprint[:24]}-{seed}.json"


def best_way(world: World[Any], seed: int) -> tuple[str, ...]:
    """The best commands of the exploration that is kept, shortened. Raises `SaveError` where there is none."""
    file = kept_in(world, seed)
    if not file.is_file():
        raise SaveError(f"{world.name} has not been explored", hint=f"`sandbox explore {world.name}` does that")
    return Explorer.load(world, file.read_bytes()).shortened()


class Explorer:
    """Explores a world for one seat that lists its commands. The same seed explores the same way.

    Args:
        world: with one seat.
        seed: of the world and of the exploration.
    """

    def __init__(self, world: World[Any], seed: int = 0) -> None:
        self.world = world
        self.seed = seed
        self.steps = 0
        self.best: tuple[str, ...] = ()
        """The shortest commands known to the best score; a win is better than any score."""
        self.best_score = float("-inf")
        self.won = False
        self.curve: list[Milestone] = []
        self.cells: dict[CellKey, Cell] = {}
        self._random = random.Random(seed)
        start = world.initial(seed)
        self._meet(start, world.observe(start, world.seats[0]), ())

    @property
    def places(self) -> int:
        """How many places have been seen."""
        return len({place for place, _, _ in self.cells})

    def run(
        self,
        steps: int,
        *,
        stop: Callable[[], bool] = lambda: False,
        told: Callable[[Milestone], None] = lambda milestone: None,
    ) -> None:
        """Explore for so many steps more, or until told to stop; `told` hears of each way that was gone."""
        until = self.steps + steps
        while self.steps < until and not stop() and self._explore_once(until):
            milestone = Milestone(self.steps, len(self.cells), self.places, self.best_score)
            if not self.curve or (milestone.cells, milestone.best) != (self.curve[-1].cells, self.curve[-1].best):
                self.curve.append(milestone)
            told(milestone)

    def shortened(self) -> tuple[str, ...]:
        """The best way without what it did not need."""
        if not self.best or len(self.best) > _SHORTEN_UP_TO:
            return self.best
        return shorten(Remembered(self.world), self.seed, self.best, self.best_score, ends=self.won)

    def _explore_once(self, until: int) -> bool:
        """Go back to a cell and on from there; False where nothing is left to be tried."""
        chosen = self._choose()
        if chosen is None:
            return False
        cell, variant = chosen
        cell.visits += 1
        left = DEPTH
        seat = self.world.seats[0]
        while left and self.steps < until:
            seen = self.world.observe(variant.state, seat)
            listed = seen.admissible or ()
            if not listed:
                return True
            untried = [command for command in listed if command not in variant.tried]
            command = self._random.choice(untried or list(listed))
            variant.tried.add(command)
            step = self.world.step(variant.state, seat, command)
            self.steps += 1
            left -= 1
            path = (*variant.path, command)
            if step.terminated or step.truncated:
                self._judge(self.world.observe(step.state, seat), path)
                return True
            known = len(self.cells)
            after = self._meet(step.state, self.world.observe(step.state, seat), path)
            if len(self.cells) > known:
                cell.found += 1
                left = DEPTH
            variant = after
        return True

    def _choose(self) -> tuple[Cell, Variant] | None:
        """A cell by chance: seldom visited, high in score, and one where something is left to be tried."""
        low = min(key[2] for key in self.cells)
        span = max(self.best_score - low, 1.0)
        open_cells = [(key, cell) for key, cell in self.cells.items() if cell.variants]
        weights = [
            (1 + 3 * (key[2] - low) / span) * (1 + cell.found) / (1 + cell.visits) for key, cell in open_cells
        ]
        if not open_cells:
            return None
        (_, cell), *_ = self._random.choices(open_cells, weights)
        return cell, self._random.choice(list(cell.variants.values()))

    def _meet(self, state: Any, seen: Observation, path: tuple[str, ...]) -> Variant:
        """Enter a state into the archive; the variant to go on from."""
        self._judge(seen, path)
        cell = self.cells.setdefault(cell_key(seen), Cell())
        cell.visits += 1
        looks = hashlib.sha256("\n".join((seen.state_key, *(seen.admissible or ()))).encode()).hexdigest()[:16]
        known = cell.variants.get(looks)
        if known is None:
            known = Variant(state, path)
            if len(cell.variants) < _VARIANTS:
                cell.variants[looks] = known
        elif len(path) < len(known.path):
            known.state, known.path = state, path
        return Variant(state, path, known.tried)

    def _judge(self, seen: Observation, path: tuple[str, ...]) -> None:
        mark = (seen.won, seen.score, -len(path))
        if mark > (self.won, self.best_score, -len(self.best)):
            self.won, self.best_score, self.best = seen.won, seen.score, path

    def dump(self) -> bytes:
        """The whole exploration as JSON, to go on from."""
        version, numbers, gauss = self._random.getstate()
        cells = [
            _StoredCell(
                key=key,
                visits=cell.visits,
                found=cell.found,
                variants=[
                    _StoredVariant(
                        looks=looks,
                        state=b64encode(self.world.dump(variant.state)).decode(),
                        path=variant.path,
                        tried=tuple(sorted(variant.tried)),
                    )
                    for looks, variant in cell.variants.items()
                ],
            )
            for key, cell in self.cells.items()
        ]
        return (
            _StoredArchive(
                fingerprint=self.world.fingerprint,
                seed=self.seed,
                steps=self.steps,
                random=(version, numbers, gauss),
                best=self.best,
                best_score=self.best_score,
                won=self.won,
                curve=[(each.steps, each.cells, each.places, each.best) for each in self.curve],
                cells=cells,
            )
            .model_dump_json()
            .encode()
        )

    @classmethod
    def load(cls, world: World[Any], data: bytes) -> Explorer:
        """The exploration in these bytes. Raises `SaveError` where they are damaged or of another world."""
        try:
            stored = _StoredArchive.model_validate_json(data)
        except ValidationError as error:
            raise SaveError("this is no exploration", hint="--fresh begins anew") from error
        if stored.fingerprint != world.fingerprint:
            raise SaveError("this exploration is of another version of the world", hint="--fresh begins anew")
        explorer = cls(world, stored.seed)
        explorer._random.setstate(stored.random)
        explorer.steps, explorer.best, explorer.won = stored.steps, stored.best, stored.won
        explorer.best_score = stored.best_score
        explorer.curve = [Milestone(*each) for each in stored.curve]
        explorer.cells = {
            cell.key: Cell(
                {
                    each.looks: Variant(world.load(b64decode(each.state)), each.path, set(each.tried))
                    for each in cell.variants
                },
                cell.visits,
                cell.found,
            )
            for cell in stored.cells
        }
        return explorer


def cell_key(seen: Observation) -> CellKey:
    """The cell of a moment. The place is the first line of the surroundings, which names it in stories."""
    surroundings = (seen.description or seen.text).strip()
    return surroundings.partition("\n")[0][:200], seen.inventory, seen.score
