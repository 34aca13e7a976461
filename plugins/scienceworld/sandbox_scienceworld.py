"""The tasks of ScienceWorld (Wang et al. 2022) as worlds: `scienceworld:boil?fold=test&seed=1`.

The simulator runs on Java, in a process of its own, and is asked through py4j. A step takes 15 ms, listing what
can be done 150. It has no snapshots: going back replays the commands, without the lists.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any, Literal

from sandbox.types import Progress, World
from sandbox.world import options
from sandbox.world.java import JavaProcess, simulator_version
from sandbox.world.registry import one_seat
from sandbox.world.replayed import Prospect, ReplayedWorld

PREFIX, WHAT = "scienceworld:", "ScienceWorld"
TASKS = (
    *("boil", "melt", "freeze", "change-the-state-of-matter-of", "use-thermometer"),
    *("measure-melting-point-known-substance", "measure-melting-point-unknown-substance"),
    *("power-component", "power-component-renewable-vs-nonrenewable-energy"),
    *("test-conductivity", "test-conductivity-of-unknown-substances"),
    *("find-living-thing", "find-non-living-thing", "find-plant", "find-animal", "grow-plant", "grow-fruit"),
    *("chemistry-mix", "chemistry-mix-paint-secondary-color", "chemistry-mix-paint-tertiary-color"),
    *("lifespan-longest-lived", "lifespan-shortest-lived", "lifespan-longest-lived-then-shortest-lived"),
    *("identify-life-stages-1", "identify-life-stages-2", "inclined-plane-determine-angle"),
    *("inclined-plane-friction-named-surfaces", "inclined-plane-friction-unnamed-surfaces"),
    *("mendelian-genetics-known-plant", "mendelian-genetics-unknown-plant"),
)
VERBS = (
    *("look around", "inventory", "go to", "open", "close", "pick up", "put down", "move", "focus on", "look at"),
    *("look in", "activate", "deactivate", "use", "pour", "dunk", "mix", "read", "eat", "connect", "disconnect"),
    *("flush", "task", "wait"),
)
_ELECTRICAL = ("power-component", "conductivity")
_BETWEEN = {"move": " to ", "pour": " into ", "dunk": " into ", "use": " on "}
"""The word between the two things of such a command."""
_FOLDS = {"train": "getVariationsTrain", "dev": "getVariationsDev", "test": "getVariationsTest"}


class ScienceTask(options.GameOptions):
    """What every task has. The seed counts the variations of the fold, and begins again at its end."""

    shown = ("fold",)
    fold: Literal["train", "dev", "test"] = "train"
    easy: bool = False
    """With all of ScienceWorld's simplifications: open doors and containers, going anywhere at once, and more."""
    commands: bool = True
    """Whether what can be done is listed, which takes ten times as long as doing it."""


class Simulator:
    """A running ScienceWorld with one task in it. Scores go from 0 to 100; one below 0 is the end."""

    def __init__(self, task: str, given: ScienceTask) -> None:
        from scienceworld.constants import JAR_PATH

        self._task, self._simplified, self._lists = task, "easy" if given.easy else "", given.commands
        self._java = JavaProcess(Path(JAR_PATH), WHAT)
        self._server = self._java.classes.scienceworld.runtime.pythonapi.PythonInterface()
        self._server.load(task, 0, "", False)
        variations = list(getattr(self._server, _FOLDS[given.fold])())
        self._variation = int(variations[given.seed % len(variations)])
        self._load(gold=False)

    def begin(self) -> str:
        self._server.reset()
        return self.give("look around")

    def give(self, command: str) -> str:
        return str(self._server.step(command))

    def prospect(self) -> Prospect:
        score = round(100 * float(self._server.getScore()))
        done = bool(self._server.getCompleted()) or score < 0
        inventory = str(self._server.freeActionInventory())
        return Prospect(
            description=str(self._server.freeActionLook()),
            inventory=inventory,
            goal=str(self._server.getTaskDescription()),
            score=float(score),
            max_score=100.0,
            admissible=self._listed(inventory) if self._lists else None,
            done=done,
            won=score >= 100,
        )

    def walkthrough(self) -> tuple[str, ...]:
        self._load(gold=True)
        return tuple(self._server.getGoldActionSequence())

    def kill(self) -> None:
        self._java.kill()

    def _listed(self, inventory: str) -> tuple[str, ...]:
        return tuple(listed(self._task, self._server.getValidActionObjectCombinations(), inventory))

    def _load(self, *, gold: bool) -> None:
        self._server.load(self._task, self._variation, self._simplified, gold)


def listed(task: str, valid: Iterable[str], inventory: str) -> Iterator[str]:
    """Of the thousand and more commands that the simulator would take, those worth choosing among.

    What is done with two things is listed for what is carried: whatever can be moved can be picked up first.
    Connecting things is listed in the tasks about electricity. Starting the task anew is the sandbox's to do.

    Args:
        task: its name.
        valid: what the simulator lists.
        inventory: as it prints it.
    """
    carried = set(inventory.replace("(", " ").replace(")", " ").replace(",", " ").split())
    electrical = any(word in task for word in _ELECTRICAL)
    for command in valid:
        verb, _, rest = command.partition(" ")
        if verb == "reset" or (verb in ("connect", "disconnect") and not electrical):
            continue
        if (between := _BETWEEN.get(verb)) and between in rest:
            thing = rest.partition(between)[0]
            if not thing.endswith(" in inventory") and not set(thing.partition(" in ")[0].split()) <= carried:
                continue
        yield command


class ScienceWorldKind:
    """The kind of world that `scienceworld:` references open."""

    def canonical(self, reference: str) -> str:
        return options.canonical(PREFIX, *self._parsed(reference))

    def open(self, reference: str, *, name: str, seats: int | None, progress: Progress) -> World[Any]:
        one_seat(seats, name)
        task, given = self._parsed(reference)
        version = simulator_version(WHAT, "scienceworld")
        return ReplayedWorld(
            partial(Simulator, task, given),
            name=name,
            title=f"{WHAT}: {task.replace('-', ' ')} {given.seed}",
            fingerprint=f"{self.canonical(reference)} scienceworld {version}",
            verbs=VERBS,
            seconds=60,
        )

    @staticmethod
    def _parsed(reference: str) -> tuple[str, ScienceTask]:
        return options.parse(reference, PREFIX, dict.fromkeys(TASKS, ScienceTask), maker=WHAT)


KIND = ScienceWorldKind()
