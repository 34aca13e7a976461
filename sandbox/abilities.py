"""What a world may be able to do besides: protocols. Whoever needs one asks `isinstance`; none has to be there."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, Protocol, TypeVar, runtime_checkable

from sandbox.types import Observation, Step, World

S = TypeVar("S")
S_co = TypeVar("S_co", covariant=True)
S_contra = TypeVar("S_contra", contravariant=True)


@runtime_checkable
class Searchable(Protocol[S_contra]):
    """A world that knows which of its states are the same for everything that can still happen."""

    def solver_key(self, state: S_contra) -> Hashable:
        """Equal for two states from which the same commands lead to the same places and rewards.

        Leaves out what only looks back: texts already read, counted turns, the random generator.
        """


@runtime_checkable
class StochasticProblem(Protocol[S]):
    """A world that can list what chance may do."""

    def outcomes(self, state: S, seat: str, command: str) -> Sequence[tuple[float, Step[S]]]:
        """All results of a command with their probabilities, which add up to 1."""


@runtime_checkable
class Varied(Protocol[S_co]):
    """A world that can list how its episodes may begin."""

    def initials(self) -> Sequence[tuple[float, S_co]]:
        """All first states with their probabilities, which add up to 1."""


@runtime_checkable
class Enumerable(Searchable[S], StochasticProblem[S], Varied[S], World[S], Protocol[S]):
    """A world whose chances can be enumerated: what a solver needs to compute expectations."""


@runtime_checkable
class Hashed(Protocol):
    """A world that can tell its states apart, though not which of them go on alike."""

    def world_hash(self, state: Any) -> str:
        """Identity of where everything is. A command that leaves it as it was did nothing, it seems."""


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
