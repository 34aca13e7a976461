"""Lines that stand for others: going to a place, waiting some turns, orders, questions; commands after `and`."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sandbox.world.native.actions.moving import can_go
from sandbox.world.native.compiled import CompiledWorld, Draft
from sandbox.world.native.forms import Spans, lower
from sandbox.world.native.languages.grammar import mentions
from sandbox.world.native.parser.nouns import NounMatch, resolve
from sandbox.world.native.prose import CountedThing
from sandbox.world.native.scope import Scope, scope_of
from sandbox.world.native.state import NOWHERE, ParsedCommand

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_TURNS = 50
"""Turns that one line takes at most."""
ERRANDS = ("go_to", "go_through", "wait_for", "ask_here", "who_is")
"""Actions whose forms are read here."""


@dataclass(frozen=True, slots=True)
class Errand:
    """What a line comes to: other lines, one after the other, or something that is told."""

    lines: tuple[str, ...] = ()
    patient: bool = False
    """Whether it stops as soon as something happens besides."""


class Errands:
    """Reads such lines for a world."""

    def __init__(self, compiled: CompiledWorld) -> None:
        self.compiled = compiled
        self.lexicon = compiled.lexicon
        self.grammar = compiled.grammar

    def read(self, draft: Draft, text: str) -> Errand | None:
        """What a line that is no single command stands for; None where it is no errand either.

        Where the answer is an errand without lines, the seat has been told why.
        """
        low = lower(text)
        scope = scope_of(draft, draft.actor)
        for action, spans in self._forms(low):
            match action:
                case "wait_for":
                    count, rest = self.grammar.quantity(low[slice(*spans["text"])] + " x")
                    if count and rest == "x":
                        return Errand((self._phrase("wait"),) * min(count, MAX_TURNS), patient=True)
                case "go_through" | "go_to":
                    phrase = low[slice(*spans["text" if "text" in spans else "thing"])]
                    if (errand := self._through(draft, scope, phrase)) is not None:
                        return errand
                    thing = self._noun(draft, scope, phrase, "board")
                    if thing != NOWHERE and self.compiled.entities[thing].enter and self._room(draft, phrase) < 0:
                        return Errand((self.compiled.phrase(ParsedCommand("board", thing)),))
                    if action == "go_to":
                        return self._walk(draft, scope, phrase)
                case "ask_here":
                    return self._ask(draft, scope, text[slice(*spans["text"])])
                case "who_is":
                    return self._who(draft, scope, low[slice(*spans["text"])])
        return None

    def joined(self, text: str) -> tuple[str, str] | None:
        """A line at the first `and` (or comma) after which another command begins."""
        low = lower(text)
        for start, end in self.grammar.joints(low):
            rest = low[end:]
            if rest in self.lexicon.directions or any(
                form.action != "say" and any(True for _ in form.match(rest))
                for form in self.lexicon.starting(rest)
            ):
                return text[:start], text[end:]
        return None

    def _forms(self, low: str) -> Iterator[tuple[str, Spans]]:
        for form in self.lexicon.starting(low):
            if form.action in ERRANDS:
                for spans in form.match(low):
                    yield form.action, spans

    def _phrase(self, action: str, direction: str = "") -> str:
        return self.compiled.phrase(ParsedCommand(action, text=direction))

    def _noun(self, draft: Draft, scope: Scope, phrase: str, action: str = "examine", slot: str = "thing") -> int:
        memory = draft.memory[draft.actor - self.compiled.seats[0]]
        meaning = resolve(draft, scope, memory, phrase, action, slot)
        return meaning.thing if isinstance(meaning, NounMatch) else NOWHERE

    # Ways

    def _through(self, draft: Draft, scope: Scope, phrase: str) -> Errand | None:
        """The way that a door which is in sight leads."""
        thing = self._noun(draft, scope, phrase)
        if thing == NOWHERE or not self.compiled.entities[thing].door:
            return None
        for direction, way in self.compiled.entities[scope.room].ways.items():
            if way.door == thing:
                return Errand((self._phrase("go", direction),))
        return None

    def _walk(self, draft: Draft, scope: Scope, phrase: str) -> Errand:
        """The known way to a room, a direction a turn."""
        found = self._room(draft, phrase)
        if found == scope.room != NOWHERE:
            draft.say("here_already")
            return Errand()
        if found != NOWHERE:
            for free in (True, False):
                way = self._way(draft, scope.room, found, free)
                if way:
                    return Errand(tuple(way), patient=True)
        if (thing := self._noun(draft, scope, phrase)) != NOWHERE:
            draft.say("right_here", thing=CountedThing(thing, 2))
        else:
            draft.say("way_unknown", text=phrase)
        return Errand()

    def _known(self, draft: Draft) -> set[int]:
        """Rooms that the seat has been in."""
        memory = draft.memory[draft.actor - self.compiled.seats[0]]
        been = {r for r in range(self.compiled.rooms) if memory.rooms[r >> 5][r & 31] is not None}
        return been | {draft.here()}

    def _room(self, draft: Draft, phrase: str) -> int:
        """The room of a name, among those that the seat has been in and those next to them."""
        _, bare = self.grammar.quantity(phrase)
        entities = self.compiled.entities
        near = {way.to for room in self._known(draft) for way in entities[room].ways.values()}
        best, found = 0, NOWHERE
        for room in sorted(self._known(draft) | near):
            noun = entities[room].noun
            names = {self.lexicon.tidy(noun.name), self.lexicon.tidy(entities[room].id.replace("_", " "))}
            asked = bare.split() if self.grammar.spaced else [bare]
            rank = 3 if {bare, phrase} & names else 0
            rank = rank or max(2 * all(w in name.split() for w in asked) for name in names)
            if rank > best:
                best, found = rank, room
        return found

    def _way(self, draft: Draft, here: int, to: int, free: bool) -> list[str]:
        known = self._known(draft)
        came: dict[int, tuple[int, str]] = {here: (NOWHERE, "")}
        waiting = deque([here])
        while waiting and to not in came:
            room = waiting.popleft()
            if room not in known:
                continue
            for direction, way in self.compiled.entities[room].ways.items():
                shown = not way.hidden or can_go(draft, room, direction)
                if way.to not in came and shown and (not free or can_go(draft, room, direction)):
                    came[way.to] = (room, direction)
                    waiting.append(way.to)
        found: list[str] = []
        while to in came and came[to][0] != NOWHERE:
            to, direction = came[to]
            found.append(self._phrase("go", direction))
        return found[::-1]

    # People

    def _ask(self, draft: Draft, scope: Scope, topic: str) -> Errand:
        """Ask whoever is there about something."""
        people = [p for p in scope.near if p >= self.compiled.people]
        memory = draft.memory[draft.actor - self.compiled.seats[0]]
        meant = [p for p in memory.pronouns[2:] if p in people]
        if len(people) != 1 and len(meant) != 1:
            draft.say("whom" if people else "nobody_here")
            return Errand()
        who = people[0] if len(people) == 1 else meant[0]
        return Errand((self.compiled.phrase(ParsedCommand("ask", -1, who, text=topic)),))

    def _who(self, draft: Draft, scope: Scope, phrase: str) -> Errand:
        thing = self._noun(draft, scope, phrase)
        if thing != NOWHERE:
            return Errand((self.compiled.phrase(ParsedCommand("examine", thing)),))
        draft.say("nobody_knows")
        return Errand()

    def order(self, draft: Draft, text: str) -> Errand | None:
        """`mara, give me the letter`: said to a seat; asked of a character where it has a topic of that."""
        low, scope = lower(text), scope_of(draft, draft.actor)
        name, comma, rest = low.partition(",")
        rest = rest.strip()
        if not comma or not rest:
            return None
        who = self._noun(draft, scope, name, "talk", "other")
        if who == NOWHERE or not self.compiled.entities[who].person:
            return None
        said = text[len(text) - len(rest) :]
        if self.compiled.entities[who].kind == "seat":
            return Errand((self.compiled.phrase(ParsedCommand("tell", -1, who, text=said)),))
        persona = self.compiled.personas[who]
        for topic in persona.topics:
            if mentions(rest, topic.words, self.grammar.spaced) and topic.holds(draft):
                return Errand((self.compiled.phrase(ParsedCommand("ask", -1, who, text=said)),))
        draft.say("order_declined", who=CountedThing(who))
        return Errand()
