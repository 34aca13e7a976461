"""Dealing with other seats and with characters: talk, gifts, exchanges."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.actions.handling import held
from sandbox.world.native.languages.grammar import mentions
from sandbox.world.native.prose import CountedThing
from sandbox.world.native.state import NOWHERE, Offer, ParsedCommand

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft


def say(draft: Draft, command: ParsedCommand) -> bool:
    """Say something to whoever hears it. The words reach seats as they were said, cleaned."""
    compiled, me, room = draft.compiled, CountedThing(draft.actor), draft.here()
    draft.say("said", text=command.text)
    for seat in compiled.seats:
        hears = compiled.entities[seat].hears
        if seat == draft.actor or hears == "nothing":
            continue
        if draft.record(seat).parent == room:
            draft.say("heard", seat, me=me, text=command.text)
        elif hears == "everywhere":
            draft.say("heard_far", seat, me=me, text=command.text)
    return True


def tell(draft: Draft, command: ParsedCommand) -> bool:
    """Say something to one alone. To a character it is a topic, as in asking."""
    compiled, who = draft.compiled, command.other
    if not _person(draft, who):
        return False
    if compiled.entities[who].kind == "character":
        return ask(draft, command)
    me = CountedThing(draft.actor)
    draft.say("told", who=CountedThing(who), text=command.text)
    if compiled.entities[who].hears != "nothing":
        draft.say("told_you", who, me=me, text=command.text)
    draft.show("told_seen", draft.here(), draft.actor, who, me=me, who=CountedThing(who))
    return True


def _person(draft: Draft, who: int) -> bool:
    if who == draft.actor:
        draft.say("yourself")
        return False
    if not draft.compiled.entities[who].person:
        draft.say("not_a_person", who=CountedThing(who))
        return False
    return True


def ask(draft: Draft, command: ParsedCommand) -> bool:
    """Ask a character about something. Of a seat it is asked as a question, in words."""
    compiled, who = draft.compiled, command.other
    if not _person(draft, who):
        return False
    if compiled.entities[who].kind == "seat":
        return tell(draft, command._replace(action="tell"))
    for topic in compiled.personas[who].topics:
        if mentions(command.text, topic.words, compiled.grammar.spaced) and topic.holds(draft):
            topic.carry_out(draft)
            if not topic.seen:
                draft.show(
                    "asked_seen", draft.here(), draft.actor, me=CountedThing(draft.actor), who=CountedThing(who)
                )
            return True
    draft.say("no_topic", who=CountedThing(who))
    return False


def talk(draft: Draft, command: ParsedCommand) -> bool:
    """Greet a character, which says how it can be talked to."""
    who = command.other
    if not _person(draft, who):
        return False
    persona = draft.compiled.personas.get(who)
    if persona is not None and persona.greeting:
        draft.tell(draft.actor, persona.greeting.render(draft, draft.actor))
    else:
        draft.say("no_greeting", who=CountedThing(who))
    return False


def _mine(draft: Draft, command: ParsedCommand) -> int:
    """How many of the thing the seat has to give; 0, with a word about it, where it has not so many."""
    thing = command.thing
    if draft.compiled.entities[thing].counted:
        there = draft.stock(draft.actor, thing)
        if there and command.amount <= there:
            return command.amount or there
        draft.say("too_few" if there else "not_carried", thing=CountedThing(thing, 2))
        return 0
    if draft.record(thing).parent != draft.actor:
        draft.say("not_carried", thing=CountedThing(thing))
        return 0
    return 1


def give(draft: Draft, command: ParsedCommand) -> bool:
    """Give something to another. A character takes only what it `accepts`."""
    compiled, who, thing = draft.compiled, command.other, command.thing
    if not _person(draft, who) or not (count := _mine(draft, command)):
        return False
    named, me, them = CountedThing(thing, count), CountedThing(draft.actor), CountedThing(who)
    if compiled.entities[who].kind == "character":
        draft.it = thing
        for response in compiled.personas[who].accepts:
            if thing in response.things and count >= response.count and response.holds(draft):
                draft.transfer(thing, count, draft.actor, who)
                if not response.say:
                    draft.say("gave", thing=named, who=them)
                draft.show("gave_seen", draft.here(), draft.actor, me=me, thing=named, who=them)
                response.carry_out(draft)
                return True
        draft.say("declined", who=them, thing=named)
        return False
    if held(draft, who) >= compiled.entities[who].capacity and not draft.stock(who, thing):
        draft.say("their_hands_full", who=them)
        return False
    draft.transfer(thing, count, draft.actor, who)
    draft.say("gave", thing=named, who=them)
    draft.say("gave_you", who, me=me, thing=named)
    draft.show("gave_seen", draft.here(), draft.actor, who, me=me, thing=named, who=them)
    return True


def show(draft: Draft, command: ParsedCommand) -> bool:
    """Show something to another. A seat reads what is written on it; a character may take notice."""
    compiled, who, thing = draft.compiled, command.other, command.thing
    if not _person(draft, who):
        return False
    if not draft.has(draft.actor, thing):
        draft.say("not_carried", thing=CountedThing(thing))
        return False
    named, me, them = CountedThing(thing, command.amount or 2), CountedThing(draft.actor), CountedThing(who)
    if compiled.entities[who].kind == "character":
        draft.it = thing
        for response in compiled.personas[who].notices:
            if (
                thing in response.things
                and draft.has(draft.actor, thing, response.count)
                and response.holds(draft)
            ):
                if not response.say:
                    draft.say("showed", thing=named, who=them)
                draft.show("showed_seen", draft.here(), draft.actor, me=me, thing=named, who=them)
                response.carry_out(draft)
                return True
        draft.say("not_interested", who=them, thing=named)
        return False
    draft.say("showed", thing=named, who=them)
    draft.say("showed_you", who, me=me, thing=named)
    if compiled.entities[thing].kind == "thing" and (text := compiled.entities[thing].text):
        draft.tell(who, text.render(draft, who))
    draft.show("showed_seen", draft.here(), draft.actor, who, me=me, thing=named, who=them)
    return True


def trade(draft: Draft, command: ParsedCommand) -> bool:
    """Exchange with a character that agrees, or offer an exchange to a seat."""
    compiled, who = draft.compiled, command.other
    if not _person(draft, who) or not (count := _mine(draft, command)):
        return False
    wanted = command.extra_amount or 1
    slots = {
        "thing": CountedThing(command.thing, count),
        "extra": CountedThing(command.extra, wanted),
        "who": CountedThing(who),
    }
    if compiled.entities[who].kind == "character":
        for deal in compiled.personas[who].trades:
            fits = (deal.takes, deal.gives, deal.takes_count) == (command.thing, command.extra, count)
            if fits and deal.holds(draft) and draft.has(who, deal.gives, deal.gives_count):
                draft.transfer(deal.takes, deal.takes_count, draft.actor, who)
                draft.transfer(deal.gives, deal.gives_count, who, draft.actor)
                slots["extra"] = CountedThing(deal.gives, deal.gives_count)
                draft.say("traded", **slots)
                draft.show("traded_seen", draft.here(), draft.actor, me=CountedThing(draft.actor), **slots)
                deal.carry_out(draft)
                return True
        draft.say("no_deal", who=CountedThing(who))
        return False
    if not compiled.definition.trading:
        draft.say("no_trading")
        return False
    standing = draft.offers[who - compiled.seats[0]]
    mine = Offer(who, command.thing, count, command.extra, wanted)
    if standing == Offer(draft.actor, mine.wants, mine.wants_count, mine.gives, mine.gives_count):
        return _exchange(draft, who, standing)
    if not owns(draft, who, command.extra, wanted):
        draft.say("they_lack", who=CountedThing(who), extra=slots["extra"])
        return False
    draft.offer(draft.actor, mine)
    draft.say("offered", **slots)
    draft.say("offered_you", who, me=CountedThing(draft.actor), **slots)
    draft.show("offered_seen", draft.here(), draft.actor, who, me=CountedThing(draft.actor), **slots)
    return True


def owns(draft: Draft, who: int, thing: int, count: int) -> bool:
    """Whether somebody has a thing, or so many of it, in its own hands."""
    if draft.compiled.entities[thing].counted:
        return draft.stock(who, thing) >= count
    return draft.record(thing).parent == who


def standing_offer(draft: Draft, seat: int) -> int:
    """The seat in the same room whose offer to this seat still stands and can be met; `NOWHERE` if none."""
    room = draft.record(seat).parent
    for other, offer in zip(draft.compiled.seats, draft.offers, strict=True):
        if (
            offer is not None
            and offer.to == seat
            and draft.record(other).parent == room
            and owns(draft, other, offer.gives, offer.gives_count)
            and owns(draft, seat, offer.wants, offer.wants_count)
        ):
            return other
    return NOWHERE


def accept(draft: Draft, command: ParsedCommand) -> bool:
    """Agree to the exchange that another seat has offered."""
    who = standing_offer(draft, draft.actor)
    if who == NOWHERE:
        mine = any(o is not None and o.to == draft.actor for o in draft.offers)
        draft.say("offer_void" if mine else "no_offer")
        return False
    offer = draft.offers[who - draft.compiled.seats[0]]
    assert offer is not None
    return _exchange(draft, who, offer)


def _exchange(draft: Draft, who: int, offer: Offer) -> bool:
    if not owns(draft, who, offer.gives, offer.gives_count):
        draft.say("offer_void")
        return False
    draft.transfer(offer.gives, offer.gives_count, who, draft.actor)
    draft.transfer(offer.wants, offer.wants_count, draft.actor, who)
    draft.offer(who, None)
    got, given = CountedThing(offer.gives, offer.gives_count), CountedThing(offer.wants, offer.wants_count)
    me, them = CountedThing(draft.actor), CountedThing(who)
    draft.say("traded", who=them, thing=given, extra=got)
    draft.say("traded", who, who=me, thing=got, extra=given)
    draft.show("traded_seen", draft.here(), draft.actor, who, me=me, who=them, thing=given, extra=got)
    return True


def decline(draft: Draft, command: ParsedCommand) -> bool:
    """Turn down the exchange that another seat has offered."""
    compiled = draft.compiled
    for seat, offer in zip(compiled.seats, draft.offers, strict=True):
        if offer is not None and offer.to == draft.actor:
            draft.offer(seat, None)
            draft.say("refused", who=CountedThing(seat))
            draft.say("refused_you", seat, me=CountedThing(draft.actor))
            return True
    draft.say("no_offer")
    return False
