"""The commands that would do something, as a seat finds things now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.actions.handling import held
from sandbox.world.native.actions.liquids import listed
from sandbox.world.native.actions.moving import can_go
from sandbox.world.native.actions.people import owns, standing_offer
from sandbox.world.native.fillings import fitting
from sandbox.world.native.scope import Scope, in_hand, scope_of
from sandbox.world.native.seating import aboard, can_hold, passengers, vehicle_of
from sandbox.world.native.state import FIXED, HIDDEN, LOCKED, NOWHERE, ON, OPEN, WORN, ParsedCommand

if TYPE_CHECKING:
    from sandbox.world.native.compiled import CompiledRule, Draft


_NONE = frozenset[str]()
_THING = frozenset({"thing"})


def admissible(draft: Draft, seat: int) -> tuple[str, ...]:
    """Listed commands: each takes a turn and does something. Sorted, never empty."""
    commands = commands_of(draft, seat)
    phrase = draft.compiled.phrase
    return tuple(sorted({phrase(command) for command in commands}))


def commands_of(draft: Draft, seat: int) -> list[ParsedCommand]:
    """The same, unsorted, as commands."""
    compiled = draft.compiled
    draft.actor = seat
    scope = scope_of(draft, seat)
    found = usual(draft, seat, scope)
    for person in scope.near:
        if person >= compiled.people:
            _person(draft, seat, person, found)
    if compiled.rules.instead:
        replaced = compiled.rules.replaced
        found = [c for c in found if c.action not in replaced or not _refused(draft, c)]
        _ruled(draft, scope, found)
    if compiled.rules.after:
        _followed(draft, scope, found)
    if any(offer is not None and offer.to == seat for offer in draft.offers):
        found.append(ParsedCommand("decline"))
        if standing_offer(draft, seat) != NOWHERE:
            found.append(ParsedCommand("accept"))
    if compiled.waits or not found:
        found.append(ParsedCommand("wait"))
    return found


def usual(draft: Draft, seat: int, scope: Scope) -> list[ParsedCommand]:
    """What anybody can do here that no rule is about, a character too."""
    compiled, found = draft.compiled, list[ParsedCommand]()
    on = aboard(draft, seat) if compiled.aboard else NOWHERE
    if on != NOWHERE:
        found.append(ParsedCommand("get_off", on))
    if scope.room != NOWHERE and (on == NOWHERE or vehicle_of(draft, seat) == on):
        for direction in compiled.entities[scope.room].ways:
            if can_go(draft, scope.room, direction):
                found.append(ParsedCommand("go", text=direction))
    room_left = held(draft, seat) < compiled.entities[seat].capacity
    for thing in scope.near:
        if thing < compiled.people:
            _near(draft, seat, thing, room_left, found)
    if compiled.liquids:
        listed(draft, scope, found)
    people = [p for p in scope.near if p >= compiled.people]
    for thing in dict.fromkeys(scope.held):
        _held(draft, seat, thing, scope, people, found)
    return found


def _near(draft: Draft, seat: int, thing: int, room_left: bool, found: list[ParsedCommand]) -> None:
    """What can be done with a thing within reach that is not in one's hands."""
    entity = draft.compiled.entities[thing]
    if entity.liquid:
        return
    if entity.counted:
        if room_left or draft.stock(seat, thing):
            found.append(ParsedCommand("take", thing))
            found.append(ParsedCommand("take", thing, amount=1))
        if entity.edible:
            found.append(ParsedCommand("eat", thing))
        return
    flags = draft.record(thing).flags
    if entity.enter:
        if aboard(draft, seat) == NOWHERE and can_hold(draft, seat, thing):
            found.append(ParsedCommand("board", thing))
        room_left = room_left and not passengers(draft, thing)
    if room_left and not flags & FIXED:
        found.append(ParsedCommand("take", thing))
    if entity.edible:
        found.append(ParsedCommand("eat", thing))
    _works(draft, seat, thing, flags, found)


