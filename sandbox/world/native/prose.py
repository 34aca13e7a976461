"""Templates: text with slots, made out for whoever reads it."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple, Protocol

from sandbox.world.native.languages.grammar import Grammar, Noun

_SLOT = re.compile(r"\{\{|\}\}|\{(?:([A-Za-z]+) )?([^{} ][^{}]*)\}|[{}]")
OPERATIONS = frozenset({"the", "The", "a", "A", "is", "are", "has", "does", "it"})


class Listed(NamedTuple):
    """Several things in one text."""

    text: str
    plural: bool


class CountedThing(NamedTuple):
    """A thing, and how many of it where it is counted."""

    thing: int
    amount: int = 1


Value = str | CountedThing | Listed
Slots = Mapping[str, Value]


class HasName(Protocol):
    """Something with a name."""

    @property
    def noun(self) -> Noun: ...


class Names(Protocol):
    """How things are called in a language."""

    @property
    def grammar(self) -> Grammar: ...

    @property
    def entities(self) -> Sequence[HasName]:
        """Things by number."""


class TemplateError(ValueError):
    """A text whose braces cannot be read."""


class Template:
    """A text with slots such as `{the thing}`."""

    __slots__ = ("fixed", "parts")

    def __init__(self, text: str) -> None:
        self.parts = _parse(text)
        self.fixed = "".join(p for p in self.parts if isinstance(p, str)) if not self.slots() else None

    def slots(self) -> list[tuple[str, str]]:
        """(operation, name) of each slot; the operation is empty for plain ones."""
        return [p for p in self.parts if not isinstance(p, str)]

    def render(self, names: Names, slots: Slots, viewer: int) -> str:
        """The text as the viewer (a seat's number) reads it."""
        if self.fixed is not None:
            return self.fixed
        return "".join(p if isinstance(p, str) else _fill(names, p, slots, viewer) for p in self.parts)


def _parse(text: str) -> tuple[str | tuple[str, str], ...]:
    parts: list[str | tuple[str, str]] = []
    last = 0
    for match in _SLOT.finditer(text):
        parts.append(text[last : match.start()])
        last = match.end()
        found = match.group()
        if found in ("{{", "}}"):
            parts.append(found[0])
        elif found in "{}":
            raise TemplateError(f"a lone {found!r}: write {found * 2!r} for a brace")
        else:
            operation, name = match.group(1) or "", match.group(2)
            if operation and operation not in OPERATIONS:
                operation, name = "", f"{operation} {name}"
            parts.append((operation, name))
    parts.append(text[last:])
    return tuple(p for p in parts if p)


def _fill(names: Names, part: tuple[str, str], slots: Slots, viewer: int) -> str:
    operation, name = part
    value = slots.get(name, "")
    grammar = names.grammar
    if isinstance(value, str):
        return value
    if isinstance(value, Listed):
        if operation == "The":
            return grammar.capital(value.text)
        return grammar.agree(operation, value.plural, False) if operation in ("is", "are", "has") else value.text
    noun = names.entities[value.thing].noun
    you = value.thing == viewer
    if operation in ("is", "are", "has", "does"):
        return grammar.agree(operation, noun.plural or bool(noun.one and value.amount != 1), you)
    if operation == "it":
        return grammar.you() if you else grammar.object(noun, value.amount)
    if you:
        text = grammar.you()
    elif operation in ("a", "A"):
        text = grammar.indefinite(noun, value.amount)
    else:
        text = grammar.definite(noun, value.amount)
    return grammar.capital(text) if operation in ("The", "A") else text


class Reading(Protocol):
    """A step in the making, as far as a text must know it."""

    @property
    def fired(self) -> set[str] | None: ...

    def note(self, key: str) -> None: ...

    def slots(self) -> Slots: ...

    def variant(self, number: int, size: int, order: str, seat: int) -> int: ...


class TextPiece(NamedTuple):
    """A part of an author's text, that may be there under a condition, or vary."""

    when: Callable[[Any], bool] | None
    say: Template
    otherwise: Template | None = None
    variants: tuple[Template, ...] = ()
    """What it says where it varies, in place of `say`."""
    order: str = ""
    number: int = -1
    """Its number among all texts that vary."""


class Prose:
    """An author's text: pieces, some of them under conditions."""

    __slots__ = ("compiled", "fixed", "key", "pieces")

    def __init__(self, compiled: Names, key: str, pieces: tuple[TextPiece, ...]) -> None:
        self.compiled = compiled
        self.key = key
        self.pieces = pieces
        only = pieces[0] if len(pieces) == 1 else None
        plain = only is not None and only.when is None and not only.variants
        self.fixed = only.say.fixed if only is not None and plain else "" if not pieces else None
        """The text, where it is always the same."""

    def render(self, draft: Reading, viewer: int = -1) -> str:
        """The text as it reads now."""
        if draft.fired is not None:
            return self._traced(draft, viewer)
        if self.fixed is not None:
            return self.fixed
        return self._join([text for _, text in self._texts(draft, viewer)])

    def _texts(self, draft: Reading, viewer: int) -> list[tuple[str, str]]:
        texts = []
        for number, piece in enumerate(self.pieces):
            if piece.when is None or piece.when(draft):
                if piece.variants:
                    chosen = draft.variant(piece.number, len(piece.variants), piece.order, viewer)
                    texts.append((f"[{number}].one_of", self._fill(piece.variants[chosen], draft, viewer)))
                else:
                    texts.append((f"[{number}].say", self._fill(piece.say, draft, viewer)))
            elif piece.otherwise is not None:
                texts.append((f"[{number}].otherwise", self._fill(piece.otherwise, draft, viewer)))
        return texts

    def _fill(self, template: Template, draft: Reading, viewer: int) -> str:
        return (
            template.fixed if template.fixed is not None else template.render(self.compiled, draft.slots(), viewer)
        )

    def _join(self, texts: list[str]) -> str:
        return (" " if self.compiled.grammar.spaced else "").join(text for text in texts if text)

    def _traced(self, draft: Reading, viewer: int) -> str:
        texts = self._texts(draft, viewer)
        if self.pieces:
            draft.note(self.key)
            if len(self.pieces) > 1 or self.fixed is None:
                for suffix, _ in texts:
                    draft.note(self.key + suffix)
        return self._join([text for _, text in texts])

    def __bool__(self) -> bool:
        return bool(self.pieces)
