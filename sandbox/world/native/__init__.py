"""Worlds that people write: one YAML file, played by the engine, checked by the solver."""

from sandbox.world.native.loader import Source, parse_definition, parse_source, read_source
from sandbox.world.native.schema import Adventure, Definition, Task
from sandbox.world.native.state import State
from sandbox.world.native.task import TaskWorld
from sandbox.world.native.world import NativeWorld, load_world, make_world

__all__ = [
    "Adventure",
    "Definition",
    "NativeWorld",
    "Source",
    "State",
    "Task",
    "TaskWorld",
    "load_world",
    "make_world",
    "parse_definition",
    "parse_source",
    "read_source",
]