def _works(draft: Draft, seat: int, thing: int, flags: int, found: list[ParsedCommand]) -> None:
    """Opening, locking, switching and reading, in hand or not."""
    entity = draft.compiled.entities[thing]
    if entity.openable:
        if flags & OPEN:
            found.append(ParsedCommand("close", thing))
        elif not flags & LOCKED:
            found.append(ParsedCommand("open", thing))
        if entity.keys and not flags & OPEN:
            action = "unlock" if flags & LOCKED else "lock"
            found += [ParsedCommand(action, thing, key) for key in entity.keys if in_hand(draft, seat, key)]
    if entity.switchable:
        found.append(ParsedCommand("switch_off" if flags & ON else "switch_on", thing))
    if entity.text:
        found.append(ParsedCommand("read", thing))


def _held(
    draft: Draft, seat: int, thing: int, scope: Scope, people: list[int], found: list[ParsedCommand]
) -> None:
    """What can be done with a thing in one's hands."""
    compiled = draft.compiled
    entity = compiled.entities[thing]
    counts: tuple[int, ...] = (0,)
    if entity.counted:
        counts = (0, 1) if draft.stock(seat, thing) > 1 else (1,)
        if entity.edible:
            found.append(ParsedCommand("eat", thing))
    else:
        flags = draft.record(thing).flags
        _works(draft, seat, thing, flags, found)
        if entity.edible:
            found.append(ParsedCommand("eat", thing))
        if flags & WORN:
            found.append(ParsedCommand("take_off", thing))
        elif entity.wearable:
            found.append(ParsedCommand("wear", thing))
    if scope.room != NOWHERE:
        found += [ParsedCommand("drop", thing, amount=n) for n in counts]
    for holder in (*scope.near, *scope.held):
        box = compiled.entities[holder]
        if holder == thing or not (box.supporter or (box.container and draft.record(holder).flags & OPEN)):
            continue
        if held(draft, holder) < box.capacity or draft.stock(holder, thing):
            if not entity.counted and _within(draft, holder, thing):
                continue
            found += [ParsedCommand("put", thing, holder, n) for n in counts]
    for person in people:
        if compiled.entities[person].kind == "seat":
            if held(draft, person) < compiled.entities[person].capacity or draft.stock(person, thing):
                found += [ParsedCommand("give", thing, person, n) for n in counts]
            if entity.text or entity.concealed:
                found.append(ParsedCommand("show", thing, person))
            if compiled.definition.trading:
                _trades(draft, seat, thing, person, found)


def _within(draft: Draft, holder: int, thing: int) -> bool:
    """Whether a holder is itself inside the thing."""
    while holder >= draft.compiled.rooms:
        if holder == thing:
            return True
        holder = draft.record(holder).parent
    return False


def _trades(draft: Draft, seat: int, thing: int, person: int, found: list[ParsedCommand]) -> None:
    """Offers of one thing for one thing that the other is seen to have."""
    record = draft.record(person)
    theirs = [
        t for t in record.contents if not draft.compiled.entities[t].concealed and not draft.flags(t) & HIDDEN
    ]
    theirs += [kind for kind, _ in record.stock]
    standing = draft.offers[seat - draft.compiled.seats[0]]
    one = 1 if draft.compiled.entities[thing].counted else 0
    for other in theirs:
        if other == thing:
            continue
        if standing is not None and standing[:2] == (person, thing) and standing.wants == other:
            continue
        count = 1 if draft.compiled.entities[other].counted else 0
        found.append(ParsedCommand("trade", thing, person, one, "", other, count))


