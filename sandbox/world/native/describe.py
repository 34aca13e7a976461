"""What a seat sees and carries, in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.prose import Listed, Named, Value
from sandbox.world.native.state import HANDLED, HIDDEN, LOCKED, NOWHERE, ON, OPEN, WORN

if TYPE_CHECKING:
    from sandbox.world.native.draft import Draft


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
    atlas = draft.atlas
    if not atlas.is_lit(draft, room):
        lines = [draft.message("dark_name", seat, {}), draft.message("dark", seat, {}), exits(draft, seat, room)]
        return "\n".join(lines)
    entity = atlas.entities[room]
    lines = [entity.noun.name]
    if body := entity.description.render(draft, seat):
        lines.append(body)
    return "\n".join([*lines, *_contents(draft, seat, room)])


def glance(draft: Draft, seat: int, left: tuple[int, ...]) -> str:
    """The surroundings on coming back: what is there now, and what of the things that were left is gone."""
    room = draft.record(seat).parent
    atlas = draft.atlas
    if not atlas.is_lit(draft, room):
        return look(draft, seat)
    lines = [atlas.entities[room].noun.name, *_contents(draft, seat, room)]
    gone = [
        thing
        for thing in left
        if draft.record(thing).parent != room
        and atlas.entities[thing].listed
        and draft.holder(thing) != seat
        and thing != seat
    ]
    if gone:
        names = [atlas.grammar.definite(atlas.entities[thing].noun, 1) for thing in gone]
        plural = len(gone) > 1 or atlas.entities[gone[0]].noun.plural
        lines.append(draft.message("gone", seat, {"list": Listed(atlas.grammar.listing(names), plural)}))
    return "\n".join(lines)


def _contents(draft: Draft, seat: int, room: int) -> list[str]:
    """Things, what is in and on them, people, exits: a line each."""
    atlas = draft.atlas
    entities = atlas.entities
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
        lines.append((" " if atlas.grammar.spaced else "").join(own))
    items = [state_of(draft, thing) for thing in listed]
    items += [atlas.grammar.indefinite(entities[kind].noun, count) for kind, count in record.stock]
    if items:
        lines.append(draft.message("you_see", seat, {"list": _listed(draft, items, listed, record.stock)}))
    for thing in holders:
        _inside(draft, seat, thing, lines)
    for person in people:
        lines.append(_person(draft, seat, person))
    lines.append(exits(draft, seat, room))
    return lines


def _inside(draft: Draft, seat: int, holder: int, lines: list[str]) -> None:
    record = draft.record(holder)
    if not record.contents and not record.stock:
        return
    entity = draft.atlas.entities[holder]
    if not entity.supporter and not (record.flags & OPEN or entity.transparent):
        return
    inside = [thing for thing in record.contents if not draft.record(thing).flags & HIDDEN]
    items = [state_of(draft, thing) for thing in inside]
    items += [draft.atlas.grammar.indefinite(draft.atlas.entities[k].noun, n) for k, n in record.stock]
    if items:
        key = "on_it" if entity.supporter else "in_it"
        slots: dict[str, Value] = {
            "holder": Named(holder),
            "list": _listed(draft, items, inside, record.stock),
        }
        lines.append(draft.message(key, seat, slots))
    for thing in inside:
        _inside(draft, seat, thing, lines)


def _listed(draft: Draft, items: list[str], things: list[int], stock: tuple[tuple[int, int], ...]) -> Listed:
    if len(items) > 1:
        plural = True
    elif things:
        plural = draft.atlas.entities[things[0]].noun.plural
    else:
        plural = stock[0][1] > 1
    return Listed(draft.atlas.grammar.listing(items), plural)


def _person(draft: Draft, seat: int, person: int) -> str:
    entity = draft.atlas.entities[person]
    record = draft.record(person)
    worn, carried = _belongings(draft, person)
    appearance = entity.appearance.render(draft, seat) if entity.appearance else ""
    if appearance and not record.contents and not record.stock:
        return appearance
    listing = draft.atlas.grammar.listing
    slots: dict[str, Value] = {"who": Named(person)}
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
    atlas = draft.atlas
    worn: list[str] = []
    carried: list[str] = []
    record = draft.record(person)
    for thing in record.contents:
        flags = draft.record(thing).flags
        if flags & WORN:
            worn.append(atlas.grammar.indefinite(atlas.entities[thing].noun, 1))
        elif not atlas.entities[thing].concealed and not flags & HIDDEN:
            carried.append(state_of(draft, thing))
    carried += [atlas.grammar.indefinite(atlas.entities[kind].noun, count) for kind, count in record.stock]
    return worn, carried


def exits(draft: Draft, seat: int, room: int) -> str:
    """The ways out."""
    atlas = draft.atlas
    ways: list[str] = []
    for direction, way in atlas.entities[room].ways.items():
        if way.hidden and way.passable is not None and not way.passable(draft):
            continue
        name = atlas.lexicon.direction_names[direction]
        if way.door != NOWHERE:
            flags = draft.record(way.door).flags
            if flags & HIDDEN:
                continue
            state = "open" if flags & OPEN else "locked" if flags & LOCKED else "closed"
            text = draft.message(state, seat, {})
            name = draft.message("exit_door", seat, {"direction": name, "door": Named(way.door), "state": text})
        ways.append(name)
    if not ways:
        return draft.message("no_exits", seat, {})
    return draft.message("exits", seat, {"list": atlas.grammar.listing(ways)})


def state_of(draft: Draft, thing: int) -> str:
    """A thing's indefinite name with what one sees of its condition: `a box (closed)`."""
    atlas = draft.atlas
    entity = atlas.entities[thing]
    name = atlas.grammar.indefinite(entity.noun, 1)
    remarks = conditions_of(draft, thing)
    return atlas.grammar.aside(name, atlas.grammar.listing(remarks)) if remarks else name


