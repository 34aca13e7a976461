"""What characters want: a few aims each, planned for breadth first over what they can do, as a seat's solver does.

A character does what any seat could: it goes where the way is free to all, opens and unlocks, takes, drops, puts
and gives what its aims name. What it does follows from the state alone: plans are kept by all that they depend on.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sandbox.world.native.actions import ACTIONS
from sandbox.world.native.admissible import usual
from sandbox.world.native.compiled import CompiledAim, CompiledWorld, Draft, Test
from sandbox.world.native.schema.base import Strict
from sandbox.world.native.schema.effects import Make
from sandbox.world.native.scope import scope_of
from sandbox.world.native.state import ParsedCommand, State

if TYPE_CHECKING:
    from collections.abc import Hashable

MAX_STATES = 500
"""States that are looked at for one plan; what is farther off is not seen."""
MAX_PLANS = 20_000
_ABLE = frozenset({"go", "take", "drop", "put", "give", "open", "unlock"})


def named_in(compiled: CompiledWorld, part: object) -> frozenset[int]:
    """All that a part of a definition names."""
    if isinstance(part, str):
        return frozenset({compiled.index[part]}) if part in compiled.index else frozenset()
    inner = [getattr(part, name) for name in type(part).model_fields] if isinstance(part, Strict) else part
    return (
        frozenset().union(*(named_in(compiled, each) for each in inner))
        if isinstance(inner, (list, tuple))
        else frozenset()
    )


def make_aim(
    compiled: CompiledWorld, who: int, when: Test, reached: Test, reach: tuple[Strict, ...]
) -> CompiledAim:
    """An aim of a character, ready to be planned for."""
    about = named_in(compiled, reach)
    watched = {who} | about | {e.number for e in compiled.entities if e.openable or e.light}
    if any(room.dark for room in compiled.definition.rooms.values()) or _darkens(compiled.definition):
        watched |= set(range(compiled.rooms))
    return CompiledAim(when, reached, about, tuple(sorted(watched)))


def _darkens(part: object) -> bool:
    """Whether anything makes a room dark or light."""
    if isinstance(part, Make):
        return part.be in ("dark", "lit")
    if isinstance(part, Strict):
        return any(_darkens(getattr(part, name)) for name in type(part).model_fields)
    inner = part.values() if isinstance(part, dict) else part if isinstance(part, tuple) else ()
    return any(_darkens(each) for each in inner)


def pursue(draft: Draft, who: int, aims: tuple[CompiledAim, ...]) -> bool:
    """Do one thing for the first aim that is not reached and can be. Answers whether anything was done."""
    actor, draft.actor = draft.actor, who
    for aim in aims:
        if aim.when(draft) and not aim.reached(draft):
            command = _next(draft, who, aim)
            if command is not None and _do(draft, command):
                draft.actor = actor
                return True
    draft.actor = actor
    return False


def _do(draft: Draft, command: ParsedCommand) -> bool:
    draft.command = command
    done = ACTIONS[command.action](draft, command)
    draft.command = None
    return done


def _situation(draft: Draft, aim: CompiledAim) -> Hashable:
    """All that a plan depends on: where what is watched is, how it is, and how full."""
    records = {thing: draft.record(thing) for thing in aim.watched}
    for thing in aim.watched:
        while (above := records[thing].parent) >= 0 and above not in records:
            records[above] = draft.record(above)
            thing = above
    return tuple((n, r.parent, r.flags, len(r.contents) + len(r.stock)) for n, r in sorted(records.items()))


def _next(draft: Draft, who: int, aim: CompiledAim) -> ParsedCommand | None:
    """The first step of a shortest plan. The steps after it are kept for the situations that they are taken in."""
    key = _situation(draft, aim)
    if key not in aim.plans:
        if len(aim.plans) >= MAX_PLANS:
            aim.plans.clear()
        aim.plans[key] = None
        for situation, command in _plan(draft, who, aim):
            aim.plans[situation] = command
    return aim.plans[key]


def _plan(draft: Draft, who: int, aim: CompiledAim) -> list[tuple[Hashable, ParsedCommand]]:
    """Breadth-first search: the situations on the way to the aim, with what is done in each."""
    nodes: list[tuple[Draft, int, ParsedCommand | None]] = [(_copy(draft, who), -1, None)]
    seen = {_situation(draft, aim)}
    waiting = deque([0])
    while waiting and len(nodes) < MAX_STATES:
        index = waiting.popleft()
        for command in _options(nodes[index][0], who, aim):
            after = _copy(nodes[index][0], who)
            if not _do(after, command):
                continue
            key = _situation(after, aim)
            if key in seen:
                continue
            seen.add(key)
            nodes.append((after, index, command))
            if aim.reached(after):
                return _way(nodes, aim)
            waiting.append(len(nodes) - 1)
    return []


def _way(
    nodes: list[tuple[Draft, int, ParsedCommand | None]], aim: CompiledAim
) -> list[tuple[Hashable, ParsedCommand]]:
    found: list[tuple[Hashable, ParsedCommand]] = []
    index = len(nodes) - 1
    while index > 0:
        _, before, command = nodes[index]
        assert command is not None
        found.append((_situation(nodes[before][0], aim), command))
        index = before
    return found[::-1]


def _copy(draft: Draft, who: int) -> Draft:
    """A draft of its own, in which nobody is told anything."""
    state = draft.state
    copy = Draft(draft.compiled, State(state.core, state.memory, state.rng, state.round), who)
    copy.changed, copy.variables = dict(draft.changed), draft.variables
    return copy


def _options(draft: Draft, who: int, aim: CompiledAim) -> list[ParsedCommand]:
    """What a character can do that may bring it nearer to its aim."""
    ways = draft.compiled.entities[draft.here()].ways if draft.here() >= 0 else {}
    return [
        command
        for command in usual(draft, who, scope_of(draft, who))
        if command.action in _ABLE
        and (command.action != "go" or ways[command.text].passable is None)
        and (command.action in ("go", "open", "unlock") or command.thing in aim.about)
        and (command.other < 0 or command.action == "unlock" or command.other in aim.about)
    ]
