"""What a seat sees and carries, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.prose import CountedThing, Listed, Value
from sandbox.world.native.seating import aboard
from sandbox.world.native.state import HANDLED, HIDDEN, LOCKED, NOWHERE, ON, OPEN, WORN

if TYPE_CHECKING:
    from sandbox.world.native.compiled import Draft

Stock = tuple[tuple[int, int], ...]


def look(draft: Draft, seat: int) -> str:
    """The surroundings in full, as the seat sees them whoever acts."""
    actor, draft.actor = draft.actor, seat
    text = _look(draft, seat)
    draft.actor = actor
    return text


def _look(draft: Draft, seat: int) -> str:
    room = draft.record(seat).parent
    if room == NOWHERE:
        return ""
    compiled = draft.compiled
    if not draft.is_lit(room):
        dark = [draft.message("dark_name", seat, {}), draft.message("dark", seat, {})]
        return "\n".join([*dark, *_elsewhere(draft, room), exits(draft, seat, room)])
    entity = compiled.entities[room]
    lines = [entity.noun.name]
    if body := entity.description.render(draft, seat):
        lines.append(body)
    return "\n".join([*lines, *_contents(draft, seat, room)])


def _aboard(draft: Draft, seat: int) -> list[str]:
    """What the seats in a room are in or on, as one of them sees it."""
    compiled, lines = draft.compiled, list[str]()
    for who in compiled.aboard:
        if draft.record(who).parent == draft.record(seat).parent and (thing := aboard(draft, who)) != NOWHERE:
            slots: dict[str, Value] = {"me": CountedThing(who), "thing": CountedThing(thing)}
            lines.append(draft.message(f"is_{compiled.entities[thing].enter}", seat, slots))
    return lines


def glance(draft: Draft, seat: int, left: tuple[int, ...]) -> str:
    """The surroundings on coming back: what is there now, and what of the things that were left is gone."""
    room = draft.record(seat).parent
    compiled = draft.compiled
    if not draft.is_lit(room):
        return look(draft, seat)
    lines = [compiled.entities[room].noun.name, *_contents(draft, seat, room)]
    gone = [
        thing
        for thing in left
        if draft.record(thing).parent != room and compiled.entities[thing].listed and draft.holder(thing) != seat
    ]
    if gone:
        names = [compiled.grammar.definite(compiled.entities[thing].noun, 1) for thing in gone]
        plural = len(gone) > 1 or compiled.entities[gone[0]].noun.plural
        lines.append(draft.message("gone", seat, {"list": Listed(compiled.grammar.listing(names), plural)}))
    return "\n".join(line for line in lines if line)


def _contents(draft: Draft, seat: int, room: int) -> list[str]:
    """Things, what is in and on them, people, exits: a line each."""
    compiled = draft.compiled
    entities = compiled.entities
    record = draft.record(room)
    lines: list[str] = []
    listed: list[int] = []
    holders: list[int] = []
    people: list[int] = []
    own: list[str] = []
    for thing in (*record.contents, *entities[room].backdrops):
        flags = draft.record(thing).flags
        entity = entities[thing]
        if thing == seat or flags & HIDDEN:
            continue
        if entity.person:
            people.append(thing)
            continue
        holders.append(thing)
        if not entity.listed:
            continue
        if entity.appearance and not flags & HANDLED:
            own.append(entity.appearance.render(draft, seat))
        else:
            listed.append(thing)
    if own:
        lines.append((" " if compiled.grammar.spaced else "").join(own))
    items = [state_of(draft, thing) for thing in listed]
    items += _heaps(draft, record.stock)
    if items:
        lines.append(_enumerated(draft, "you_see", NOWHERE, items, listed, record.stock))
    for thing in holders:
        _inside(draft, seat, thing, lines)
    for person in people:
        lines.append(_person(draft, seat, person))
    if compiled.aboard:
        lines += _aboard(draft, seat)
    return [*lines, *_elsewhere(draft, room), exits(draft, seat, room)]


def _elsewhere(draft: Draft, room: int) -> list[str]:
    """Where the seats are that are in other rooms, where the world tells."""
    compiled = draft.compiled
    if not compiled.definition.whereabouts:
        return []
    grammar, entities = compiled.grammar, compiled.entities
    who = [
        grammar.aside(grammar.definite(entities[seat].noun, 1), entities[place].noun.name)
        for seat in compiled.seats
        if (place := draft.record(seat).parent) not in (NOWHERE, room)
    ]
    return [draft.message("elsewhere", NOWHERE, {"list": grammar.listing(who)})] if who else []


def _inside(draft: Draft, seat: int, holder: int, lines: list[str]) -> None:
    record = draft.record(holder)
    if not record.contents and not record.stock:
        return
    entity = draft.compiled.entities[holder]
    if not entity.supporter and not (record.flags & OPEN or entity.transparent):
        return
    inside = [thing for thing in record.contents if not draft.record(thing).flags & HIDDEN]
    items = [state_of(draft, thing) for thing in inside]
    items += _heaps(draft, record.stock)
    if items:
        key = "on_it" if entity.supporter else "in_it"
        lines.append(_enumerated(draft, key, holder, items, inside, record.stock))
    for thing in inside:
        _inside(draft, seat, thing, lines)


def _heaps(draft: Draft, stock: Stock) -> list[str]:
    if not stock:
        return []
    entities, grammar = draft.compiled.entities, draft.compiled.grammar
    return [grammar.indefinite(entities[kind].noun, count) for kind, count in stock]


def _enumerated(draft: Draft, key: str, holder: int, items: list[str], things: list[int], stock: Stock) -> str:
    """A line with a list of things. The same list reads the same, so that it is made out once."""
    compiled = draft.compiled
    memo = (key, holder, *items)
    line = compiled.memo.get(memo)
    if line is None or draft.fired is not None:
        if len(items) > 1:
            plural = True
        else:
            plural = compiled.entities[things[0]].noun.plural if things else stock[0][1] > 1
        slots: dict[str, Value] = {"list": Listed(compiled.grammar.listing(items), plural)}
        if holder != NOWHERE:
            slots["holder"] = CountedThing(holder)
        line = draft.message(key, NOWHERE, slots)
        compiled.remember(memo, line)
    return line


def _person(draft: Draft, seat: int, person: int) -> str:
    entity = draft.compiled.entities[person]
    record = draft.record(person)
    worn, carried = _belongings(draft, person)
    appearance = entity.appearance.render(draft, seat) if entity.appearance else ""
    if appearance and not record.contents and not record.stock:
        return appearance
    listing = draft.compiled.grammar.listing
    slots: dict[str, Value] = {"who": CountedThing(person)}
    if worn and carried:
        key = "person_wearing_with"
        slots |= {"list": listing(worn), "list2": listing(carried)}
    elif worn or carried:
        key = "person_wearing" if worn else "person_here_with"
        slots["list"] = listing(worn or carried)
    else:
        key = "person_here"
    return draft.message(key, seat, slots)


def _belongings(draft: Draft, person: int) -> tuple[list[str], list[str]]:
    """What others see a person wear, and carry."""
    compiled = draft.compiled
    worn: list[str] = []
    carried: list[str] = []
    record = draft.record(person)
    for thing in record.contents:
        flags = draft.record(thing).flags
        if flags & WORN:
            worn.append(compiled.grammar.indefinite(compiled.entities[thing].noun, 1))
        elif not compiled.entities[thing].concealed and not flags & HIDDEN:
            carried.append(state_of(draft, thing))
    carried += _heaps(draft, record.stock)
    return worn, carried


def exits(draft: Draft, seat: int, room: int) -> str:
    """The ways out."""
    compiled = draft.compiled
    seen: list[tuple[str, int, str]] = []
    for direction, way in compiled.entities[room].ways.items():
        if way.hidden and way.passable is not None and not way.passable(draft):
            continue
        state = ""
        if way.door != NOWHERE:
            flags = draft.record(way.door).flags
            if flags & HIDDEN:
                continue
            state = "open" if flags & OPEN else "locked" if flags & LOCKED else "closed"
        seen.append((direction, way.door, state))
    memo = ("exits", *seen)
    line = compiled.memo.get(memo)
    if line is None or draft.fired is not None:
        ways = [_way(draft, *way) for way in seen]
        key = "exits" if ways else "no_exits"
        line = draft.message(key, NOWHERE, {"list": compiled.grammar.listing(ways)})
        compiled.remember(memo, line)
    return line


def _way(draft: Draft, direction: str, door: int, state: str) -> str:
    name = draft.compiled.lexicon.direction_names[direction]
    if not state:
        return name
    shown = draft.message(state, NOWHERE, {})
    return draft.message("exit_door", NOWHERE, {"direction": name, "door": CountedThing(door), "state": shown})


def state_of(draft: Draft, thing: int) -> str:
    """A thing's indefinite name with what one sees of its condition: `a box (closed)`."""
    compiled = draft.compiled
    memo = (thing, draft.record(thing).flags)
    text = compiled.memo.get(memo)
    if text is None or draft.fired is not None:
        text = compiled.grammar.indefinite(compiled.entities[thing].noun, 1)
        if remarks := conditions_of(draft, thing):
            text = compiled.grammar.aside(text, compiled.grammar.listing(remarks))
        compiled.remember(memo, text)
    return text


