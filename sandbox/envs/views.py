"""How an environment shows what a seat perceives, and reads what it wants: as text, or encoded in numbers."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

import numpy as np
import numpy.typing as npt
from gymnasium import spaces

from sandbox.agent.guess import guesses
from sandbox.envs.spaces import UnicodeText
from sandbox.errors import UsageError
from sandbox.text import clean_line
from sandbox.types import Observation

ViewName = Literal["text", "encoded"]

MAX_COMMANDS = 256
MAX_COMMAND = 400
MAX_TEXT = 8_192


class SpaceView(Protocol):
    """Turns observations into points of a space, and actions into commands."""

    def observation_space(self) -> spaces.Space[Any]: ...

    def action_space(self) -> spaces.Space[Any]: ...

    def show(self, seen: Observation) -> Any:
        """A fresh point of the observation space."""

    def command(self, action: Any, seen: Observation) -> str:
        """The command meant by an action that was chosen on this observation."""

    def info(self, seen: Observation) -> dict[str, Any]:
        """All else that the seat perceives, in fresh objects."""


def make_view(view: ViewName | SpaceView) -> SpaceView:
    """A view by its name, or as it is."""
    if isinstance(view, str):
        if view not in ("text", "encoded"):
            raise UsageError(f"there is no view {view!r}", hint="take 'text' or 'encoded'")
        return TextView() if view == "text" else EncodedView()
    return view


def with_list(seen: Observation, view: SpaceView, verbs: Sequence[str]) -> Observation:
    """The observation, with a list of guessed commands where the view numbers them and the world lists none."""
    if seen.admissible is not None or not verbs or not isinstance(view, EncodedView):
        return seen
    return replace(seen, admissible=() if seen.done else guesses(seen, verbs))


def mask(admissible: Sequence[str] | None, size: int) -> npt.NDArray[np.int8]:
    """1 for each slot that holds an admissible command; commands beyond the last slot have none."""
    slots = np.zeros(size, dtype=np.int8)
    slots[: len(admissible or ())] = 1
    return slots


def details(seen: Observation, size: int) -> dict[str, Any]:
    """An observation as Gymnasium's `info`.

    `admissible_mask` runs parallel to `admissible`, filled up with 0 to a fixed size, so that it can be batched.
    """
    return {
        "seat": seen.seat,
        "turn": seen.turn,
        "text": seen.text,
        "description": seen.description,
        "inventory": seen.inventory,
        "goal": seen.goal,
        "score": seen.score,
        "max_score": seen.max_score,
        "won": seen.won,
        "admissible": seen.admissible,
        "admissible_mask": mask(seen.admissible, size),
    }


@dataclass(frozen=True, slots=True)
class TextView:
    """Observations are what the world said, actions are commands as they would be typed."""

    max_text: int = MAX_TEXT
    """Characters of an observation; what is longer loses its end."""
    max_commands: int = MAX_COMMANDS
    """Slots of the mask in `info`."""

    def observation_space(self) -> spaces.Space[Any]:
        return UnicodeText(self.max_text)

    def action_space(self) -> spaces.Space[Any]:
        return UnicodeText(MAX_COMMAND, min_length=1)

    def show(self, seen: Observation) -> str:
        return seen.text[: self.max_text]

    def command(self, action: Any, seen: Observation) -> str:
        return clean_line(str(action), MAX_COMMAND)

    def info(self, seen: Observation) -> dict[str, Any]:
        return details(seen, self.max_commands)


@dataclass(frozen=True, slots=True)
class EncodedView:
    """Observations are UTF-8 bytes with an action mask; actions are places in the list of admissible commands.

    The bytes are the reply, the surroundings and what is carried, filled up with 0. Needs a world that lists its
    commands, or has verbs to guess them from.
    """

    max_bytes: int = 4_096
    """Bytes of an observation; what is longer loses its end."""
    max_commands: int = MAX_COMMANDS
    """Number of actions; admissible commands beyond that cannot be chosen."""

    def observation_space(self) -> spaces.Space[Any]:
        return spaces.Dict(
            {
                "observation": spaces.Box(0, 255, (self.max_bytes,), np.uint8),
                "action_mask": spaces.Box(0, 1, (self.max_commands,), np.int8),
            }
        )

    def action_space(self) -> spaces.Space[Any]:
        return spaces.Discrete(self.max_commands)

    def show(self, seen: Observation) -> dict[str, npt.NDArray[Any]]:
        if seen.admissible is None:
            raise UsageError(
                "this world does not list its commands, so they cannot be numbered", hint="use the view 'text'"
            )
        parts = dict.fromkeys(part for part in (seen.text, seen.description, seen.inventory) if part)
        data = "\n\n".join(parts).encode()[: self.max_bytes].decode(errors="ignore").encode()
        encoded = np.zeros(self.max_bytes, dtype=np.uint8)
        encoded[: len(data)] = np.frombuffer(data, dtype=np.uint8)
        return {"observation": encoded, "action_mask": mask(seen.admissible, self.max_commands)}

    def command(self, action: Any, seen: Observation) -> str:
        """The command in that place; an empty one, which no world understands, where there is none."""
        listed = seen.admissible or ()
        return listed[int(action)] if 0 <= int(action) < len(listed) else ""

    def info(self, seen: Observation) -> dict[str, Any]:
        return details(seen, self.max_commands)
