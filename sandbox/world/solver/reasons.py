"""Why something cannot be: the few facts that everything else waits for, in words."""

from __future__ import annotations

import time
from collections.abc import Hashable
from dataclasses import dataclass

from sandbox.world.native import State
from sandbox.world.native.conditions import word_of
from sandbox.world.native.state import HIDDEN, NOWHERE
from sandbox.world.solver.grounding import Grounding
from sandbox.world.solver.relaxation import INFINITE, Spread

_SPECIFIC = ("has", "stock", "var", "reaches", "runs", "flag", "at", "away", "lacks", "meet", "in")
"""Kinds of facts that can be a reason, the more telling first."""
_MOST = 400
"""Facts that are tried as the reason, for each step."""
_STEPS = 6


@dataclass(frozen=True, slots=True)
class Reason:
    """One fact that never comes true, and the part of the world file that it is about."""

    section: str
    """`things`, `rooms`, `variables`, `events`; empty where it is about none."""
    id: str
    text: str


def reasons(
    grounding: Grounding, state: State, true: list[int], values: dict[Hashable, int], goal: int, deadline: float
) -> list[Reason]:
    """What would have to be true for a goal to come within reach: as few facts as a greedy search finds.

    Args:
        grounding: the world's relaxation.
        state: the beginning, to say where things are.
        true: the facts that hold there.
        values: the numbers there.
        goal: a fact that is out of reach.
        deadline: by `time.monotonic`, when to be content with what was found.
    """
    assumed: list[int] = []
    for _ in range(_STEPS):
        facts = [*true, *assumed]
        reached = grounding.spread(facts, values)
        best, most = -1, -1
        frontier = _frontier(grounding, reached.costs)
        for fact in frontier:
            if time.monotonic() > deadline:
                break
            further = grounding.spread([*facts, fact], values)
            others = [*facts, *(other for other in frontier if other != fact)]
            itself = _leads_to_itself(grounding, state, further, fact)
            if not itself and grounding.spread(others, values).reaches(fact):
                continue  # it waits for something else, which is the better reason
            if further.reaches(goal):
                return [_reason(grounding, state, each, true, values) for each in (*assumed, fact)]
            gained = sum(map(further.reaches, range(len(grounding.facts))))
            if gained > most:
                best, most = fact, gained
        if best < 0:
            break
        assumed.append(best)
    return [_reason(grounding, state, each, true, values) for each in assumed[:1]]


def _leads_to_itself(grounding: Grounding, state: State, spread: Spread, fact: int) -> bool:
    """Whether who had a thing could come to where it lies: a key behind the door that it opens."""
    name = grounding.facts[fact]
    if not isinstance(name, tuple) or name[0] != "has":
        return False
    place = name[1]
    while grounding.compiled.rooms <= place < grounding.compiled.people:
        place = state.core.things[place >> 5][place & 31].parent
    rooms = (grounding.number.get(("in", seat, place), -1) for seat in grounding.seats)
    return any(room >= 0 and spread.reaches(room) for room in rooms)


def _frontier(grounding: Grounding, costs: list[int]) -> list[int]:
    """Facts that are all that something is waiting for, the most telling first."""
    found: set[int] = set()
    for operator in grounding.operators:
        lacking = [need for need in operator.needs if costs[need] >= INFINITE]
        if len(lacking) == 1:
            found.add(lacking[0])
    ranked = [(rank, fact) for fact in found if (rank := _rank(grounding, fact)) is not None]
    return [fact for _, fact in sorted(ranked)[:_MOST]]


def _rank(grounding: Grounding, fact: int) -> int | None:
    name = grounding.facts[fact]
    kind = name[0] if isinstance(name, tuple) else name
    if kind not in _SPECIFIC or (isinstance(name, tuple) and kind == "has" and name[1] not in grounding.removable):
        return None
    return _SPECIFIC.index(kind)


