"""Getting in and on things, and out and off again."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.prose import CountedThing
from sandbox.world.native.seating import aboard, can_hold, put_aboard
from sandbox.world.native.state import NOWHERE, ParsedCommand

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft


def board(draft: Draft, command: ParsedCommand) -> bool:
    """Get in or on something."""
    compiled, seat, thing = draft.compiled, draft.actor, command.thing
    named = CountedThing(thing)
    if not compiled.entities[thing].enter:
        draft.say("cannot_board", thing=named)
        return False
    now = aboard(draft, seat)
    if now != NOWHERE:
        draft.say("aboard_already" if now == thing else "get_off_first", thing=CountedThing(now))
        return False
    if not can_hold(draft, seat, thing):
        draft.say("cannot_board", thing=named)
        return False
    put_aboard(draft, seat, thing)
    how = compiled.entities[thing].enter
    draft.say(f"boarded_{how}", thing=named)
    draft.show(f"boarded_{how}_seen", draft.here(), seat, me=CountedThing(seat), thing=named)
    return True


def get_off(draft: Draft, command: ParsedCommand) -> bool:
    """Get out or off again."""
    seat, thing = draft.actor, aboard(draft, draft.actor)
    if thing == NOWHERE or command.thing not in (NOWHERE, thing):
        draft.say("not_aboard")
        return False
    put_aboard(draft, seat, NOWHERE)
    draft.say("got_off", thing=CountedThing(thing))
    draft.show("got_off_seen", draft.here(), seat, me=CountedThing(seat), thing=CountedThing(thing))
    return True
