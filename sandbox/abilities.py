"""What a world may be able to do besides: protocols. Whoever needs one asks `isinstance`; none has to be there."""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol, TypeVar, runtime_checkable

from sandbox.types import Observation, Step, World

S = TypeVar("S")


@runtime_checkable
class Enumerable(World[S], Protocol[S]):
    """A world whose chances can be enumerated: what a solver needs to compute expectations."""

    def initials(self) -> tuple[tuple[float, S], ...]:
        """All states an episode may start in, with probabilities that sum to 1."""

    def outcomes(self, state: S, seat: str, command: str) -> tuple[tuple[float, Step[S]], ...]:
        """All that a command can lead to, with probabilities that sum to 1; `step` draws from these."""

    def solver_key(self, state: S) -> Hashable:
        """What makes a difference to how the world goes on: states with equal keys have equal values."""


@runtime_checkable
class Keyed(World[S], Protocol[S]):
    """A world that sometimes reads one key instead of a line: menus, "press any key"."""

    def wants_key(self, state: S) -> bool:
        """Whether `step` takes its command as a key here: one character, or a name such as `enter` or `escape`.

        The names are `enter`, `space`, `escape`, `up`, `down`, `left`, `right` and `backspace`; an empty command
        is `enter`, and of anything else the first character is pressed.
        """


@runtime_checkable
class Glimpsed(World[S], Protocol[S]):
    """A world that takes time to list what can be done, and can be looked at without that."""

    def glimpse(self, state: S, seat: str) -> Observation:
        """As `observe`, with `admissible` None while the world goes on."""


@runtime_checkable
class Simultaneous(Protocol):
    """A world that can say whether its seats commit their commands without seeing each other's."""

    @property
    def simultaneous(self) -> bool: ...


@runtime_checkable
class Guided(Protocol):
    """A world that knows a way to win."""

    def walkthrough(self) -> tuple[str, ...]:
        """The commands of the first seat that win from seed 0; empty where none are known."""


@runtime_checkable
class Stochastic(Protocol):
    """A world that can say what it leaves to chance. Any other is taken to be one of chance."""

    @property
    def random(self) -> bool:
        """Whether anything after the opening is left to chance."""

    @property
    def varied(self) -> bool:
        """Whether the opening depends on the seed."""


@runtime_checkable
class Authored(Protocol):
    """A world that a person wrote as a file, which can be edited, read again and checked."""

    @property
    def file(self) -> Path: ...


Relation = Literal["at", "in", "on", "carried", "open", "closed", "locked", "leads", "room"]


@dataclass(frozen=True, slots=True)
class Fact:
    """Something that holds in a world, in the names that players read, in small letters."""

    relation: Relation
    """`at`: a thing lies in a room. `in`, `on`: a thing in or on another. `carried`: the seat has it. `open`,
    `closed`, `locked` (which is closed too): a door or container. `leads`: a way, to a room. `room`: where the
    seat is."""
    subject: str
    """The thing, or for `leads` the direction."""
    place: str = ""
    """What it is in or on, or where it leads."""


@runtime_checkable
class Factual(World[S], Protocol[S]):
    """A world that can be asked what holds in it, so that what is said about it can be checked."""

    def facts(self, state: S, seat: str) -> frozenset[Fact]:
        """All that holds, hidden things included; ways are those from where the seat is."""
