"""Which rooms, things, rules and texts of a world ever come to pass."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Sequence

from sandbox.errors import Finding
from sandbox.world.native import NativeWorld, State
from sandbox.world.native.compiled import Draft
from sandbox.world.native.schema import Reaction
from sandbox.world.native.schema.effects import Effects, Score, TextPart, Variation
from sandbox.world.native.scope import scope_of
from sandbox.world.native.state import ParsedCommand
from sandbox.world.solver import Graph, Situation

_PART = re.compile(r"(.*)\.(say|seen|otherwise|one_of)$")
_STEP = re.compile(r"[^.\[\]]+|\[\d+\]")


class Coverage:
    """Notes what happens in the states that a search comes to, and then tries what a search does not."""

    def __init__(self, world: NativeWorld) -> None:
        self.world = world
        self.rooms: set[int] = set()
        """Rooms that a seat has been in, by number."""
        self.seen: set[int] = set()
        """Things that could be seen by a seat."""
        self.held: set[int] = set()
        """Things that a seat has had in its hands."""
        self.fired: set[str] = set()
        """Keys of rules and texts that came to pass."""
        self.exhaustive = False
        """All states were visited: rooms and things that are missing are out of reach."""
        self.proved = False
        """All commands were tried in all states: rules and texts that are missing never come to pass."""
        self.keys = tuple(dict.fromkeys(world.compiled.rules.keys))
        self.pieces = {key: _pieces(key, _model_at(world, key)) for key in self.keys}
        """The keys of a text's parts, where it has several or one under a condition."""
        self.silent: frozenset[str] = frozenset()
        """Rules and texts that are proved never to come to pass, without looking at states."""
        self.states = 0
        """How many states were looked at."""
        self._found: list[tuple[State, Situation]] = []
        self._begin()
        self.open = self.missing
        """Rules and texts that have not come to pass and may."""

    @property
    def missing(self) -> set[str]:
        """Keys that have not come to pass."""
        return {*self.keys, *(piece for pieces in self.pieces.values() for piece in pieces)} - self.fired

    def visit(self, state: State, situation: Situation) -> None:
        """Note who is where and what is in sight; the search calls this once for each state."""
        self._found.append((state, situation))
        self.note(state)

    def settle(self, silent: Callable[[str], bool]) -> None:
        """Take it as proved what never comes to pass."""
        self.silent = frozenset(key for key in self.missing if silent(key))
        self.open -= self.silent

    def begin_anew(self) -> None:
        """Forget the states of the search, as another one begins; what they showed is kept."""
        self._found.clear()

    def note(self, state: State) -> None:
        """Note who is where and what is in sight in a state besides those of the search."""
        self.states += 1
        for seat in self.world.compiled.seats:
            scope = scope_of(Draft(self.world.compiled, state, seat), seat)
            self.rooms.add(scope.room)
            self.held.update(scope.held)
            self.seen.update(scope.held, scope.near, scope.far)

    def model_at(self, key: str) -> object:
        """The part of the definition that a key leads to; None where it is none of its own."""
        return _model_at(self.world, key)

    def look_into(self, graph: Graph, seconds: float) -> None:
        """Carry out commands in the states that were found until everything has happened, or time is up.

        Ways to a win come first: they show most. Besides the listed commands those are tried that cost no turn or
        are kept secret, as long as there is something that they might show.
        """
        deadline = time.monotonic() + seconds
        self.exhaustive = graph.complete
        whole = True
        order = dict.fromkeys(index for win in graph.wins()[:20] for index in graph.way(win))
        order.update(dict.fromkeys(range(len(self._found))))
        for index in order:
            if not self.open or time.monotonic() > deadline:
                break
            state, situation = self._found[index]
            if situation.seat is not None:
                for command in dict.fromkeys((*situation.commands, *self.probes(state, situation.seat))):
                    whole &= self.attempt(state, situation.seat, command)
        else:
            self.proved = graph.complete and whole

    def attempt(self, state: State, seat: str, command: str) -> bool:
        """Carry out a command, with all that chance may do; whether all of that was tried."""
        fired, whole = self.world.traced(state, seat, command)
        self.fired |= fired
        self.open -= fired
        return whole

    def _begin(self) -> None:
        """Count the texts of the beginning, which no command brings about."""
        definition = self.world.definition
        for key in ("intro", *(f"seats.{seat}.knows" for seat in definition.seats)):
            self.fired.update((key, *self.pieces.get(key, ())))
        self.fired.update(f"rooms.{seat.start}.first" for seat in definition.seats.values())

    def probes(self, state: State, seat: str) -> Iterator[str]:
        """Commands that show texts and rules that have not come to pass: examining, secrets, refusals."""
        compiled = self.world.compiled
        number = compiled.index[seat]
        scope = scope_of(Draft(compiled, state, number), number).all()
        for thing in (*scope, number):
            entity = compiled.entities[thing]
            section = f"{entity.kind}s.{entity.id}"
            if self._wanted(f"{section}.description"):
                yield compiled.phrase(ParsedCommand("examine", thing))
            if self._wanted(f"{section}.text"):
                yield compiled.phrase(ParsedCommand("read", thing))
            if entity.kind == "character":
                yield from self._talk(thing)
        for rule in compiled.rules.all:
            if rule.key not in self.fired or any(self._wanted(f"{rule.key}.{part}") for part in ("say", "seen")):
                things = [t for t in scope if rule.things is None or t in rule.things]
                others = [t for t in scope if rule.others is None or t in rule.others]
                if rule.things is None or things:
                    yield from self._phrases(rule.action, things, others, rule.direction, rule.words)
        if number in compiled.seats and (room := scope_of(Draft(compiled, state, number), number).room) >= 0:
            for direction in compiled.entities[room].ways:
                if f"rooms.{compiled.ids[room]}.exits.{direction}.otherwise" in self.open:
                    yield compiled.phrase(ParsedCommand("go", text=direction))
        for name in self.world.definition.verbs:
            if self._wanted(f"verbs.{name}.otherwise"):
                yield from self._phrases(name, scope, scope, "", ())

    def _talk(self, character: int) -> Iterator[str]:
        compiled = self.world.compiled
        persona = compiled.personas[character]
        if self._wanted(persona.greeting.key):
            yield compiled.phrase(ParsedCommand("talk", -1, character))
        for topic in persona.topics:
            if topic.key not in self.fired:
                yield compiled.phrase(ParsedCommand("ask", -1, character, text=topic.words[0]))

    def _wanted(self, key: str) -> bool:
        """Whether there is such a text, and some of it has not been shown yet."""
        return key in self.pieces and not self.fired.issuperset((key, *self.pieces[key]))

    def _phrases(
        self, action: str, things: list[int], others: list[int], direction: str, words: tuple[str, ...]
    ) -> Iterator[str]:
        """Ways to type an action with these things."""
        compiled = self.world.compiled
        text = direction or (words[0] if words else "")
        for form in compiled.lexicon.forms.get("put_in" if action == "put" else action, ()):
            fillings = compiled.rules.fillings.get(action)
            if fillings is not None and not text:
                text = fillings.texts[0]
            if "extra" in form.slots or (("text" in form.slots or "direction" in form.slots) and not text):
                continue
            with_text = text if form.slots & {"text", "direction"} else ""
            number = 0 if "number" in form.slots else -1
            for thing in things if "thing" in form.slots else [-1]:
                for other in others if "other" in form.slots else [-1]:
                    if thing != other or thing < 0:
                        try:
                            yield compiled.phrase(
                                ParsedCommand(action, thing, other, text=with_text, number=number)
                            )
                        except (ValueError, KeyError):
                            continue

    # What never came to pass

    def findings(self) -> Iterator[Finding]:
        """Rules that never apply, texts that never show, endings that are never reached."""
        compiled = self.world.compiled
        out_of_reach = tuple(
            f"{entity.kind}s.{entity.id}."
            for entity in compiled.entities
            if entity.kind != "seat" and entity.number not in self.rooms and entity.number not in self.seen
        )
        missing = self.missing
        for key in self.keys:
            if key.startswith(out_of_reach) or _PART.sub(r"\1", key) in missing - {key}:
                continue
            if key in missing:
                yield self._never(key)
            else:
                for piece in self.pieces[key]:
                    if piece in missing:
                        yield self.finding(
                            piece,
                            "this part of the text never shows",
                            "this part of the text did not show",
                            "see what its condition asks for",
                        )
        for name, verb in self.world.definition.verbs.items():
            rules = [f"verbs.{name}.rules[{i}]" for i in range(len(verb.rules))]
            if rules and not self.fired.intersection(rules):
                yield self.finding(
                    f"verbs.{name}",
                    "this verb never does anything",
                    "this verb did nothing",
                    "give it a rule that can apply",
                    rules,
                )

    def _never(self, key: str) -> Finding:
        model = _model_at(self.world, key)
        points = _points(model.do) if isinstance(model, Reaction) else 0.0
        if points:
            never = f"its {points:g} points cannot be collected", f"its {points:g} points were not collected"
        elif key.startswith("endings.") and key.count(".") == 1:
            never = "this ending is never reached", "this ending was not reached"
        elif key.startswith("events.") and key.count(".") == 1:
            never = "this event never happens", "this event did not happen"
        elif isinstance(model, Reaction):
            hint = "see what its conditions ask for, and the rules before it"
            return self.finding(key, "this never applies", "this did not apply", hint)
        else:
            never = "this text never shows", "this text did not show"
        return self.finding(key, *never, "see what its conditions ask for")

    def finding(self, key: str, never: str, unseen: str, hint: str, keys: Sequence[str] = ()) -> Finding:
        """A warning where it is proved (of the key, or of all of some); where it is not, a note that says so."""
        line = self.world.source.line(*_path(key))
        if self.proved or self.silent.issuperset(keys or (key,)):
            return Finding(line, key, never, hint, "warning")
        return Finding(line, key, f"{unseen} in {self.states:,} states", hint, "note")