def _person(draft: Draft, seat: int, person: int, found: list[ParsedCommand]) -> None:
    """What a character reacts to."""
    persona = draft.compiled.personas.get(person)
    if persona is None:
        return
    for topic in persona.topics:
        if topic.listed and topic.holds(draft):
            found.append(ParsedCommand("ask", -1, person, text=topic.words[0]))
    for action, responses in (("give", persona.accepts), ("show", persona.notices)):
        for response in responses:
            if not response.listed:
                continue
            for draft.it in sorted(response.things):
                thing = draft.it
                if not _holds(draft, seat, thing, response.count, action) or not response.holds(draft):
                    continue
                count = response.count if draft.compiled.entities[thing].counted and action == "give" else 0
                found.append(ParsedCommand(action, thing, person, count))
    for deal in persona.trades:
        counted = draft.compiled.entities[deal.takes].counted
        if (
            owns(draft, seat, deal.takes, deal.takes_count)
            and owns(draft, person, deal.gives, deal.gives_count)
            and deal.holds(draft)
        ):
            extra = deal.gives_count if draft.compiled.entities[deal.gives].counted else 0
            found.append(
                ParsedCommand(
                    "trade", deal.takes, person, deal.takes_count if counted else 0, "", deal.gives, extra
                )
            )


def _holds(draft: Draft, seat: int, thing: int, count: int, action: str) -> bool:
    if action == "give" or draft.compiled.entities[thing].counted:
        return owns(draft, seat, thing, count)
    return in_hand(draft, seat, thing)


def _refused(draft: Draft, command: ParsedCommand) -> bool:
    """Whether a rule replaces the action by mere words."""
    for rule in draft.compiled.rules_instead(command.action, command.thing):
        if rule.fits(draft, command):
            return not (rule.costs and rule.listed)
    return False


def _ruled(draft: Draft, scope: Scope, found: list[ParsedCommand]) -> None:
    """Commands that rules of the author's own make possible."""
    listing = draft.compiled.rules.listing
    for rule in listing.anywhere:
        _expand(draft, rule, -1, scope, found)
    for rule in listing.by_room.get(scope.room, ()):
        _expand(draft, rule, -1, scope, found)
    if listing.by_thing:
        for thing in scope.all():
            for rule in listing.by_thing.get(thing, ()):
                _expand(draft, rule, thing, scope, found)


def _expand(draft: Draft, rule: CompiledRule, thing: int, scope: Scope, found: list[ParsedCommand]) -> None:
    """The commands of a rule, with everything that its slots can mean here."""
    lexicon = draft.compiled.lexicon
    action = rule.action
    if action == "go":
        directions = [rule.direction] if rule.direction else []
        candidates = [ParsedCommand("go", text=d) for d in directions]
    elif action in ("say", "ask", "tell"):
        candidates = [
            ParsedCommand(action, -1, other, text=w)
            for w in rule.words[:1]
            for other in _others(rule, scope, action)
        ]
    else:
        things = [thing] if thing >= 0 else [-1]
        others = sorted(rule.others) if rule.others is not None else [-1]
        fillings = draft.compiled.rules.fillings.get(action)
        filled = fillings.slots if fillings is not None else _NONE
        if thing < 0:
            things = scope.all() if lexicon.form(action, filled) is None else things
        elif rule.others is None and lexicon.form(action, filled | _THING) is None:
            others = scope.all()
        candidates = [ParsedCommand(action, t, o) for t in things for o in others if t != o or t < 0]
    reachable = None
    for command in candidates:
        if command.thing >= 0 or command.other >= 0:
            reachable = set(scope.held) | set(scope.near) if reachable is None else reachable
            if not all(t < 0 or t in reachable for t in (command.thing, command.other)):
                continue
        for each in fitting(draft, rule, command):
            if each not in found:
                found.append(each)


def _others(rule: CompiledRule, scope: Scope, action: str) -> list[int]:
    if action == "say":
        return [-1]
    return [p for p in scope.near if p in rule.others] if rule.others is not None else []


def _followed(draft: Draft, scope: Scope, found: list[ParsedCommand]) -> None:
    """Commands whose only effect are rules that follow them: looking closely, and saying a word."""
    after = draft.compiled.rules.after
    if draft.compiled.rules.watches_examine:
        for thing in scope.all():
            if (("examine", thing)) in after:
                command = ParsedCommand("examine", thing)
                if any(r.costs and r.listed and r.fits(draft, command) for r in after["examine", thing]):
                    found.append(command)
    for rule in after.get(("say", -1), ()):
        if rule.listed and rule.words:
            command = ParsedCommand("say", text=rule.words[0])
            if rule.fits(draft, command):
                found.append(command)
