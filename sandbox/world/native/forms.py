"""Forms of commands, such as `put {things} in {other}`: matched against what is typed, and written for lists."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from sandbox.world.native.languages import Language
from sandbox.world.native.schema import Adventure
from sandbox.world.native.schema.base import MAX_NUMBER
from sandbox.world.native.state import ParsedCommand

_TWOFOLD = {
    ("put", True): "put_on",
    ("put", False): "put_in",
    ("board", False): "board_in",
    ("get_off", False): "get_out",
}
"""Actions that are called otherwise when they are about what is in, not on, something."""
FILLED = frozenset({"number", "text"})
MAX_ASKED = 24
"""Numbers, and texts, that are looked at for one verb."""
SLOTS = ("thing", "things", "other", "extra", "text", "number", "direction")
_SLOT = re.compile(r"\{([^{}]*)\}")
Spans = dict[str, tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Form:
    """One way to type an action."""

    action: str
    parts: tuple[str, ...]
    """Literal texts and slots (`{thing}`) in turn."""
    slots: frozenset[str]

    @property
    def weight(self) -> int:
        """How much of it is literal: what says more is tried first."""
        return sum(len(p) for p in self.parts if p[0] != "{")

    def match(self, line: str, start: int = 0, number: int = 0) -> Iterator[Spans]:
        """Every way in which the line can be read as this form."""
        if number == len(self.parts):
            if start == len(line):
                yield {}
            return
        part = self.parts[number]
        if part[0] != "{":
            if line.startswith(part, start):
                yield from self.match(line, start + len(part), number + 1)
            return
        slot = part[1:-1]
        if number + 1 == len(self.parts):
            if start < len(line):
                yield {slot: (start, len(line))}
            return
        following = self.parts[number + 1]
        end = line.find(following, start + 1)
        while end >= 0:
            for rest in self.match(line, end, number + 1):
                yield {slot: (start, end), **rest}
            end = line.find(following, end + 1)


def parse_form(action: str, text: str, spaced: bool) -> Form:
    """A form from its text. Raises `ValueError` with what is wrong with it."""
    parts: list[str] = []
    last = 0
    for match in _SLOT.finditer(text):
        parts += [text[last : match.start()], match.group()]
        last = match.end()
        if match.group(1) not in SLOTS:
            raise ValueError(
                f"{match.group()} is no slot: there are {{thing}}, {{things}}, {{other}}, {{number}} and {{text}}"
            )
    parts.append(text[last:])
    parts = [p.lower() if p[:1] != "{" else p for p in parts if p]
    if not parts or (parts[0][0] == "{" and parts != ["{direction}"]):
        raise ValueError("a form begins with a word")
    if any(("{" in p and p[0] != "{") or ("}" in p and p[0] != "{") for p in parts):
        raise ValueError("a lone brace")
    for left, right in itertools.pairwise(parts):
        if left[0] == "{" and right[0] == "{":
            raise ValueError("two slots need something between them")
        if spaced and ((left[0] == "{" and right[0] != " ") or (right[0] == "{" and left[-1] != " ")):
            raise ValueError("a slot needs blanks around it")
    slots = [p[1:-1] for p in parts if p[0] == "{"]
    if len(set(slots)) < len(slots) or {"thing", "things"} <= set(slots):
        raise ValueError("a slot is there twice")
    return Form(action, tuple(parts), frozenset("thing" if s == "things" else s for s in slots))


@dataclass(frozen=True, slots=True)
class Fillings:
    """What may be filled into the `{number}` and `{text}` of one verb."""

    slots: frozenset[str]
    suggested: tuple[int, ...]
    asked: tuple[Callable[[Any], int], ...]
    """The numbers that rules ask about, as they are now."""
    texts: tuple[str, ...]

    def numbers(self, draft: Any) -> list[int]:
        """Numbers that may make a difference now, those that are asked about first."""
        asked = [*self.suggested, *(number(draft) for number in self.asked)]
        near = dict.fromkeys([*asked, *(n + 1 for n in asked), *(n - 1 for n in asked)])
        return [n for n in near if 0 <= n <= MAX_NUMBER][:MAX_ASKED] or [1]

    def of(self, draft: Any, command: ParsedCommand) -> Iterator[ParsedCommand]:
        """A command with all that may be filled in."""
        draft.meant, draft.it = command, command.thing
        for number in self.numbers(draft) if "number" in self.slots else [-1]:
            for text in self.texts if "text" in self.slots else [""]:
                yield command._replace(number=number, text=text)


class Lexicon:
    """All forms and words of a world: the language's, the world's own, and the other words it adds."""

    def __init__(self, language: Language, world: Adventure) -> None:
        self.language = language
        self.grammar = language.grammar
        spaced = self.grammar.spaced
        self.forms: dict[str, list[Form]] = {}
        """Action to its forms, as they are listed."""
        for action, texts in language.verbs.items():
            more = world.words.verbs.get(action, ())
            self.forms[action] = [parse_form(action, t, spaced) for t in (*texts, *more)]
        for action, verb in world.verbs.items():
            self.forms[action] = [parse_form(action, t, spaced) for t in verb.forms]
        self.directions: dict[str, str] = {}
        """Word to direction."""
        self.direction_names: dict[str, str] = {}
        for direction, words in language.directions.items():
            own = world.words.directions.get(direction, ())  # type: ignore[call-overload]
            self.direction_names[direction] = (*own, *words)[0]
            for word in (*own, *words):
                self.directions[word.lower()] = direction
        self.by_start: dict[str, list[Form]] = {}
        """First word (or character) to forms: those that say most first, the world's own before the language's."""
        for forms in self.forms.values():
            for form in forms:
                self.by_start.setdefault(self._start(form.parts[0]), []).append(form)
        for forms in self.by_start.values():
            forms.sort(key=lambda f: (-f.weight, f.action not in world.verbs))
        self._first_forms: dict[tuple[str, frozenset[str]], Form] = {}
        for action, forms in self.forms.items():
            for form in forms:
                self._first_forms.setdefault((action, form.slots), form)

    def _start(self, literal: str) -> str:
        return literal.split(" ", 1)[0] if self.grammar.spaced else literal[:1]

    def tidy(self, line: str) -> str:
        """As the grammar tidies it, in small letters."""
        return lower(self.grammar.tidy(line))

    def starting(self, line: str) -> list[Form]:
        """Forms that a tidy line may have."""
        return self.by_start.get(self._start(line), [])

    def verb_words(self) -> set[str]:
        """First words of forms, for spelling."""
        return {start for start in self.by_start if not start.startswith("{")}

    def form(self, action: str, slots: frozenset[str]) -> Form | None:
        """The first form of an action with just these slots."""
        return self._first_forms.get((action, slots))

    def phrase(self, command: ParsedCommand, canonical: Callable[[int, int], str], *, on: bool) -> str:
        """A command as it is listed.

        Args:
            command: what is done to which things.
            canonical: names so many of a thing.
            on: whether something is put onto the other thing, not into it, or got on and off, not in and out.
        """
        action = command.action
        action = _TWOFOLD.get((action, on), action)
        values: dict[str, str] = {}
        if command.thing >= 0:
            values["thing"] = canonical(command.thing, command.amount)
        if command.other >= 0:
            values["other"] = canonical(command.other, 0)
        if command.extra >= 0:
            values["extra"] = canonical(command.extra, command.extra_amount)
        if command.number >= 0:
            values["number"] = str(command.number)
        if command.text:
            name = "direction" if command.action == "go" else "text"
            values[name] = self.direction_names[command.text] if name == "direction" else command.text
        form = self.form(action, frozenset(values))
        if form is None:
            raise ValueError(f"{action} has no form with {', '.join(values) or 'nothing'}")
        text = "".join(values[p[1:-1].replace("things", "thing")] if p[0] == "{" else p for p in form.parts)
        return self.grammar.tidy(text)


def lower(text: str) -> str:
    """Small letters, character by character, so that places in the text stay where they are."""
    if text.isascii():
        return text.lower()
    return "".join(small if len(small := ch.lower()) == 1 else ch for ch in text)