def conditions_of(draft: Draft, thing: int) -> list[str]:
    """What one sees of a thing's condition: open, closed, locked, on, giving light."""
    entity, flags = draft.atlas.entities[thing], draft.record(thing).flags
    remarks: list[str] = []
    if entity.openable:
        remarks.append("open" if flags & OPEN else "locked" if flags & LOCKED else "closed")
    if entity.switchable and flags & ON:
        remarks.append("lit" if entity.light else "switched_on")
    return [draft.message(key, -1, {}) for key in remarks]


def inventory(draft: Draft, seat: int) -> str:
    """What a seat carries."""
    atlas = draft.atlas
    record = draft.record(seat)
    items: list[str] = []
    lines: list[str] = []
    for thing in record.contents:
        if draft.record(thing).flags & HIDDEN:
            continue
        text = state_of(draft, thing)
        if draft.record(thing).flags & WORN:
            text = atlas.grammar.aside(text, draft.message("worn", seat, {}))
        items.append(text)
        _inside(draft, seat, thing, lines)
    items += [atlas.grammar.indefinite(atlas.entities[kind].noun, count) for kind, count in record.stock]
    if not items:
        return draft.message("carrying_nothing", seat, {})
    return "\n".join([draft.message("carrying", seat, {"list": atlas.grammar.listing(items)}), *lines])


def examine(draft: Draft, seat: int, thing: int) -> str:
    """What one sees who looks at a thing, character or seat."""
    atlas = draft.atlas
    entity = atlas.entities[thing]
    lines: list[str] = []
    if text := entity.description.render(draft, seat):
        lines.append(text)
    if remarks := conditions_of(draft, thing):
        state = atlas.grammar.listing(remarks)
        lines.append(draft.message("it_is", seat, {"thing": Named(thing), "state": state}))
    if entity.person:
        if thing == seat:
            lines.append(inventory(draft, seat))
        elif any(_belongings(draft, thing)):
            lines.append(_person(draft, seat, thing))
    else:
        _inside(draft, seat, thing, lines)
    return "\n".join(lines) or draft.message("nothing_special", seat, {"thing": Named(thing, 2)})
