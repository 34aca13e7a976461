"""The ways that rooms of a world have."""

from typing import Literal, get_args

Direction = Literal[
    "north", "south", "east", "west", "northeast", "northwest", "southeast", "southwest", "up", "down", "in", "out"
]  # fmt: skip
DIRECTIONS: tuple[Direction, ...] = get_args(Direction)
OPPOSITE: dict[str, str] = {
    "north": "south", "south": "north", "east": "west", "west": "east", "northeast": "southwest",
    "southwest": "northeast", "northwest": "southeast", "southeast": "northwest", "up": "down", "down": "up",
    "in": "out", "out": "in",
}  # fmt: skip
