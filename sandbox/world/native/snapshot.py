"""States as bytes: JSON of what differs from the beginning of the episode.

Numbers are checked in bulk after they are in place: a state is loaded at every undo and every look back.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, Protocol

from sandbox.errors import SaveError
from sandbox.world.native.compiled import CompiledWorld
from sandbox.world.native.state import Core, EntityState, Offer, Pages, ParsedCommand, SeatMemory, State, replaced

_VERSION = 1
_ANY = 1 << 40
_encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), check_circular=False).encode


class SnapshotWorld(Protocol):
    """The world that states are of, and how it begins."""

    @property
    def name(self) -> str: ...

    @property
    def seats(self) -> tuple[str, ...]: ...

    compiled: CompiledWorld
    pages: Pages[EntityState]
    """What is known of everything at the beginning."""
    blank_rooms: Pages[tuple[int, ...] | None]
    """A seat's memory of rooms before it has been anywhere."""
    first_clocks: tuple[int, ...]


def dump(world: SnapshotWorld, state: State) -> bytes:
    """The state as bytes. Pages that the beginning shares are passed over."""
    core = state.core
    things = [[number, *record] for number, record in _differing(core.things, world.pages)]
    first = world.compiled.initial
    memory = [
        [
            *memory[:2],
            *memory[3:],
            [
                room if contents == first[room].contents else [room, *contents]
                for room, contents in _differing(memory.rooms, world.blank_rooms)
            ],
        ]
        for memory in state.memory
    ]
    return _encode([_VERSION, things, core[1:], memory, state.rng, state.round]).encode()


def _differing(pages: Sequence[Sequence[Any]], base: Sequence[Sequence[Any]]) -> list[tuple[int, Any]]:
    return [
        (number * 32 + i, item)
        for number, page in enumerate(pages)
        if page is not base[number]
        for i, (item, before) in enumerate(zip(page, base[number], strict=True))
        if item is not before and item != before
    ]


def load(world: SnapshotWorld, data: bytes) -> State:
    """The state back again. Raises `SaveError` where the bytes are not a state of this world."""
    try:
        return _load(world, json.loads(data.decode()))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise SaveError(
            f"not a state of the world {world.name!r}",
            hint="the save is damaged, or of another version of the world",
        ) from error


def _load(world: SnapshotWorld, data: Any) -> State:
    version, things, rest, memory, rng, rounds = data
    entities, seats = len(world.compiled.entities), len(world.seats)
    changes = {
        number: EntityState(parent, flags, tuple(contents), tuple([(kind, count) for kind, count in stock]))
        for number, parent, flags, contents, stock in things
    }
    variables, clocks, spent, scores, ended, winners, offers, mover, first, pending, *added = rest
    (texts,) = added or ((),)  # earlier saves have none
    inside = [*changes]
    holders: list[Any] = []
    counts: list[Any] = []
    for record in changes.values():
        holders.append(record.parent)
        counts.append(record.flags)
        inside += record.contents
        for kind, count in record.stock:
            inside.append(kind)
            counts.append(count)
    core = Core(
        replaced(world.pages, changes),
        tuple(variables),
        tuple(clocks),
        spent,
        tuple([float(score) for score in scores]),
        ended,
        winners,
        tuple([None if offer is None else _offer(offer, entities) for offer in offers]),
        mover,
        first,
        tuple([None if line is None else tuple([_command(c, entities) for c in line]) for line in pending]),
        tuple(texts),
    )
    state = State(core, tuple([_memory(world, m, inside, holders) for m in memory]), rng, rounds)
    turns = [m.turns for m in state.memory]
    _check(inside, 0, entities)
    _check(holders, -1, entities)
    _check((*counts, *turns, rounds), 0, _ANY)
    _check((ended, *clocks), -2, 1_000_001)
    _check(
        (version, spent, winners, mover, first, rng, *variables),
        -1_000_000,
        1 << max(64, world.compiled.rules.bits),
    )
    _need(
        version == _VERSION and ended < len(world.compiled.endings) and 0 <= mover < seats and 0 <= first < seats
    )
    _need(0 <= spent < 1 << world.compiled.rules.bits and 0 <= winners < 1 << seats and 0 <= rng < 1 << 64)
    _need(len(scores) == len(offers) == len(pending) == len(memory) == seats)
    _need(len(clocks) == len(world.first_clocks) and set(map(type, scores)) <= {int, float})
    _need(len(core.texts) == len(world.compiled.first_texts) and set(map(type, core.texts)) <= {str})
    _need(all(low <= value <= high for value, (low, high) in zip(variables, world.compiled.bounds, strict=True)))
    return state


def _need(holds: bool) -> None:
    if not holds:
        raise ValueError("not a state of this world")


def _check(numbers: Sequence[Any], low: int, high: int) -> None:
    """Whether all are whole numbers, from `low` up to but not including `high`."""
    if numbers:
        _need(set(map(type, numbers)) == {int} and low <= min(numbers) and max(numbers) < high)


def _texts(*texts: Any) -> None:
    _need(set(map(type, texts)) == {str})


def _offer(data: Any, entities: int) -> Offer:
    offer = Offer(*data)
    _check((offer.to, offer.gives, offer.wants), 0, entities)
    _check((offer.gives_count, offer.wants_count), 0, 1_000_001)
    return offer


def _command(data: Any, entities: int) -> ParsedCommand:
    command = ParsedCommand(*data)
    _texts(command.action, command.text)
    _check((command.thing, command.other, command.extra), -1, entities)
    _check((command.amount, command.extra_amount), 0, 1_000_001)
    _check((command.number,), -1, 1_000_001)
    return command


def _memory(world: SnapshotWorld, data: Any, inside: list[Any], holders: list[Any]) -> SeatMemory:
    """A seat's memory. The numbers of things in it are added to those that are still to be checked."""
    turns, heard, pronouns, question, mistake, last, left, *later, rooms = data
    first = world.compiled.initial
    seen: dict[int, tuple[int, ...] | None] = {}
    for entry in rooms:
        if type(entry) is int:
            seen[entry] = first[entry].contents
        else:
            room, *lay = entry
            seen[room] = tuple(lay)
            inside += lay
    inside += seen
    _need(max(seen, default=0) < world.compiled.rooms)
    it, them, him, her = pronouns
    holders += pronouns
    together, (stage, command), *varied = later or ((), (0, ""))  # earlier saves have none of these
    (shown,) = varied or ((),)
    _check(shown, 0, 51)
    inside += together
    _check((stage,), 0, 4)
    _texts(command)
    _texts(heard, last)
    if question is not None:
        before, after, candidates = question
        _texts(before, after)
        inside += candidates
        question = (before, after, tuple(candidates))
    if mistake is not None:
        before, after = mistake
        _texts(before, after)
        mistake = (before, after)
    for who, direction in left:
        inside.append(who)
        _need(direction in world.compiled.lexicon.direction_names)
    gone = tuple([(who, direction) for who, direction in left])
    known = replaced(world.blank_rooms, seen)
    return SeatMemory(
        turns,
        heard,
        known,
        (it, them, him, her),
        question,
        mistake,
        last,
        gone,
        tuple(together),
        (stage, command),
        tuple(shown),
    )
