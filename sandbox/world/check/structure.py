"""What the definition itself shows: rooms without a way in, exits without a way back, locks without a key."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TypeVar

from sandbox.directions import OPPOSITE
from sandbox.errors import Finding
from sandbox.world.check.coverage import Coverage
from sandbox.world.check.evidence import Evidence
from sandbox.world.native import NativeWorld, Source
from sandbox.world.native.schema import Adventure, Container, Door, Exit, Room
from sandbox.world.native.schema.base import Strict
from sandbox.world.native.schema.effects import Make, Move

SHOWN = 8
"""Findings of one kind that are shown one by one."""

_Effect = TypeVar("_Effect", Make, Move)


def findings_of_structure(world: NativeWorld, coverage: Coverage, evidence: Evidence) -> Iterator[Finding]:
    """Findings about rooms, exits, things and locks."""
    yield from _summed_up("rooms", _rooms(world, coverage, evidence))
    yield from _exits(world.source, world.definition)
    yield from _summed_up("things", _things(world, coverage, evidence))
    yield from _summed_up("locks", _locks(world, coverage, evidence))


def _summed_up(what: str, findings: Iterable[Finding]) -> Iterator[Finding]:
    """The first few findings of a kind; of the others how many there are: they have the same cause as a rule."""
    found = list(findings)
    yield from found[:SHOWN]
    if len(found) > SHOWN:
        yield Finding(None, "", f"the same is so of {len(found) - SHOWN} more {what}", "", "note")


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


def _rooms(world: NativeWorld, coverage: Coverage, evidence: Evidence) -> Iterator[Finding]:
    """Rooms that nobody ever comes to."""
    apart = {finding.key: finding for finding in _apart(world.source, world.definition)}
    for name in world.definition.rooms:
        line = world.source.line("rooms", name)
        if f"rooms.{name}" in apart:
            yield apart[f"rooms.{name}"]
        elif world.compiled.index[name] not in coverage.rooms:
            certain = coverage.exhaustive or evidence.no_room(world.compiled.index[name])
            messages = "nobody can ever come to this room", "nobody came to this room"
            yield _unseen(coverage, certain, line, f"rooms.{name}", *messages, "see what bars the way")


def _connected(world: Adventure) -> set[str]:
    """Rooms that exits lead to, whatever bars them, or that an effect moves somebody to."""
    waiting = [seat.start for seat in world.seats.values()]
    moves = [effect.to for effect in _effects(world, Move)]
    if "it" in moves:
        return set(world.rooms)
    waiting += [to for to in moves if to in world.rooms]
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
            elif isinstance(given, Exit) and given.door and to in rooms and to != name and not one_way:
                yield from _other_side(line, key, given.door, name, to, rooms[to])


def _other_side(line: int | None, key: str, door: str, name: str, to: str, room: Room) -> Iterator[Finding]:
    """A door that is on one side of a way only."""
    back = {direction: given for direction, given in room.exits.items() if _target(given) == name}
    doors = [given.door if isinstance(given, Exit) else None for given in back.values()]
    if door not in doors:
        what = "has none" if not any(doors) else "has another"
        hint = f"say door: {door} at rooms.{to}.exits.{next(iter(back))} too"
        yield Finding(line, key, f"{door} is on this side only: the way back from {to} {what}", hint, "warning")


def _target(given: str | Exit) -> str:
    return given.to if isinstance(given, Exit) else given


def _things(world: NativeWorld, coverage: Coverage, evidence: Evidence) -> Iterator[Finding]:
    """Things and characters that no seat ever sees."""
    compiled = world.compiled
    for entity in compiled.entities:
        if entity.kind in ("thing", "character") and entity.number not in coverage.seen:
            section = f"{entity.kind}s"
            line, key = world.source.line(section, entity.id), f"{section}.{entity.id}"
            certain = coverage.exhaustive or evidence.not_seen(entity.number)
            messages = "nobody ever sees this", "nobody saw this"
            yield _unseen(coverage, certain, line, key, *messages, "see where it is, and what hides it")


def _locks(world: NativeWorld, coverage: Coverage, evidence: Evidence) -> Iterator[Finding]:
    """Locks that nothing opens, and keys that nobody can have."""
    index = world.compiled.index
    unlocked = {effect.make for effect in _effects(world.definition, Make) if effect.be in ("unlocked", "open")}
    for name, thing in world.definition.things.items():
        part = next((p for p in (thing.container, thing.door) if isinstance(p, (Container, Door))), None)
        if part is None or not part.locked or not unlocked.isdisjoint((name, "it", "other")):
            continue
        section = "door" if isinstance(part, Door) else "container"
        line, key = world.source.line("things", name, section), f"things.{name}.{section}"
        if part.key is None:
            yield Finding(line, key, "it is locked, and nothing unlocks it", "give it a key", "error")
        elif not any(index[each] in coverage.held for each in part.key):
            names = " or ".join(part.key)
            certain = coverage.exhaustive or all(evidence.not_held(index[each]) for each in part.key)
            messages = f"nobody can ever have {names}", f"nobody had {names}"
            yield _unseen(coverage, certain, line, f"{key}.key", *messages, "put the key within reach")


def _unseen(
    coverage: Coverage, certain: bool, line: int | None, key: str, never: str, unseen: str, hint: str
) -> Finding:
    """An error where it is proved; a note where it was only not seen."""
    if certain:
        return Finding(line, key, never, hint, "error")
    return Finding(line, key, f"{unseen} in {coverage.states:,} states", hint, "note")


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
