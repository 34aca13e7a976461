"""Native worlds as search problems: faster, and without what makes no difference."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, TypeVar

from pydantic import BaseModel

from sandbox.types import World
from sandbox.world.native import NativeWorld, State
from sandbox.world.native.admissible import commands_of
from sandbox.world.native.compiled import Draft
from sandbox.world.native.schema import Adventure, Thing
from sandbox.world.native.state import RUNNING
from sandbox.world.solver.problem import Facts, Problem, Situation

S = TypeVar("S")

_THINGLESS = frozenset(
    {"go", "enter", "wait", "say", "tell", "ask", "talk", "follow", "accept", "decline", "listen", "smell", "jump"}
)
"""Actions that are done without a thing."""


def problem_of(world: World[S], chance: bool = True) -> Problem[S]:
    """The search problem that a world is."""
    if isinstance(world, NativeWorld):
        native: Problem[Any] = NativeProblem(world, chance)
        return native
    return Problem(world, chance)


class NativeProblem(Problem[State]):
    """A native world, looked at without its prose, and without commands that move idle things about."""

    world: NativeWorld

    def __init__(self, world: NativeWorld, chance: bool = True) -> None:
        super().__init__(world, chance)
        self.idle = frozenset(world.compiled.index[name] for name in idle_things(world.definition))

    def look(self, state: State) -> Situation:
        compiled, core, seats = self.world.compiled, state.core, self.world.seats
        winners = frozenset(seat for i, seat in enumerate(seats) if core.winners >> i & 1)
        if core.ended != RUNNING:
            return Situation(None, (), winners)
        number = compiled.seats[core.mover]
        commands = commands_of(Draft(compiled, state, number), number)
        listed = {compiled.phrase(c) for c in commands if c.thing not in self.idle and c.other not in self.idle}
        # Where all there is to do is to move idle things, one of them stands for the passing of time.
        return Situation(seats[core.mover], tuple(sorted(listed or {compiled.phrase(commands[0])})), winners)

    def facts(self, state: State) -> Facts:
        """Where everything is and how, and the variables: not what holds what, which says the same again."""
        core = state.core
        records = enumerate(record for page in core.things for record in page)
        things = ((number, record.parent, record.flags, record.stock) for number, record in records)
        return frozenset(
            (*things, *(("variable", *pair) for pair in enumerate(core.variables)), ("mover", core.mover))
        )


def idle_things(world: Adventure) -> frozenset[str]:
    """Things that are only there to be looked at: nothing in the file names them, and they can do nothing.

    To take, drop or give one makes no difference to who can win and what pays. None are idle in a world where
    carrying has limits, or a rule is about any thing whatever.
    """
    bounded = any(seat.capacity < len(world.things) for seat in world.seats.values())
    bounded |= any(getattr(thing.container, "capacity", None) for thing in world.things.values())
    bounded |= any(getattr(thing.supporter, "capacity", None) for thing in world.things.values())
    sweeping = any(rule.thing is None and (rule.instead or rule.after) not in _THINGLESS for rule in world.rules)
    sweeping |= any(
        rule.thing is None and any("{thing" in form for form in verb.forms)
        for verb in world.verbs.values()
        for rule in verb.rules
    )
    if bounded or sweeping or world.trading:
        return frozenset()
    named = set(_words(world.model_dump(exclude={"things", "kinds"}, by_alias=True)))
    for thing in world.things.values():
        named.update(_words(thing))
    if "things" in named:
        return frozenset()
    return frozenset(
        name
        for name, thing in world.things.items()
        if named.isdisjoint((name, *world.kinds_of(thing))) and _is_plain(thing)
    )


def _is_plain(thing: Thing) -> bool:
    able = (
        thing.container,
        thing.supporter,
        thing.door,
        thing.light,
        thing.switch,
        thing.text,
        thing.count,
        thing.enter,
    )
    return not any(able)


def _words(value: Any) -> Iterator[str]:
    """All strings in a definition, keys too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, BaseModel):
        for name in type(value).model_fields:
            yield from _words(getattr(value, name))
    elif isinstance(value, dict):
        for key, entry in value.items():
            yield from _words(key)
            yield from _words(entry)
    elif isinstance(value, (tuple, list, frozenset)):
        for entry in value:
            yield from _words(entry)