def _reason(grounding: Grounding, state: State, fact: int, true: list[int], values: dict[Hashable, int]) -> Reason:
    name = grounding.facts[fact]
    assert isinstance(name, tuple)
    compiled = grounding.compiled
    match name:
        case ("has", thing, _):
            without = grounding.spread(true, values)
            with_it = grounding.spread([*true, fact], values)
            text = _out_of_hand(grounding, state, thing, without.costs, with_it.costs)
            return Reason("things", compiled.ids[thing], text)
        case ("stock", thing, _):
            return Reason("things", compiled.ids[thing], f"nobody can ever come by {_the(grounding, thing)}")
        case ("var", number, value):
            if number in compiled.aboard.values():
                on = compiled.enterable[value - 1]
                return Reason("things", compiled.ids[on], f"nobody can ever get {compiled.entities[on].enter} it")
            variable = list(compiled.variable_index)[number]
            return Reason("variables", variable, f"nothing ever makes {variable} {compiled.values[number][value]}")
        case ("reaches", (way, number), bound) if way in ("up", "down"):
            names = [*compiled.variable_index, *compiled.dispositions]
            section = "variables" if number < len(compiled.variable_index) else "characters"
            text = f"nothing ever brings {names[number]} {way} to {bound if way == 'up' else -bound}"
            return Reason(section, names[number], text)
        case ("reaches", ("supply", thing), bound):
            text = f"there are never {bound} of {_the(grounding, thing)}"
            return Reason("things", compiled.ids[thing], text)
        case ("runs", number):
            event = list(grounding.definition.events)[number]
            return Reason("events", event, f"nothing ever starts the event {event}")
        case ("flag", thing, bit, value):
            section = "rooms" if thing < compiled.rooms else "things"
            text = f"nothing ever makes {_the(grounding, thing)} {word_of(bit, value)}"
            return Reason(section, compiled.ids[thing], text)
        case ("in", who, room):
            text = f"{_the(grounding, who)} can never come to {compiled.ids[room]}"
            return Reason("rooms", compiled.ids[room], text)
        case ("meet", one, other):
            return Reason("", "", f"{_the(grounding, one)} and {_the(grounding, other)} can never meet")
        case (_, thing, place):
            where = "nowhere" if place == NOWHERE else compiled.ids[place]
            verb = "comes to" if name[0] == "at" else "leaves"
            return Reason("things", compiled.ids[thing], f"{_the(grounding, thing)} never {verb} {where}")
    return Reason("", "", str(name))


def _out_of_hand(grounding: Grounding, state: State, thing: int, without: list[int], with_it: list[int]) -> str:
    """Why nobody can have a thing."""
    compiled, subject = grounding.compiled, _the(grounding, thing)
    record = state.core.things[thing >> 5][thing & 31]
    locks = [e.number for e in compiled.entities if thing in e.keys]
    if record.parent == NOWHERE:
        return f"nothing ever brings {subject} into the world"
    if record.flags & HIDDEN:
        return f"{subject} is hidden, and nothing shows it"
    place = record.parent
    while place >= compiled.rooms and place < compiled.people:
        if place in locks:
            return f"{subject} is in {_the(grounding, place)}, which it opens"
        place = state.core.things[place >> 5][place & 31].parent
    if place >= compiled.people:
        return f"{subject} is with {_the(grounding, place)}, who does not give it away"
    here = [f for s in grounding.seats if (f := grounding.number.get(("in", s, place))) is not None]
    if all(without[fact] >= INFINITE for fact in here):
        if locks and any(with_it[fact] < INFINITE for fact in here):
            return f"{subject} lies behind {_the(grounding, locks[0])}, which it opens"
        return f"{subject} lies in {compiled.ids[place]}, where nobody can come"
    return f"nobody can ever have {subject}"


def _the(grounding: Grounding, thing: int) -> str:
    """A thing's name as messages put it."""
    noun = grounding.compiled.entities[thing].noun
    name = grounding.compiled.canonical(thing, 2)
    return name if noun.article == "none" or not grounding.compiled.grammar.spaced else f"the {name}"
