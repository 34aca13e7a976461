"""The state of a world: plain tuples that share what did not change.

What the world knows of a thing is one small record. The records lie in pages of 32, so that a step copies the
few pages it touches and a list of page references, whatever the size of the world. Contents are kept sorted:
two ways to the same situation lead to equal states.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple, TypeVar

T = TypeVar("T")
Pages = tuple[tuple[T, ...], ...]

NOWHERE = -1

# What can change about a thing, as bits of `Record.flags`.
OPEN = 1
LOCKED = 2
ON = 4
WORN = 8
HIDDEN = 16
FIXED = 32
DARK = 64
HANDLED = 128
"""Has been moved: its `appearance` no longer holds. Kept only for things that have one."""

# Values of `Core.ended` that are no ending's number.
RUNNING = -1
CUT_OFF = -2


class EntityState(NamedTuple):
    """What can change about one room, thing, character or seat."""

    parent: int
    """What holds it; `NOWHERE` for rooms, doors, counted things and what is out of play."""
    flags: int
    contents: tuple[int, ...] = ()
    """What it holds, sorted."""
    stock: tuple[tuple[int, int], ...] = ()
    """Counted things it holds: (thing, how many), sorted."""


class ParsedCommand(NamedTuple):
    """One understood command. Numbers are those of `CompiledWorld.entities`; -1 where there is none."""

    action: str
    thing: int = -1
    other: int = -1
    amount: int = 0
    """How many of a counted thing; 0 for all there are."""
    text: str = ""
    """Words said or asked about; for `go` the direction."""
    extra: int = -1
    """For exchanges: what is wanted in return, ..."""
    extra_amount: int = 0
    """... and how many of it."""
    number: int = -1
    """The number that it names; -1 where there is none."""


class Offer(NamedTuple):
    """An exchange that one seat has offered another."""

    to: int
    gives: int
    gives_count: int
    wants: int
    wants_count: int


class Core(NamedTuple):
    """What decides how the world goes on. Two states with equal cores differ in nothing but words."""

    things: Pages[EntityState]
    variables: tuple[int, ...]
    clocks: tuple[int, ...]
    spent: int
    """Bit set of the rules that happen once and have."""
    scores: tuple[float, ...]
    ended: int
    winners: int
    """Bit set of seats."""
    offers: tuple[Offer | None, ...]
    mover: int
    """Number of the seat whose command comes next."""
    first: int
    """The seat whose simultaneous command is carried out first."""
    pending: tuple[tuple[ParsedCommand, ...] | None, ...]
    """Committed commands that have not been carried out yet."""
    texts: tuple[str, ...] = ()
    """What the variables hold that are texts."""


class SeatMemory(NamedTuple):
    """What a seat has heard and the parser remembers for it. It changes words only, never what happens."""

    turns: int
    """Commands given so far."""
    heard: str
    """What it was told since its last command."""
    rooms: Pages[tuple[int, ...] | None]
    """For each room: what lay there when it left, None where it has not been."""
    pronouns: tuple[int, int, int, int]
    """What it, them, him and her mean; -1 for nothing."""
    question: tuple[str, str, tuple[int, ...]] | None
    """An open question: the answer goes between the two texts; the candidates, none where anything will do."""
    mistake: tuple[str, str] | None
    """What was around the word that was not understood."""
    last: str
    """The last command in full, for `again`."""
    left: tuple[tuple[int, str], ...]
    """Who was seen leaving the room, and in which direction."""
    group: tuple[int, ...] = ()
    """The things that `them` means, where these are several."""
    hinted: tuple[int, str] = (0, "")
    """The latest hint: how far it went, and the command that it is about."""
    shown: tuple[int, ...] = ()
    """For each text that varies: the number of the variant that was told last, counted from 1; 0 for none yet."""


@dataclass(frozen=True, slots=True)
class State:
    """A moment of an episode."""

    core: Core
    memory: tuple[SeatMemory, ...]
    rng: int
    """State of the random generator; 0 for ever in worlds without chance."""
    round: int
    """Rounds that are over."""
    scene: object = field(default=None, compare=False, repr=False)
    """What is remembered of such a moment, see `recall`; no part of the state."""

    def __reduce__(self) -> tuple[type[State], tuple[object, ...]]:
        return State, (self.core, self.memory, self.rng, self.round)


def paged(items: Iterable[T]) -> Pages[T]:
    """The items in pages of 32."""
    flat = tuple(items)
    return tuple(flat[i : i + 32] for i in range(0, len(flat), 32))


def replaced(pages: Pages[T], changes: Mapping[int, T]) -> Pages[T]:
    """The pages with some items changed. Untouched pages are shared."""
    if not changes:
        return pages
    touched: dict[int, list[T]] = {}
    for index, item in changes.items():
        page = touched.get(index >> 5)
        if page is None:
            page = touched[index >> 5] = list(pages[index >> 5])
        page[index & 31] = item
    top = list(pages)
    for number, page in touched.items():
        top[number] = tuple(page)
    return tuple(top)
