"""The kinds of world that come with the program; what each needs is imported when one is opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from sandbox.types import Progress, World
from sandbox.world import games, story
from sandbox.world.registry import one_seat


class NativeKind:
    """Worlds of our own: the engine is imported when one is opened."""

    def canonical(self, reference: str) -> str:
        return reference

    def open(self, reference: str, *, name: str, seats: int | None, progress: Progress) -> World[Any]:
        from sandbox.world.advice import advised
        from sandbox.world.native.world import load_world

        return advised(load_world(Path(reference), name, seats))


class GeneratedKind:
    """The kind of world that `tw:` references open: games that TextWorld makes on demand."""

    def canonical(self, reference: str) -> str:
        return games.parse(reference).canonical

    def open(self, reference: str, *, name: str, seats: int | None, progress: Progress) -> World[Any]:
        one_seat(seats, name)
        from sandbox.world.textworld import TextWorldWorld

        game = games.parse(reference)
        return TextWorldWorld(games.compiled(game, progress), name=name, title=game.title)


class StoryKind:
    """The kind of world in story files: TextWorld's own where its `.json` lies beside it, else any other."""

    def canonical(self, reference: str) -> str:
        """The path of the story, also where the `.json` was named."""
        path = Path(reference)
        return str(path.with_suffix(".z8")) if path.suffix.lower() == ".json" else reference

    def open(self, reference: str, *, name: str, seats: int | None, progress: Progress) -> World[Any]:
        one_seat(seats, name)
        path = Path(reference)
        story.read(path)
        if path.suffix.lower() == ".z8" and path.with_suffix(".json").exists():
            from sandbox.world.textworld import TextWorldWorld

            return TextWorldWorld(path, name=name)
        from sandbox.world.zmachine import ZMachineWorld

        return ZMachineWorld(path, name=name)


NATIVE, GENERATED, STORY = NativeKind(), GeneratedKind(), StoryKind()
