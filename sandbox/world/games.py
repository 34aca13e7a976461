"""Games that TextWorld generates: their options, and the one compiled file that each set of options stands for.

A game is compiled once into the cache folder and is the same file, byte for byte, whenever and wherever the same
reference is compiled with the same version of TextWorld. The options are those of TextWorld's own `tw-make`.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path
from typing import Any, ClassVar, Literal

from filelock import FileLock
from pydantic import Field, model_validator

from sandbox.errors import WorldError
from sandbox.paths import cache_dir
from sandbox.processes import least_environment
from sandbox.types import Progress
from sandbox.world import options, story
from sandbox.world.options import GameOptions, Seed

PREFIX = "tw:"
_COMPILE_SECONDS = 120
_SERIAL = slice(0x12, 0x18)


class GameKind(GameOptions):
    """Options of one kind of game."""

    kind: ClassVar[str]
    challenge: ClassVar[str]
    """Name in `tw-make`."""

    @property
    def canonical(self) -> str:
        """The reference with the same meaning in one spelling only."""
        return options.canonical(PREFIX, self.kind, self)

    @property
    def title(self) -> str:
        """What a person calls it."""
        return f"TextWorld {self.kind} {self.seed}"

    def settings(self) -> dict[str, Any]:
        """The options under the names that TextWorld uses."""
        return self.model_dump(exclude={"seed"})


class Custom(GameKind):
    """A house of rooms and things with a quest of so many actions."""

    kind = "custom"
    challenge = "custom"
    shown = ("rooms", "objects", "quest")

    rooms: int = Field(default=5, ge=1, le=50)
    objects: int = Field(default=10, ge=1, le=100)
    quest: int = Field(default=5, ge=1, le=20)
    """Actions that the quest takes."""
    breadth: int | None = Field(default=None, ge=1, le=5)
    """Subquests of the quest; left to chance, 1 to 5, where it is not given."""
    quests: int = Field(default=1, ge=1, le=5)
    """Quests side by side."""
    theme: Literal["house", "basic"] = "house"
    adjectives: bool = False
    blend_descriptions: bool = False
    blend_instructions: bool = False
    ambiguous_instructions: bool = False
    only_last_action: bool = False
    """The goal tells only the last action."""
    numbering: bool = False
    """Number the things where the names run out."""


class Coin(GameKind):
    """Find the coin at the end of a chain of rooms (Yuan et al. 2018). From level 101 on there are side rooms."""

    kind = "coin"
    challenge = "tw-coin_collector"
    shown = ("level",)

    level: int = Field(default=5, ge=1, le=300)

    @model_validator(mode="after")
    def _fits_a_story_file(self) -> Coin:
        if (rooms := ((self.level - 1) // 100 + 1) * ((self.level - 1) % 100 + 1)) > 100:
            raise ValueError(
                f"level {self.level} has {rooms} rooms and a story file holds 100: try 1-100, 101-150, 201-233"
            )
        return self


class Treasure(GameKind):
    """Find the right one of two things (Parisotto and Salakhutdinov 2017).

    Levels 1 to 10 are easy, 11 to 20 have doors, 21 to 30 locks.
    """

    kind = "treasure"
    challenge = "tw-treasure_hunter"
    shown = ("level",)

    level: int = Field(default=3, ge=1, le=30)


class Simple(GameKind):
    """Find and cook the right food in a house of six rooms."""

    kind = "simple"
    challenge = "tw-simple"
    shown = ("rewards", "goal")

    rewards: Literal["dense", "balanced", "sparse"] = "dense"
    goal: Literal["detailed", "brief", "none"] = "detailed"
    test: bool = False
    """Draw from the test games."""


class Cooking(GameKind):
    """Gather the ingredients of a recipe, prepare and eat them (the First TextWorld Problems competition)."""

    kind = "cooking"
    challenge = "tw-cooking"
    shown = ("recipe", "take", "go")

    recipe: int = Field(default=1, ge=1, le=5)
    """Ingredients in the recipe."""
    take: int = Field(default=0, ge=0, le=5)
    """Ingredients to be found first."""
    go: Literal[1, 6, 9, 12] = 1
    """Rooms."""
    open: bool = False
    """Doors and containers are closed."""
    cook: bool = False
    cut: bool = False
    drop: bool = False
    """Only so much can be carried."""
    recipe_seed: Seed = 0
    split: Literal["train", "valid", "test"] | None = None

    @model_validator(mode="before")
    @classmethod
    def _rooms_are_a_number(cls, data: Any) -> Any:
        if isinstance(data, dict) and isinstance(data.get("go"), str) and data["go"].isdigit():
            return {**data, "go": int(data["go"])}
        return data

    @model_validator(mode="after")
    def _take_is_part_of_the_recipe(self) -> Cooking:
        if self.take > self.recipe:
            raise ValueError(f"take={self.take} is more than recipe={self.recipe}")
        return self


KINDS: dict[str, type[GameKind]] = {game.kind: game for game in (Custom, Coin, Cooking, Treasure, Simple)}


def parse(reference: str) -> GameKind:
    """The options in a reference such as `tw:coin?level=5&seed=1`. Raises `WorldError` naming the near miss."""
    return options.parse(reference, PREFIX, KINDS, maker="TextWorld")[1]


def compiled(game: GameKind, progress: Progress | None = None) -> Path:
    """The `.z8` file of a game, with its `.json` beside it; compiled (about 3 seconds) where it is not there yet.

    Raises `WorldError` where TextWorld cannot make such a game.
    """
    games = cache_dir() / "games"
    key = hashlib.sha256(f"{game.canonical}\n{metadata.version('textworld')}".encode()).hexdigest()[:16]
    folder = games / f"{game.kind}-{key}"
    try:
        if not _whole(folder):
            games.mkdir(parents=True, exist_ok=True)
            with FileLock(games / f".{key}.lock"):
                if not _whole(folder):
                    if progress is not None:
                        progress(f"Compiling {game.canonical} (once, some seconds)")
                    _compile(game, folder)
    except OSError as error:
        raise WorldError(
            f"games cannot be kept here: {error.strerror or error}",
            where=games,
            hint="make room and make it writable, or set SANDBOX_CACHE to another folder",
        ) from error
    return folder / "game.z8"


def _whole(folder: Path) -> bool:
    file = folder / "game.z8"
    return file.is_file() and (folder / "game.json").is_file() and not story.flaw(file.read_bytes())


def _compile(game: GameKind, folder: Path) -> None:
    """Compile into a temporary folder beside the final one, then rename it."""
    scratch = Path(tempfile.mkdtemp(prefix=".compiling-", dir=folder.parent))
    try:
        output = scratch / "game.z8"
        _generate(game, output)
        _without_date(output)
        shutil.rmtree(folder, ignore_errors=True)  # a damaged one
        scratch.rename(folder)
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def _generate(game: GameKind, output: Path) -> None:
    """Have TextWorld make the game, in a process of its own.

    TextWorld draws from a global generator and iterates over sets: only a fresh process with a fixed hash seed
    makes the same game each time. It also keeps prints off the screen and bounds the time.
    """
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.world.games_process"],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=output.parent,
        env=least_environment(PYTHONHASHSEED="0"),
        text=True,
        start_new_session=True,
    )
    request = {
        "challenge": game.challenge,
        "seed": game.seed,
        "settings": game.settings(),
        "output": str(output),
    }
    hint = "try another seed, or ask for less"
    try:
        _, errors = process.communicate(json.dumps(request), timeout=_COMPILE_SECONDS)
    except subprocess.TimeoutExpired as error:
        raise WorldError(
            f"TextWorld found no such game in {_COMPILE_SECONDS} s", where=game.canonical, hint=hint
        ) from error
    finally:
        with contextlib.suppress(ProcessLookupError):  # the compilers it started, too
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
    if process.returncode != 0 or not output.is_file():
        last = (errors.strip().splitlines() or ["it gave no reason"])[-1]
        raise WorldError(f"TextWorld cannot make this game: {last[:300]}", where=game.canonical, hint=hint)


def _without_date(file: Path) -> None:
    """Replace the serial number, the date of compilation, which the story's checksum does not cover."""
    data = bytearray(file.read_bytes())
    data[_SERIAL] = b"000000"
    file.write_bytes(data)
