"""What happens by itself at the end of a round: characters get about, events happen, the world ends."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.actions.moving import arrive, depart
from sandbox.world.native.aims import pursue
from sandbox.world.native.state import CUT_OFF, HIDDEN, NOWHERE, OPEN, RUNNING

if TYPE_CHECKING:
    from sandbox.world.native.compiled import CompiledPersona, Draft


def end_round(draft: Draft) -> None:
    """Let characters move and events happen, then count the round."""
    actor, command = draft.actor, draft.command
    told = len(draft.told.get(actor, ()))
    draft.actor, draft.command = -1, None
    if (clock := draft.compiled.rounds_clock).number >= 0:
        draft.set_clock(clock.number, clock.after(draft.clocks[clock.number]))
    for who, persona in draft.compiled.personas.items():
        if draft.ended != RUNNING or (persona.aims and pursue(draft, who, persona.aims)):
            continue
        if persona.clock >= 0:
            _routine(draft, who, persona)
    for number in range(len(draft.compiled.events)):
        if draft.ended == RUNNING:
            _event(draft, number)
    draft.actor, draft.command = actor, command
    draft.round += 1
    check_endings(draft)
    limit = draft.compiled.definition.limit
    if draft.ended == RUNNING and limit is not None and draft.round >= limit:
        draft.ended = CUT_OFF
        for seat in draft.compiled.seats:
            draft.say("cut_off", seat)
    draft.stirred |= len(draft.told.get(actor, ())) > told


def check_endings(draft: Draft) -> None:
    """End the world if it is time."""
    if draft.ended != RUNNING:
        return
    for number, ending in enumerate(draft.compiled.endings):
        if ending.when is not None and ending.when(draft):
            draft.end(number)
            return


def _event(draft: Draft, number: int) -> None:
    event = draft.compiled.events[number]
    clock = draft.clocks[number]
    if clock < 0 or event.bit & draft.spent:
        return
    if clock > 1:
        draft.set_clock(number, clock - 1)
        return
    draft.set_clock(number, event.period if event.repeats else -1)
    for seat in draft.compiled.seats if event.each else (-1,):
        draft.actor = seat
        if event.when(draft) and (event.odds is None or draft.dice.draw(event.odds) == 0):
            event.carry_out(draft, seat)
    draft.actor = -1


def _routine(draft: Draft, who: int, persona: CompiledPersona) -> None:
    room = draft.record(who).parent
    if room == NOWHERE:
        return
    if persona.follows != NOWHERE:
        _follow(draft, who, persona, room)
        return
    clock = draft.clocks[persona.clock]
    if clock > 1:
        draft.set_clock(persona.clock, clock - 1)
        return
    draft.set_clock(persona.clock, persona.period)
    if persona.when is not None and not persona.when(draft):
        return
    if persona.wanders:
        assert persona.odds is not None
        ways = _ways(draft, room)
        choices = [(d, to) for d, to in ways if to in persona.route]
        if choices and draft.dice.draw(persona.odds) == 0:
            direction, to = choices[draft.dice.draw([1] * len(choices))] if len(choices) > 1 else choices[0]
            depart(draft, who, direction)
            arrive(draft, who, to)
        return
    step = (draft.clocks[persona.step_clock] + 1) % len(persona.route)
    to = persona.route[step]
    direction = next((d for d, there in _ways(draft, room) if there == to), "")
    if to == room or direction:
        draft.set_clock(persona.step_clock, step)
    if direction and to != room:
        depart(draft, who, direction)
        arrive(draft, who, to)


def _follow(draft: Draft, who: int, persona: CompiledPersona, room: int) -> None:
    """Keep with somebody: the clock remembers whether they have met."""
    where = draft.record(persona.follows).parent
    if where == room:
        draft.set_clock(persona.clock, 0)
        return
    met = draft.clocks[persona.clock] == 0
    if not met or (persona.when is not None and not persona.when(draft)):
        return
    direction = next((d for d, there in _ways(draft, room) if there == where), "")
    if direction:
        depart(draft, who, direction)
        arrive(draft, who, where)


def _ways(draft: Draft, room: int) -> list[tuple[str, int]]:
    """Where a character can go: through open doors, by exits that are free to all."""
    return [
        (direction, way.to)
        for direction, way in draft.compiled.entities[room].ways.items()
        if (way.door == NOWHERE or (draft.flags(way.door) & OPEN and not draft.flags(way.door) & HIDDEN))
        and way.passable is None
    ]