def conditions_of(draft: Draft, thing: int) -> list[str]:
    """What one sees of a thing's condition: open, closed, locked, on, giving light."""
    entity, flags = draft.compiled.entities[thing], draft.record(thing).flags
    remarks: list[str] = []
    if entity.openable:
        remarks.append("open" if flags & OPEN else "locked" if flags & LOCKED else "closed")
    if entity.switchable and flags & ON:
        remarks.append("lit" if entity.light else "switched_on")
    return [draft.message(key, -1, {}) for key in remarks]


def inventory(draft: Draft, seat: int) -> str:
    """What a seat carries."""
    compiled = draft.compiled
    record = draft.record(seat)
    items: list[str] = []
    lines: list[str] = []
    for thing in record.contents:
        if draft.record(thing).flags & HIDDEN:
            continue
        text = state_of(draft, thing)
        if draft.record(thing).flags & WORN:
            text = compiled.grammar.aside(text, draft.message("worn", seat, {}))
        items.append(text)
        _inside(draft, seat, thing, lines)
    items += _heaps(draft, record.stock)
    if not items:
        return draft.message("carrying_nothing", seat, {})
    lines.insert(0, _enumerated(draft, "carrying", NOWHERE, items, [seat], ()))
    return "\n".join(lines)


def search(draft: Draft, seat: int, thing: int) -> str:
    """What one finds who looks in, on, under or behind something."""
    entity, lines = draft.compiled.entities[thing], list[str]()
    if entity.container and not draft.flags(thing) & OPEN and not entity.transparent:
        return draft.message("is_closed", seat, {"thing": CountedThing(thing)})
    if entity.container or entity.supporter:
        _inside(draft, seat, thing, lines)
    return "\n".join(lines) or draft.message("found_nothing", seat, {})


def examine(draft: Draft, seat: int, thing: int) -> str:
    """What one sees who looks at a thing, character or seat."""
    compiled = draft.compiled
    entity = compiled.entities[thing]
    lines: list[str] = []
    if text := entity.description.render(draft, seat):
        lines.append(text)
    remarks = conditions_of(draft, thing)
    if entity.switchable and not draft.flags(thing) & ON:
        remarks.append(draft.message("switched_off", seat, {}))
    if remarks:
        state = compiled.grammar.listing(remarks)
        lines.append(draft.message("it_is", seat, {"thing": CountedThing(thing), "state": state}))
    if entity.person:
        if thing == seat:
            lines.append(inventory(draft, seat))
        elif any(_belongings(draft, thing)):
            lines.append(_person(draft, seat, thing))
    else:
        _inside(draft, seat, thing, lines)
    return "\n".join(lines) or draft.message("nothing_special", seat, {"thing": CountedThing(thing, 2)})
