"""States as bytes: JSON of what differs from the beginning of the episode."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sandbox.errors import SaveError
from sandbox.world.native.state import Command, Core, Memory, Offer, Record, State, replaced

if TYPE_CHECKING:
    from sandbox.world.native.world import NativeWorld

_VERSION = 1


def dump(world: NativeWorld, state: State) -> bytes:
    """The state as bytes. Pages that the beginning shares are passed over."""
    core = state.core
    things = _differing(core.things, world.pages)
    memory = [[*m._replace(rooms=()), _differing(m.rooms, world.blank_rooms)] for m in state.memory]
    data = [_VERSION, things, list(core[1:]), memory, state.rng, state.round]
    return json.dumps(data, ensure_ascii=False, separators=(",", ":")).encode()


def _differing(pages: Any, base: Any) -> list[Any]:
    return [
        [number * 32 + i, item]
        for number, page in enumerate(pages)
        if page is not base[number]
        for i, item in enumerate(page)
        if item != base[number][i]
    ]


def load(world: NativeWorld, data: bytes) -> State:
    """The state back again. Raises `SaveError` where the bytes are not a state of this world."""
    try:
        return _load(world, json.loads(data.decode()))
    except (ValueError, TypeError, KeyError, IndexError, AttributeError, RecursionError) as error:
        raise SaveError(
            f"not a state of the world {world.name!r}",
            mend="the save is damaged, or of another version of the world",
        ) from error


def _load(world: NativeWorld, data: Any) -> State:
    version, things, rest, memory, rng, rounds = data
    if version != _VERSION:
        raise ValueError("another version")
    entities = len(world.atlas.entities)
    changes = {
        _index(n, 0, entities): Record(
            _index(parent, -1, entities),
            _index(flags, 0, 256),
            tuple(_index(t, 0, entities) for t in contents),
            tuple((_index(k, 0, entities), _index(count, 1, 1_000_001)) for k, count in stock),
        )
        for n, (parent, flags, contents, stock) in things
    }
    variables, clocks, spent, scores, ended, winners, offers, mover, first, pending = rest
    seats = len(world.seats)
    core = Core(
        replaced(world.pages, changes),
        tuple(_index(v, low, high + 1) for v, (low, high) in zip(variables, world.atlas.bounds, strict=True)),
        tuple(_index(c, -1, 1_000_000) for c in clocks),
        _index(spent, 0, 1 << 4096),
        tuple(float(s) for s in scores),
        _index(ended, -2, len(world.atlas.endings)),
        _index(winners, 0, 1 << seats),
        tuple(None if o is None else Offer(*(_index(x, -1, 1_000_001) for x in o)) for o in offers),
        _index(mover, 0, seats),
        _index(first, 0, seats),
        tuple(None if p is None else tuple(_command(c, entities) for c in p) for p in pending),
    )
    if not (len(core.scores) == len(core.offers) == len(core.pending) == len(memory) == seats):
        raise ValueError("another number of seats")
    if len(core.clocks) != len(world.first_clocks):
        raise ValueError("another number of clocks")
    return State(
        core,
        tuple(_memory(world, m, entities) for m in memory),
        _index(rng, 0, 1 << 64),
        _index(rounds, 0, 1 << 40),
    )


def _index(value: Any, low: int, high: int) -> int:
    if type(value) is not int or not low <= value < high:
        raise ValueError("a number out of range")
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError("no text")
    return value


def _command(data: Any, entities: int) -> Command:
    action, thing, other, count, text, extra, extra_amount = data
    return Command(
        _text(action),
        _index(thing, -1, entities),
        _index(other, -1, entities),
        _index(count, 0, 1_000_001),
        _text(text),
        _index(extra, -1, entities),
        _index(extra_amount, 0, 1_000_001),
    )


def _memory(world: NativeWorld, data: Any, entities: int) -> Memory:
    turns, heard, _, pronouns, question, mistake, last, left, rooms = data
    seen = {
        _index(room, 0, world.atlas.rooms): None if lay is None else tuple(_index(t, 0, entities) for t in lay)
        for room, lay in rooms
    }
    it, them, him, her = (_index(p, -1, entities) for p in pronouns)
    return Memory(
        _index(turns, 0, 1 << 40),
        _text(heard),
        replaced(world.blank_rooms, seen),
        (it, them, him, her),
        None
        if question is None
        else (_text(question[0]), _text(question[1]), tuple(_index(t, 0, entities) for t in question[2])),
        None if mistake is None else (_text(mistake[0]), _text(mistake[1])),
        _text(last),
        tuple((_index(who, 0, entities), _text(direction)) for who, direction in left),
    )
