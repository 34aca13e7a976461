"""Texts, conditions and effects: whether what they name is there."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from contextlib import contextmanager

from sandbox.errors import Finding
from sandbox.marked_yaml import Document, Path, dotted
from sandbox.text import near_miss
from sandbox.world.native.languages import LANGUAGES, Language, language
from sandbox.world.native.operands import SECTIONS
from sandbox.world.native.prose import Template, TemplateError
from sandbox.world.native.schema import Adventure, Variable
from sandbox.world.native.schema import conditions as c
from sandbox.world.native.schema import effects as e
from sandbox.world.native.schema.base import MAX_NUMBER
from sandbox.world.native.texts import Text

_SECTIONS = ("rooms", "things", "characters", "seats", "kinds", "variables", "verbs", "events", "endings")
_KINDS = {
    "rooms": "room",
    "things": "thing",
    "characters": "character",
    "seats": "seat",
    "kinds": "kind",
    "variables": "variable",
    "verbs": "verb",
    "events": "event",
    "endings": "ending",
}
_SWITCHED = frozenset({"on", "off"})
_LOCKS = frozenset({"locked", "unlocked"})
_LIDS = frozenset({"open", "closed"})
_LIGHT = frozenset({"lit", "dark"})
_MAX_MEANT = 50
_HINTS = 10
"""Faults for which a near miss is looked for."""
_TEXT_SLOTS = frozenset({"me", "thing", "other", "text"})
NUMBER = Variable(start=0, max=MAX_NUMBER)
TEXT = Variable(start="")


class References:
    """What a definition may name, and the faults found so far."""

    def __init__(self, world: Adventure, document: Document) -> None:
        self.world = world
        self.document = document
        self.findings: list[Finding] = []
        self.language: Language | None = language(world.language) if world.language in LANGUAGES else None
        # The names of what is faulty elsewhere count as well: one fault is one finding.
        self.names: dict[str, dict[str, None]] = {}
        for section in _SECTIONS:
            written = document.data.get(section)
            names = dict.fromkeys(getattr(world, section))
            self.names[section] = names | (dict.fromkeys(map(str, written)) if isinstance(written, dict) else {})
        self.about: dict[str, tuple[str, ...]] = {}
        """What `it` and `other` may be where the walk is, and `number` and `text` where a command names them."""
        self.properties = {
            f"{name}.{own}": value
            for section in ("things", "characters", "seats")
            for name, model in getattr(world, section).items()
            for own, value in model.properties.items()
        }
        self._slots = frozenset(self.names["variables"]) | self.properties.keys()
        self._acted_slots = self._slots | _TEXT_SLOTS
        self.counted_things = {name for name, thing in world.things.items() if thing.count is not None}
        self.anything = (*self.names["things"], *self.names["characters"], *self.names["seats"])
        self.enterable = [name for name, thing in world.things.items() if thing.enter]
        self.holders = {n for n, t in world.things.items() if t.container is not False or t.supporter is not False}

    # Finding fault

    def fault(self, path: Path, message: str, hint: str = "") -> None:
        where = self.document.where(path)
        self.findings.append(
            Finding(self.document.line(path), dotted(where), message, hint, file=self.document.file(path))
        )

    def _near(self, name: str, words: Iterable[str]) -> str:
        """What was probably meant, for the first faults: among thousands of names it takes its time."""
        return near_miss(name, words) if len(self.findings) < _HINTS else ""

    def known(
        self, path: Path, name: str, *sections: str, also: Collection[str] = (), meant: bool = False
    ) -> bool:
        """Whether a name is in one of the sections, or among the words that are allowed besides.

        Where a name may be `meant`, `it` and `other` do as well if the walk is about something.
        """
        if name in also or any(name in self.names[section] for section in sections):
            return True
        if name in ("it", "other"):
            if not meant or name not in self.about:
                what = "a rule about {thing}, or inside each" if name == "it" else "a rule about {other}"
                hint = f"it is there in {what}" if meant else "name it here"
                self.fault(path, f"nothing is meant by {name!r} here", hint)
            return meant and name in self.about
        sections = (
            sections
            if self.names["kinds"] or sections == ("kinds",)
            else tuple(s for s in sections if s != "kinds")
        )
        words = [*also, *(n for section in sections for n in self.names[section])]
        kinds = [_KINDS[section] for section in sections]
        what = f"{', '.join(kinds[:-1])} or {kinds[-1]}" if len(kinds) > 1 else kinds[0]
        there = next((_KINDS[s] for s in _SECTIONS if name in self.names[s]), "")
        if there:
            self.fault(path, f"{name!r} is a {there}; wanted is a {what}")
        else:
            near = self._near(name, words)
            self.fault(path, f"there is no {what} {name!r}", f"did you mean {near!r}?" if near else "")
        return False

    def place(self, path: Path, name: str, *words: str) -> None:
        """Whether a name is a place that can hold things."""
        known = self.known(
            path, name, "rooms", "things", "characters", "seats", also=("nowhere", *words), meant=True
        )
        if known and name in self.world.things and name not in self.holders and name not in words:
            self.fault(
                path, f"{name!r} holds nothing", "give it 'container: true' or 'supporter: true', or name another"
            )

    def person(self, path: Path, name: str, *words: str) -> None:
        self.known(path, name, "seats", "characters", also=words, meant=True)

    def text(self, path: Path, text: Text, actor: bool = True) -> None:
        allowed = self._acted_slots if actor else self._slots
        if isinstance(text, str):
            self.slots(path, text, allowed)
            return
        for number, part in enumerate(text):
            here: Path = (*path, number)
            if isinstance(part, str):
                self.slots(here, part, allowed)
                continue
            self.conditions((*here, "when"), part.when, actor)
            if isinstance(part, e.Variation):
                for which, variant in enumerate(part.one_of):
                    self.slots((*here, "one_of", which), variant, allowed)
            else:
                self.slots((*here, "say"), part.say, allowed)
                self.slots((*here, "otherwise"), part.otherwise, allowed)

    def slots(self, path: Path, text: str, allowed: frozenset[str]) -> None:
        try:
            template = Template(text)
        except TemplateError as error:
            self.fault(path, str(error))
            return
        for _, name in template.slots():
            if name not in allowed and not self._meant(name):
                near = self._near(name, allowed)
                hint = f"did you mean {{{near}}}?" if near else "for a brace write it twice"
                self.fault(path, f"there is nothing to fill {{{name}}} with", hint)

    def _meant(self, name: str) -> bool:
        """Whether a slot is about what the walk is about: `number`, `it`, `it.price`."""
        owner, dot, own = name.partition(".")
        if not dot or owner not in self.about:
            return name in self.about
        return any(f"{each}.{own}" in self.properties for each in self.about[owner])

    def _me(self, path: Path, name: str, actor: bool) -> None:
        if name in ("me", "here") and not actor:
            self.fault(
                path, f"nobody acts here, so there is no {name!r}", "name it; in an event there is 'each: true'"
            )

    def conditions(self, path: Path, conditions: tuple[c.Condition, ...], actor: bool = True) -> None:
        written = self._written(path)
        for number, condition in enumerate(conditions):
            self._condition((*path, number) if isinstance(written, list) else path, condition, actor)

    def _written(self, path: Path) -> object:
        value = self.document.data
        for step in path:
            try:
                value = value[step]
            except (KeyError, IndexError, TypeError):
                return None
        return value

    def _condition(self, path: Path, condition: c.Condition, actor: bool) -> None:
        match condition:
            case c.Has():
                if self.known((*path, "has"), condition.has, "things", meant=True):
                    self.counted(path, condition.has, condition.count)
                self.person((*path, "who"), condition.who, "me")
                self._me((*path, "who"), condition.who, actor)
            case c.ThingIs():
                self._thing_is(path, condition, actor)
            case c.Var():
                self._variable((*path, "var"), condition.var, condition.equals, (*path, "equals"))
                for key in ("at_least", "at_most"):
                    self._amount((*path, key), getattr(condition, key))
            case c.InRoom():
                for room in condition.room:
                    self.known((*path, "room"), room, "rooms")
                self.person((*path, "who"), condition.who, "me")
                self._me((*path, "who"), condition.who, actor)
            case c.Here():
                self.known((*path, "here"), condition.here, "things", "characters", "seats", meant=True)
                self._me((*path, "here"), "here", actor)
            case c.Likes():
                self.known((*path, "likes"), condition.likes, "characters")
            case c.Together():
                for name in condition.together:
                    self.known(
                        (*path, "together"), name, "things", "characters", "seats", also=("me",), meant=True
                    )
                    self._me((*path, "together"), name, actor)
            case c.Acting():
                for name in condition.seat:
                    self.known((*path, "seat"), name, "seats")
                self._me((*path, "seat"), "me", actor)
            case c.Clock():
                self.known((*path, "clock"), condition.clock, "events", also=("rounds",))
                if condition.of is not None and condition.clock != "rounds":
                    self.fault((*path, "of"), "'of' goes with 'clock: rounds'")
                for key in ("at_least", "at_most"):
                    self._amount((*path, key), getattr(condition, key))
            case c.EachIs() | c.Counting():
                key = "each" if isinstance(condition, c.EachIs) else "count"
                self._each((*path, key), getattr(condition, key))
                with self.meaning(it=self.members(getattr(condition, key))):
                    self.conditions((*path, "when"), condition.when, actor)
                for key in ("at_least", "at_most"):
                    self._amount((*path, key), getattr(condition, key, None))
            case c.Scored():
                self.known((*path, "points_of"), condition.points_of, "seats", also=("me",))
                self._me((*path, "points_of"), condition.points_of, actor)
            case c.Not():
                self._condition((*path, "not"), condition.negated, actor)
            case c.AnyOf():
                self.conditions((*path, "any"), condition.any, actor)
            case c.AllOf():
                self.conditions((*path, "all"), condition.all, actor)

    @contextmanager
    def meaning(self, **about: tuple[str, ...]) -> Iterator[None]:
        """Within, `it` and other words have a meaning."""
        outer, self.about = self.about, {**self.about, **about}
        yield
        self.about = outer

    def members(self, names: tuple[str, ...]) -> tuple[str, ...]:
        """All that some names, kinds or words for all stand for."""
        found: dict[str, None] = {}
        for name in names:
            if name in self.names["kinds"]:
                found |= dict.fromkeys(n for n, t in self.world.things.items() if name in self.world.kinds_of(t))
            else:
                found |= dict.fromkeys(self.names[name] if name in SECTIONS else (name,))
        return tuple(found)

    def _each(self, path: Path, names: tuple[str, ...]) -> None:
        """The several that a loop is about."""
        for name in names:
            known = self.known(path, name, "kinds", "things", "characters", "seats", "rooms", also=SECTIONS)
            if known and name in self.counted_things:
                self.fault(path, f"{name!r} is counted, and no single thing", "ask with 'has' and 'count'")
        if names and not self.members(names):
            self.fault(path, f"there are no things of the kind {names[0]!r}", "give one 'kind: ...'")

    def counted(self, path: Path, thing: str, count: int | str) -> None:
        self._amount((*path, "count"), count)
        if count != 1 and thing in self.world.things and thing not in self.counted_things:
            self.fault((*path, "count"), f"{thing!r} is not counted", "give it a 'count'")

    def _thing_is(self, path: Path, condition: c.ThingIs, actor: bool) -> None:
        name = condition.thing
        me = ("me",) if condition.at is not None else ()
        if not self.known((*path, "thing"), name, "rooms", "things", "characters", "seats", also=me, meant=True):
            return
        self._me((*path, "thing"), name, actor)
        if condition.at is not None:
            self.place((*path, "at"), condition.at, "me", "here", *self.enterable)
            self._me((*path, "at"), condition.at, actor)
            self.counted(path, name, condition.count)
        elif condition.being is not None:
            self._being((*path, "is"), name, condition.being)

    def _being(self, path: Path, name: str, being: str) -> None:
        """Whether a thing can be in a condition; of `it`, all that it may be."""
        if name in self.about:
            before = len(self.findings)
            for each in self.about[name][:_MAX_MEANT]:
                if len(self.findings) == before:
                    self._being(path, each, being)
            return
        if (being in _LIGHT) != (name in self.names["rooms"]):
            self.fault(path, f"{being!r} is for rooms" if being in _LIGHT else f"{being!r} is not for rooms")
            return
        thing = self.world.things.get(name)
        if being in _LIGHT or thing is None:
            return
        wrong = (
            (being in _SWITCHED and thing.switch is None and "'switch: on' or 'off'")
            or (
                being in (_LOCKS | _LIDS)
                and thing.container is False
                and thing.door is False
                and "a container or door"
            )
            or (being in ("worn", "unworn") and not thing.wearable and "'wearable: true'")
            or (name in self.counted_things and "one thing: it is counted")
        )
        if wrong:
            self.fault(path, f"{name!r} cannot be {being}", f"that needs {wrong}")

    def _amount(self, path: Path, value: int | str | None) -> None:
        """A number, or the name of a variable that holds one."""
        if isinstance(value, str) and self._given(path, value) is not None:
            self._variable(path, value, 0, path)

    def _given(self, path: Path, name: str) -> bool | int | Variable | None:
        """What is said of a variable, a property, or the number or text of a command; None where there is none."""
        if name in ("number", "text") and name in self.about:
            return NUMBER if name == "number" else TEXT
        owner, dot, own = name.partition(".")
        if not dot:
            named = [word for word in ("number", "text") if word in self.about]
            return self.world.variables.get(name) if self.known(path, name, "variables", also=named) else None
        if owner in ("it", "other") and owner not in self.about:
            self.known(path, owner, "things", meant=True)
            return None
        found = [self.properties.get(f"{each}.{own}") for each in self.about.get(owner, (owner,))]
        missing = next(
            (each for each, value in zip(self.about.get(owner, (owner,)), found, strict=True) if value is None), ""
        )
        if not missing:
            return found[0] if found else None
        if self.known(path, missing, "things", "characters", "seats"):
            near = self._near(own, {each.partition(".")[2] for each in self.properties})
            self.fault(
                path,
                f"{missing!r} has no property {own!r}",
                f"did you mean {near!r}?"
                if near and near != own
                else "give it one under 'properties', or to its kind",
            )
        return None

    def _variable(self, path: Path, name: str, value: object, where: Path) -> None:
        given = self._given(path, name)
        if given is None or value is None:
            return
        start = given if isinstance(given, (bool, int)) else given.start
        values = () if isinstance(given, (bool, int)) else given.values
        if isinstance(value, str) and type(start) is int:
            self._amount(where, value)
            return
        if isinstance(value, str) and isinstance(start, str) and (not values or (value == "text" in self.about)):
            return
        if type(start) is not type(value):
            kinds = {bool: "true or false", int: "a number", str: f"one of {', '.join(values)}"}
            self.fault(where, f"{name!r} is {kinds[type(start)]}")
        elif isinstance(value, str) and value not in values:
            self.fault(where, f"{value!r} is no value of {name!r}", f"there are: {', '.join(values)}")

    def effects(self, path: Path, effects: tuple[e.Effect, ...], actor: bool = True) -> None:
        written = self._written(path)
        for number, effect in enumerate(effects):
            self._effect((*path, number) if isinstance(written, list) else path, effect, actor)

    def _effect(self, path: Path, effect: e.Effect, actor: bool) -> None:
        match effect:
            case e.Move():
                self._move(path, effect, actor)
            case e.Make():
                if self.known((*path, "make"), effect.make, "things", "rooms", meant=True):
                    self._being((*path, "be"), effect.make, effect.be)
            case e.SetVar():
                self._variable((*path, "set"), effect.set, effect.to, (*path, "to"))
                self._not_the_command((*path, "set"), effect.set)
            case e.Change():
                by = 0 if isinstance(effect.by, str) else effect.by
                self._not_the_command((*path, "change"), effect.change)
                self._variable((*path, "change"), effect.change, by, (*path, "change"))
                self._amount((*path, "by"), effect.by)
            case e.Please():
                self.known((*path, "please"), effect.please, "characters")
            case e.Add() | e.Remove():
                key, to = ("add", "to") if isinstance(effect, e.Add) else ("remove", "at")
                name, place = getattr(effect, key), getattr(effect, to)
                if (
                    self.known((*path, key), name, "things")
                    and name in self.world.things
                    and name not in self.counted_things
                ):
                    self.fault((*path, key), f"{name!r} is not counted", "use 'move', or give it a 'count'")
                self._amount((*path, "count"), effect.count)
                self.place((*path, to), place, "me", "here")
                self._me((*path, to), place, actor)
            case e.Score():
                self.known((*path, "seat"), effect.seat, "seats", also=("me", "all", "others"), meant=True)
                if effect.seat in ("me", "others"):
                    self._me((*path, "seat"), "me", actor)
            case e.Say():
                words = ("me", "others", "here", "all")
                self.known((*path, "to"), effect.to, "seats", "rooms", also=words, meant=True)
                if effect.to in ("me", "others", "here"):
                    self._me((*path, "to"), "me", actor)
                self.text((*path, "say"), effect.say, actor)
            case e.End():
                self.known((*path, "end"), effect.end, "endings")
            case e.Start():
                self.known((*path, "start"), effect.start, "events")
            case e.Stop():
                self.known((*path, "stop"), effect.stop, "events")
            case e.Perhaps() | e.Decide():
                if isinstance(effect, e.Decide):
                    self.conditions((*path, "when"), effect.when, actor)
                self.effects((*path, "do"), effect.do, actor)
                self.effects((*path, "otherwise"), effect.otherwise, actor)
            case e.ForEach():
                self._each((*path, "each"), effect.each)
                with self.meaning(it=self.members(effect.each)):
                    self.conditions((*path, "when"), effect.when, actor)
                    self.effects((*path, "do"), effect.do, actor)
            case e.Pick():
                for number, branch in enumerate(effect.pick):
                    self.effects((*path, "pick", number, "do"), branch.do, actor)

    def _not_the_command(self, path: Path, name: str) -> None:
        if name in ("number", "text") and name in self.about:
            self.fault(path, f"the {name} of the command cannot be changed", "give it to a variable: {set: ...}")

    def _move(self, path: Path, effect: e.Move, actor: bool) -> None:
        self.known((*path, "move"), effect.move, "things", "characters", "seats", also=("me",), meant=True)
        self._me((*path, "move"), effect.move, actor)
        self._me((*path, "to"), effect.to, actor)
        if effect.move in self.about:
            self.place((*path, "to"), effect.to, "me", "here")
            for name in self.about[effect.move]:
                if name in self.counted_things or name in self.world.rooms:
                    what = "a room" if name in self.world.rooms else "counted"
                    self.fault((*path, "move"), f"{name!r} is {what} and cannot be moved")
                    break
        elif effect.move in self.world.things:
            self.place((*path, "to"), effect.to, "me", "here")
            if effect.move in self.counted_things:
                self.fault((*path, "move"), f"{effect.move!r} is counted", "use 'add' and 'remove'")
            elif self.world.things[effect.move].door is not False:
                self.fault((*path, "move"), f"{effect.move!r} is a door and stays where it is")
        else:
            self.known((*path, "to"), effect.to, "rooms", also=("nowhere", "here", *self.enterable), meant=True)
