"""Whether everything that a definition names is there, and of the right kind."""

from __future__ import annotations

from functools import lru_cache

from sandbox.errors import Finding
from sandbox.marked_yaml import Document, Path
from sandbox.text import did_you_mean
from sandbox.world.native.actions import OVERRIDABLE, TRIGGERS
from sandbox.world.native.forms import lower, parse_form
from sandbox.world.native.languages import LANGUAGES
from sandbox.world.native.prose import Template
from sandbox.world.native.references.parts import References
from sandbox.world.native.schema import Adventure, Container, Door, Exit, OneOf, Routine, Thing
from sandbox.world.native.schema import conditions as c
from sandbox.world.native.schema.behaviour import Aim, CustomVerb, Reaction, VerbRule


def check_references(world: Adventure, document: Document) -> list[Finding]:
    """All names that lead nowhere or to the wrong kind of thing, with the nearest that would do."""
    check = _Check(world, document)
    check.everything()
    return check.findings


class _Check(References):
    """Walks a definition and collects what is wrong with its references."""

    # The walk

    def everything(self) -> None:
        if self.language is None:
            self.fault(
                ("language",),
                f"there is no language {self.world.language!r}",
                f"there are: {', '.join(LANGUAGES)}",
            )
        self._unique()
        self.text(("intro",), self.world.intro)
        for name, seat in self.world.seats.items():
            path: Path = ("seats", name)
            self.known((*path, "start"), seat.start, "rooms")
            self.text((*path, "knows"), seat.knows)
            self.text((*path, "description"), seat.description)
        self._rooms()
        self._things()
        self._characters()
        self._verbs()
        for number, rule in enumerate(self.world.rules):
            self._rule(("rules", number), rule, rule.instead or rule.after or "")
            key = "instead" if rule.instead is not None else "after"
            triggers = TRIGGERS if key == "after" else tuple(t for t in TRIGGERS if t != "enter")
            self.known(("rules", number, key), rule.instead or rule.after or "", "verbs", also=triggers)
        for name, event in self.world.events.items():
            path = ("events", name)
            actor = event.each
            self.conditions((*path, "when"), event.when, actor)
            self.text((*path, "say"), event.say, actor)
            self.effects((*path, "do"), event.do, actor)
            for room in event.room or ():
                self.known((*path, "room"), room, "rooms")
        for name, ending in self.world.endings.items():
            path = ("endings", name)
            self.conditions((*path, "when"), ending.when)
            self.text((*path, "say"), ending.say)
            self.effects((*path, "do"), ending.do)
            for winner in ending.won:
                self.known((*path, "won"), winner, "seats", also=("all", "none", "actor"))
        self._words()

    def _unique(self) -> None:
        """Identifiers are unique among all that can be somewhere, names among all that can be named."""
        first: dict[str, str] = {}
        for section in ("rooms", "things", "characters", "seats", "kinds"):
            for name in self.names[section]:
                if name in first:
                    self.fault((section, name), f"{name!r} is among the {first[name]} too", "rename one")
                first.setdefault(name, section)
        called: dict[str, str] = {}
        for section in ("things", "characters", "seats"):
            for name, model in getattr(self.world, section).items():
                names = [model.name or name.replace("_", " ")]
                if isinstance(model, Thing) and model.one and not model.liquid:
                    names.append(model.one)
                for shown in dict.fromkeys(lower(n) for n in names):
                    key = "name" if model.name else name
                    path: Path = (section, name, key) if model.name else (section, name)
                    if shown in called:
                        self.fault(
                            path,
                            f"{shown!r} is the name of {called[shown]!r} too",
                            "players could not tell them apart: give one another 'name'",
                        )
                    called.setdefault(shown, name)
                    self._typeable(path, shown)

    def _typeable(self, path: Path, name: str) -> None:
        if self.language is None:
            return
        grammar = self.language.grammar
        whole = grammar.sentences(name) == [name] and grammar.tidy(name) == name
        if not whole or grammar.everything(name) is not None or grammar.pronoun(name) is not None:
            self.fault(path, f"{name!r} cannot be typed in a command", "it reads as something else: give a 'name'")

    def _rooms(self) -> None:
        for name, room in self.world.rooms.items():
            path: Path = ("rooms", name)
            self.text((*path, "description"), room.description)
            self.text((*path, "first"), room.first)
            for direction, given in room.exits.items():
                way = given if isinstance(given, Exit) else Exit(to=given)
                here: Path = (*path, "exits", direction)
                detail = isinstance(given, Exit)
                self.known((*here, "to") if detail else here, way.to, "rooms")
                self.conditions((*here, "when"), way.when)
                if way.otherwise and not way.when:
                    self.fault((*here, "otherwise"), "'otherwise' goes with 'when'")
                if way.hidden and not way.when:
                    self.fault((*here, "hidden"), "'hidden' goes with 'when': what must hold for it to be found")
                if way.door is not None and self.known((*here, "door"), way.door, "things"):
                    thing = self.world.things.get(way.door)
                    if thing is not None and thing.door is False:
                        self.fault((*here, "door"), f"{way.door!r} is no door", "give it 'door: true'")

    def _things(self) -> None:
        for name, thing in self.world.things.items():
            path: Path = ("things", name)
            if thing.kind is not None:
                self.known((*path, "kind"), thing.kind, "kinds")
            for key in ("description", "appearance", "text"):
                self.text((*path, key), getattr(thing, key))
            places = thing.at.one_of if isinstance(thing.at, OneOf) else (thing.at,)
            for place in places:
                self.place((*path, "at"), place)
            if thing.liquid:
                self._liquid(path, thing)
            if isinstance(thing.at, OneOf) and (thing.count is not None or thing.worn):
                self.fault((*path, "at"), "a counted or worn thing has one place")
            for room in thing.also_at:
                self.known((*path, "also_at"), room, "rooms")
            if thing.worn and thing.at not in (*self.names["seats"], *self.names["characters"]):
                self.fault((*path, "worn"), "nobody wears it", "let 'at' be a seat or character")
            part = thing.container or thing.door
            if isinstance(part, (Container, Door)):
                key = "container" if isinstance(part, Container) else "door"
                for lock in part.key or ():
                    if self.known((*path, key, "key"), lock, "things") and lock in self.counted_things:
                        self.fault((*path, key, "key"), f"{lock!r} is counted and cannot be a key")
                if part.locked and part.open:
                    self.fault((*path, key, "locked"), "what is locked is not open")
            if thing.door is not False and thing.at != "nowhere":
                self.fault((*path, "at"), "a door is where the exits are that name it", "leave 'at' out")
        self._cycles()

    def _liquid(self, path: Path, thing: Thing) -> None:
        vessel = self.world.things.get(thing.at) if isinstance(thing.at, str) else None
        box = vessel.container if vessel is not None else None
        room = isinstance(box, Container) and box.holds
        if thing.at in self.names["seats"] or thing.at in self.names["characters"]:
            self.fault((*path, "at"), "a liquid is in a room or in a vessel", "name a container that 'holds' it")
        elif vessel is not None and (not room or room < (thing.count or 0)):
            holds = f"holds {room} measures" if room else "holds no liquid"
            self.fault((*path, "at"), f"{thing.at!r} {holds}", f"write 'container: {{holds: {thing.count}}}'")

    def _cycles(self) -> None:
        """Nothing may be inside itself."""
        parents: dict[str, tuple[str, ...]] = {
            name: thing.at.one_of if isinstance(thing.at, OneOf) else (thing.at,)
            for name, thing in self.world.things.items()
        }
        for start in parents:
            trail = [start]
            seen: set[str] = set()
            while trail:
                for above in parents.get(trail.pop(), ()):
                    if above == start:
                        self.fault(("things", start, "at"), f"{start!r} is inside itself")
                        trail = []
                        break
                    if above not in seen:
                        seen.add(above)
                        trail.append(above)

    def _characters(self) -> None:
        for name, person in self.world.characters.items():
            path: Path = ("characters", name)
            self.known((*path, "at"), person.at, "rooms", also=("nowhere",))
            for key in ("description", "appearance", "greeting"):
                self.text((*path, key), getattr(person, key))
            for number, topic in enumerate(person.topics):
                self._reaction((*path, "topics", number), topic)
            for key in ("accepts", "notices"):
                for number, response in enumerate(getattr(person, key)):
                    here: Path = (*path, key, number)
                    for thing in response.thing:
                        self.known((*here, "thing"), thing, "things", "kinds")
                    with self.meaning(it=self.members(response.thing)):
                        self._reaction(here, response)
            for number, deal in enumerate(person.trades):
                here = (*path, "trades", number)
                for key in ("takes", "gives"):
                    thing = getattr(deal, key)
                    known = self.known((*here, key), thing, "things")
                    if known and thing not in self.counted_things and getattr(deal, f"{key}_count") > 1:
                        self.fault((*here, f"{key}_count"), f"{thing!r} is not counted", "give it a 'count'")
                self.conditions((*here, "when"), deal.when)
                self.text((*here, "say"), deal.say)
                self.effects((*here, "do"), deal.do)
            for number, aim in enumerate(person.aims):
                self._aim((*path, "aims", number), aim)
            if person.routine is not None:
                self._routine((*path, "routine"), name, person.routine)

    def _aim(self, path: Path, aim: Aim) -> None:
        """What a character wants is about where things and people are: that it can plan for."""
        self.conditions((*path, "when"), aim.when)
        self.conditions((*path, "reach"), aim.reach)
        for number, condition in enumerate(aim.reach):
            here: Path = (
                (*path, "reach", number) if isinstance(self._written((*path, "reach")), list) else (*path, "reach")
            )
            if not isinstance(condition, (c.Has, c.ThingIs, c.InRoom, c.Together)):
                self.fault(here, "a character cannot plan for that", "there are: has, thing, room, together")
            elif isinstance(condition, c.Has) and condition.has in self.counted_things:
                self.fault((*here, "has"), f"{condition.has!r} is counted, and a character carries single things")

    def _routine(self, path: Path, name: str, routine: Routine) -> None:
        for room in routine.rooms:
            self.known((*path, "rooms"), room, "rooms")
        if routine.follows is not None:
            self.person((*path, "follows"), routine.follows)
            if routine.follows == name:
                self.fault((*path, "follows"), "it cannot follow itself")
        self.conditions((*path, "when"), routine.when, actor=False)

    def _verbs(self) -> None:
        for name, verb in self.world.verbs.items():
            path: Path = ("verbs", name)
            usual = name in TRIGGERS or (self.language is not None and name in self.language.verbs)
            if usual and name not in OVERRIDABLE:
                self.fault(path, f"{name!r} is one of the usual actions", "use 'rules' with 'instead' or 'after'")
            self.text((*path, "otherwise"), verb.otherwise)
            forms = [self._form((*path, "forms", n), name, form) for n, form in enumerate(verb.forms)]
            slots = frozenset(slot for form in forms for slot in form)
            self._filled(path, verb, forms)
            for number, rule in enumerate(verb.rules):
                here: Path = (*path, "rules", number)
                self._rule(here, rule, name, slots)
                for slot in ("thing", "other"):
                    if getattr(rule, slot) is not None and slots and slot not in slots:
                        self.fault((*here, slot), f"no form of {name!r} has {{{slot}}}")

    def _form(self, path: Path, action: str, text: str) -> frozenset[str]:
        if self.language is None:
            return frozenset()
        try:
            form = parse_form(action, text, self.language.grammar.spaced)
        except ValueError as error:
            self.fault(path, f"{text!r}: {error}")
            return frozenset()
        if odd := form.slots & {"direction", "extra"}:
            there = "there are {thing}, {things}, {other}, {number} and {text}"
            self.fault(path, f"{{{min(odd)}}} is for the usual actions", there)
        return form.slots

    def _filled(self, path: Path, verb: CustomVerb, forms: list[frozenset[str]]) -> None:
        """Whether a verb's forms agree in what is filled in, and what is suggested can be."""
        for slot, kind in (("number", int), ("text", str)):
            there = [slot in form for form in forms]
            if any(there) and not all(there):
                self.fault(
                    (*path, "forms", there.index(False)), f"another form of it has {{{slot}}}, this has not"
                )
            if any(there) and slot in self.names["variables"]:
                self.fault(("variables", slot), f"{slot!r} is also what a command names", "rename the variable")
            if not any(there) and any(isinstance(each, kind) for each in verb.suggest):
                self.fault((*path, "suggest"), f"no form of it has {{{slot}}}")

    def _slots_of(self, action: str) -> frozenset[str]:
        """What the forms of an action name."""
        if self.language is None:
            return frozenset()
        spaced = self.language.grammar.spaced
        keys = ("put_in", "put_on") if action == "put" else (action,)
        if action in self.world.verbs:
            return frozenset(s for form in self.world.verbs[action].forms for s in _slots_in(form, spaced))
        return frozenset(
            s for key in keys for form in self.language.verbs.get(key, ()) for s in _slots_in(form, spaced)
        )

    def _rule(self, path: Path, rule: VerbRule, action: str, slots: frozenset[str] | None = None) -> None:
        for key in ("thing", "other"):
            for name in getattr(rule, key) or ():
                self.known((*path, key), name, "things", "characters", "seats", "kinds")
        for name in rule.room or ():
            self.known((*path, "room"), name, "rooms")
        for name in rule.seat or ():
            self.known((*path, "seat"), name, "seats")
        if getattr(rule, "direction", None) and action != "go":
            self.fault((*path, "direction"), "'direction' goes with 'go'")
        slots = self._slots_of(action) if slots is None else slots
        if rule.words and "text" not in slots:
            self.fault((*path, "words"), "'words' goes with 'say', 'ask', 'tell' and verbs with {text}")
        if action in ("ask", "tell", "talk", "follow") and rule.thing is not None:
            self.fault((*path, "thing"), f"who is meant by {action!r} is 'other'", "write 'other' in its place")
        if action in ("go", "enter", "wait", "say") and (rule.thing or rule.other):
            self.fault((*path, "thing" if rule.thing else "other"), f"{action!r} is about no thing")
        about: dict[str, tuple[str, ...]] = {}
        if "thing" in slots:
            about["it"] = self.members(rule.thing) if rule.thing is not None else self.anything
        if "other" in slots:
            about["other"] = self.members(rule.other) if rule.other is not None else self.anything
        about |= {slot: () for slot in ("number", "text") if slot in slots and slot not in self.names["variables"]}
        with self.meaning(**about):
            self._reaction(path, rule)

    def _reaction(self, path: Path, reaction: Reaction) -> None:
        self.conditions((*path, "when"), reaction.when)
        self.text((*path, "say"), reaction.say)
        self.text((*path, "seen"), reaction.seen)
        self.effects((*path, "do"), reaction.do)

    def _words(self) -> None:
        if self.language is None:
            return
        for action, forms in self.world.words.verbs.items():
            if self.known_action(("words", "verbs", action), action):
                for number, form in enumerate(forms):
                    self._more(("words", "verbs", action, number), action, form)
        for key, text in self.world.messages.items():
            path: Path = ("messages", key)
            if key not in self.language.messages:
                self.fault(path, "the engine has no such message", did_you_mean(key, self.language.messages))
                continue
            allowed = frozenset(name for _, name in Template(self.language.messages[key]).slots())
            self.slots(path, text, allowed)

    def known_action(self, path: Path, action: str) -> bool:
        """Whether an action is one of the language's."""
        assert self.language is not None
        if action in self.language.verbs:
            return True
        self.fault(path, f"there is no action {action!r}", did_you_mean(action, self.language.verbs))
        return False

    def _more(self, path: Path, action: str, text: str) -> None:
        assert self.language is not None
        spaced = self.language.grammar.spaced
        try:
            form = parse_form(action, text, spaced)
        except ValueError as error:
            self.fault(path, f"{text!r}: {error}")
            return
        usual = {parse_form(action, t, spaced).slots for t in self.language.verbs[action]}
        if form.slots not in usual:
            self.fault(path, f"{text!r} has other slots than {self.language.verbs[action][0]!r}")


@lru_cache(maxsize=2_000)
def _slots_in(form: str, spaced: bool) -> frozenset[str]:
    """The slots of a form; none of one that is faulty."""
    try:
        return parse_form("", form, spaced).slots
    except ValueError:
        return frozenset()