def _path(key: str) -> tuple[str | int, ...]:
    """`rules[3].say` as a path into the file."""
    return tuple(int(part[1:-1]) if part[0] == "[" else part for part in _STEP.findall(key))


def _model_at(world: NativeWorld, key: str) -> object:
    """The part of the definition that a key leads to; None where it is none of its own."""
    found: object = world.definition
    for part in _path(key):
        if isinstance(found, dict):
            found = found.get(part)
        elif isinstance(found, tuple) and isinstance(part, int):
            found = found[part] if part < len(found) else None
        else:
            found = getattr(found, str(part), None)
    return found


def _points(effects: Effects) -> float:
    """Points that some effects would give."""
    return sum(effect.score for effect in effects if isinstance(effect, Score) and effect.score > 0)


def _pieces(key: str, text: object) -> tuple[str, ...]:
    """The keys under which the parts of a text are traced."""
    if not isinstance(text, tuple) or (len(text) == 1 and isinstance(text[0], str)):
        return ()
    parts = [(f"{key}[{number}]", part) for number, part in enumerate(text)]
    says = [f"{place}.{'one_of' if isinstance(part, Variation) else 'say'}" for place, part in parts if part]
    return (
        *says,
        *(f"{place}.otherwise" for place, part in parts if isinstance(part, TextPart) and part.otherwise),
    )
