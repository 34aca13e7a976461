"""Building a world by words: each changes the commented text of its file, and nothing else in it."""

from sandbox.world.building.verbs import BUILDERS, Builder, EditOutcome, build

__all__ = ["BUILDERS", "Builder", "EditOutcome", "build"]
