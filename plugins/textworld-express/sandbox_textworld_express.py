"""The games of TextWorldExpress (Jansen and Côté 2022) as worlds: `twx:coin?locations=5&seed=1`.

The simulator runs on Java, in a process of its own, and is asked through py4j. Games are generated in a moment; a
step takes some 3 ms. It has no snapshots: going back replays the commands.
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path
from typing import Any, ClassVar, Literal

from pydantic import Field

from sandbox.errors import WorldError
from sandbox.types import Progress, World
from sandbox.world import options
from sandbox.world.java import JavaProcess, simulator_version
from sandbox.world.registry import one_seat
from sandbox.world.replayed import Prospect, ReplayedWorld

PREFIX, WHAT = "twx:", "TextWorldExpress"
VERBS = (
    *("look around", "inventory", "move", "take", "put", "open", "close", "read", "examine", "eat", "cook"),
    *("slice", "dice", "chop", "prepare meal", "task", "help"),
)
_FOLDS = {"train": "getSeedsTrain", "dev": "getSeedsDev", "test": "getSeedsTest"}


class Express(options.GameOptions):
    """What every game has. The seed counts within the fold, and begins again at its end."""

    title: ClassVar[str]
    fold: Literal["train", "dev", "test"] = "train"

    def settings(self) -> str:
        """The options under the names that the simulator uses."""
        given = self.model_dump(by_alias=True, exclude={"seed", "fold"})
        return ",".join(f"{name}={int(value)}" for name, value in given.items())


def _number(default: int, least: int, most: int, name: str) -> Any:
    return Field(default=default, ge=least, le=most, serialization_alias=name)


def _flag(default: bool, name: str) -> Any:
    return Field(default=default, serialization_alias=name)


class CookingWorld(Express):
    """Gather the ingredients of a recipe, prepare and eat them."""

    title = "cooking"
    shown = ("locations", "ingredients")
    locations: int = _number(11, 1, 11, "numLocations")
    ingredients: int = _number(3, 1, 5, "numIngredients")
    distractors: int = _number(10, 0, 10, "numDistractorItems")
    doors: bool = _flag(True, "includeDoors")
    limited: bool = _flag(True, "limitInventorySize")


class CommonSense(Express):
    """Put things where they belong (Murugesan et al. 2021)."""

    title = "common sense"
    shown = ("locations", "items")
    locations: int = _number(3, 1, 3, "numLocations")
    items: int = _number(4, 1, 10, "numItemsToPutAway")
    doors: bool = _flag(False, "includeDoors")
    limited: bool = _flag(False, "limitInventorySize")


class Coin(Express):
    """Find the coin and take it (Yuan et al. 2018)."""

    title = "coin collector"
    shown = ("locations",)
    locations: int = _number(11, 1, 11, "numLocations")
    distractors: int = _number(0, 0, 10, "numDistractorItems")
    doors: bool = _flag(True, "includeDoors")
    limited: bool = _flag(True, "limitInventorySize")


class MapReader(Express):
    """Bring a coin from where a map shows it."""

    title = "map reader"
    shown = ("locations", "distance")
    locations: int = _number(15, 1, 50, "numLocations")
    distance: int = _number(4, 1, 8, "maxDistanceApart")
    distractors: int = _number(3, 0, 3, "maxDistractorItemsPerLocation")
    doors: bool = _flag(False, "includeDoors")
    limited: bool = _flag(False, "limitInventorySize")


class Arithmetic(Express):
    """Bring as many things as a sum comes to."""

    title = "arithmetic"


class Sorting(Express):
    """Put things into a box, the smallest amount first."""

    title = "sorting"


class SimonSays(Express):
    """Do what Simon says."""

    title = "Simon says"
    shown = ("length",)
    length: int = _number(5, 1, 400, "gameLength")
    distractors: int = _number(3, 0, 5, "numDistractors")
    memory: bool = _flag(False, "memorization")
    verbose: bool = _flag(False, "verbose")


class PeckingOrder(Express):
    """Do what the instructions say."""

    title = "pecking order"


GAMES: dict[str, type[Express]] = {
    "cookingworld": CookingWorld,
    "twc": CommonSense,
    "coin": Coin,
    "mapreader": MapReader,
    "arithmetic": Arithmetic,
    "sorting": Sorting,
    "simonsays": SimonSays,
    "peckingorder": PeckingOrder,
}
"""By the names that the simulator has for them."""


class Simulator:
    """A running TextWorldExpress with one game in it."""

    def __init__(self, game: str, given: Express) -> None:
        from textworld_express.constants import JAR_PATH

        self._java = JavaProcess(Path(JAR_PATH), WHAT)
        self._server = self._java.classes.textworldexpress.runtime.PythonInterface()
        if problem := self._server.load(game, given.settings()):
            self.kill()
            raise WorldError(f"{WHAT}: {problem}")
        seeds = list(getattr(self._server, _FOLDS[given.fold])())
        self._seed, self._fold = int(seeds[given.seed % len(seeds)]), given.fold
        self._goal = ""
        self._now: dict[str, Any] = {}

    def begin(self) -> str:
        return self._new(gold=False)

    def give(self, command: str) -> str:
        if command == "help":
            return self._goal
        return self._told(self._server.stepJSON(command))

    def prospect(self) -> Prospect:
        score = float(self._now["score"])
        won = bool(self._now["tasksuccess"]) or score >= 1.0
        return Prospect(
            description=self._now["look"],
            inventory=self._now["inventory"],
            goal=self._goal,
            score=score,
            max_score=1.0,
            admissible=tuple(self._now["validActions"]),
            done=won or bool(self._now["taskfailure"]),
            won=won,
        )

    def walkthrough(self) -> tuple[str, ...]:
        self._new(gold=True)
        return tuple(self._server.getGoldActionSequence())

    def kill(self) -> None:
        self._java.kill()

    def _new(self, *, gold: bool) -> str:
        said = self._told(self._server.generateNewGameJSON(self._seed, self._fold, gold))
        self._goal = str(self._server.getTaskDescription())
        return said

    def _told(self, answer: str) -> str:
        self._now = json.loads(answer)
        return str(self._now["observation"])


class ExpressKind:
    """The kind of world that `twx:` references open."""

    def canonical(self, reference: str) -> str:
        return options.canonical(PREFIX, *self._parsed(reference))

    def open(self, reference: str, *, name: str, seats: int | None, progress: Progress) -> World[Any]:
        one_seat(seats, name)
        game, given = self._parsed(reference)
        version = simulator_version(WHAT, "textworld-express")
        return ReplayedWorld(
            partial(Simulator, game, given),
            name=name,
            title=f"{WHAT}: {given.title} {given.seed}",
            fingerprint=f"{self.canonical(reference)} textworld-express {version}",
            verbs=VERBS,
        )

    @staticmethod
    def _parsed(reference: str) -> tuple[str, Express]:
        return options.parse(reference, PREFIX, GAMES, maker=WHAT)


KIND = ExpressKind()
