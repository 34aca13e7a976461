"""What the definition itself shows: rooms without a way in, exits without a way back, locks without a key."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TypeVar

from sandbox.errors import Finding
from sandbox.world.check.coverage import Coverage
from sandbox.world.native import NativeWorld, Source
from sandbox.world.native.schema import OPPOSITE, Adventure, Container, Door, Exit
from sandbox.world.native.schema.base import Strict
from sandbox.world.native.schema.effects import Make, Move

_Effect = TypeVar("_Effect", Make, Move)


def findings_of_structure(world: NativeWorld, coverage: Coverage) -> Iterator[Finding]:
    """Findings about rooms, exits, things and locks."""
    yield from _rooms(world, coverage)
    yield from _exits(world.source, world.definition)
    yield from _things(world, coverage)
    yield from _locks(world, coverage)


def findings_at_sight(source: Source) -> Iterator[Finding]:
    """Findings that need no play, of a world that can be loaded: quick enough to be had while somebody types."""
    if isinstance(source.definition, Adventure):
        yield from _apart(source, source.definition)
        yield from _exits(source, source.definition)


def _apart(source: Source, world: Adventure) -> Iterator[Finding]:
    """Rooms that no way leads to."""
    connected = _connected(world)
    for name in world.rooms:
        if name not in connected:
            line = source.line("rooms", name)
            yield Finding(line, f"rooms.{name}", "no way leads to this room", "give a room an exit to it", "error")


def _rooms(world: NativeWorld, coverage: Coverage) -> Iterator[Finding]:
    """Rooms that nobody ever comes to."""
    apart = {finding.key: finding for finding in _apart(world.source, world.definition)}
    for name in world.definition.rooms:
        line = world.source.line("rooms", name)
        if f"rooms.{name}" in apart:
            yield apart[f"rooms.{name}"]
        elif world.compiled.index[name] not in coverage.rooms:
            yield _unseen(
                coverage, line, f"rooms.{name}", "nobody can ever come to this room", "see what bars the way"
            )


def _connected(world: Adventure) -> set[str]:
    """Rooms that exits lead to, whatever bars them, or that an effect moves somebody to."""
    waiting = [seat.start for seat in world.seats.values()]
    waiting += [effect.to for effect in _effects(world, Move) if effect.to in world.rooms]
    found = set(waiting)
    while waiting:
        for given in world.rooms[waiting.pop()].exits.values():
            to = given.to if isinstance(given, Exit) else given
            if to in world.rooms and to not in found:
                found.add(to)
                waiting.append(to)
    return found


def _exits(source: Source, world: Adventure) -> Iterator[Finding]:
    """Exits that lead back to where they are, and ways without a way back that do not say so."""
    rooms = world.rooms
    targets = {
        name: {given.to if isinstance(given, Exit) else given for given in room.exits.values()}
        for name, room in rooms.items()
    }
    for name, room in rooms.items():
        for direction, given in room.exits.items():
            to = given.to if isinstance(given, Exit) else given
            line, key = source.line("rooms", name, "exits", direction), f"rooms.{name}.exits.{direction}"
            one_way = isinstance(given, Exit) and given.one_way
            if to == name and not one_way:
                yield Finding(line, key, "this exit leads back to the same room", "name another room", "warning")
            elif to in rooms and name not in targets[to] and not one_way:
                hint = f"give {to} an exit {OPPOSITE[direction]}, or say one_way: true"
                yield Finding(line, key, f"there is no way back from {to}", hint, "warning")


def _things(world: NativeWorld, coverage: Coverage) -> Iterator[Finding]:
    """Things and characters that no seat ever sees."""
    compiled = world.compiled
    for entity in compiled.entities:
        if entity.kind in ("thing", "character") and entity.number not in coverage.seen:
            section = f"{entity.kind}s"
            line, key = world.source.line(section, entity.id), f"{section}.{entity.id}"
            yield _unseen(coverage, line, key, "nobody ever sees this", "see where it is, and what hides it")


def _locks(world: NativeWorld, coverage: Coverage) -> Iterator[Finding]:
    """Locks that nothing opens, and keys that nobody can have."""
    index = world.compiled.index
    unlocked = {effect.make for effect in _effects(world.definition, Make) if effect.be in ("unlocked", "open")}
    for name, thing in world.definition.things.items():
        part = next((p for p in (thing.container, thing.door) if isinstance(p, (Container, Door))), None)
        if part is None or not part.locked or name in unlocked:
            continue
        section = "door" if isinstance(part, Door) else "container"
        line, key = world.source.line("things", name, section), f"things.{name}.{section}"
        if part.key is None:
            yield Finding(line, key, "it is locked, and nothing unlocks it", "give it a key", "error")
        elif not any(index[each] in coverage.held for each in part.key):
            names = " or ".join(part.key)
            yield _unseen(
                coverage, line, f"{key}.key", f"nobody can ever have {names}", "put the key within reach"
            )


def _unseen(coverage: Coverage, line: int | None, key: str, message: str, hint: str) -> Finding:
    """An error where all states were visited; a note where they were sampled."""
    if coverage.exhaustive:
        return Finding(line, key, message, hint, "error")
    return Finding(line, key, f"{message}, as far as was seen", hint, "note")


def _effects(value: object, kind: type[_Effect]) -> Iterator[_Effect]:
    """All effects of a kind, however deep they lie."""
    if isinstance(value, kind):
        yield value
    if isinstance(value, Strict):
        for name in type(value).model_fields:
            yield from _effects(getattr(value, name), kind)
    elif isinstance(value, dict):
        for entry in value.values():
            yield from _effects(entry, kind)
    elif isinstance(value, tuple):
        for entry in value:
            yield from _effects(entry, kind)
