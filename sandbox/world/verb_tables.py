"""The grammar that a story's parser reads, out of the story file: which commands it understands, and what of.

Inform's tables are those that its library reads (grammar versions 1 and 2; Inform Technical Manual, section 8.6),
Infocom's those of its games of version 3 (see *infodump* of the ztools). Both begin where static memory does: an
address for each verb, and behind these the lines of each verb.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

HERE, HELD, ALIVE, TOLD, NUMBER = "here", "held", "alive", "told", "number"
"""What may stand in a place for a noun: a thing in sight, a thing that is carried, somebody, anything that can be
spoken of, a number."""
NOUN = "OBJ"
"""Stands for a noun among the words of a line."""
_ELEMENTARY = (HERE, HELD, HERE, HELD, HELD, HERE, ALIVE, NUMBER, NUMBER, TOLD)
"""Inform's tokens: noun, held, multi, multiheld, multiexcept, multiinside, creature, special, number, topic."""
_SEVERAL = range(2, 6)
_END, _PREPOSITION, _ROUTINE, _ATTRIBUTE = 15, 2, 3, 4
_MAX_LINES = 4000
_INFORM = re.compile(rb"\d\.\d\d")
"""What Inform writes about itself at the end of a story's header."""
_ALPHABETS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ \n0123456789.,!?_#'\"/\\-:()"
_PLAIN = frozenset(
    ("about", "at", "down", "for", "from", "in", "of", "off", "on", "out", "over", "to", "under", "up", "with")
)
"""The plainest of prepositions that mean the same."""
_MANY, _HAVE = 0x04, 0x02
"""Infocom's marks of a noun: `all` is understood; it has to be carried."""


class GrammarLine(NamedTuple):
    """One way to word an action."""

    verbs: tuple[str, ...]
    """Synonyms, cut as in the dictionary."""
    words: tuple[str, ...]
    """What follows the verb, `OBJ` for each noun."""
    places: tuple[str, ...]
    """What each noun may be."""
    several: tuple[bool, ...]
    """Of each noun, whether `all` is understood."""
    action: int
    swapped: bool = False
    """Whether the second noun is said first."""


def is_inform(data: bytes) -> bool:
    """Whether Inform compiled this story: it writes its version, and dates since 1993; Infocom closed in 1989."""
    return bool(_INFORM.fullmatch(data[0x3C:0x40])) or not b"80" <= data[0x12:0x14] <= b"92"


@dataclass(frozen=True, slots=True)
class DictionaryWord:
    """A word, and the three bytes that the compiler puts behind it."""

    text: str
    """Cut to the letters that count."""
    marks: bytes


def dictionary(data: bytes) -> dict[int, DictionaryWord]:
    """The words of a story by their address (Standards Document, sections 3 and 13)."""
    table = data[8] << 8 | data[9]
    start = table + 1 + data[table]  # behind the characters that separate words
    size, count, text = data[start], data[start + 1] << 8 | data[start + 2], 4 if data[0] <= 3 else 6
    own = data[0x34] << 8 | data[0x35] if data[0] >= 5 else 0
    alphabets = data[own : own + 78].decode("latin-1") if own else _ALPHABETS
    return {
        at: DictionaryWord(
            _decoded(data[at : at + text], alphabets), data[at + text : at + text + 3].ljust(3, b"\0")
        )
        for at in range(start + 3, start + 3 + count * size, size)
    }


def _decoded(encoded: bytes, alphabets: str) -> str:
    codes = [
        (encoded[at] << 8 | encoded[at + 1]) >> shift & 31
        for at in range(0, len(encoded), 2)
        for shift in (10, 5, 0)
    ]
    letters: list[str] = []
    row = 0
    while codes:
        code = codes.pop(0)
        if code in (4, 5):
            row = code - 3
            continue
        if row == 2 and code == 6:  # the character itself, in ten bits
            letters.append(chr((codes.pop(0) << 5 | codes.pop(0)) & 0xFF) if len(codes) > 1 else "")
        elif code >= 6:
            letters.append(alphabets[26 * row + code - 6])
        row = 0
    return "".join(letters)


def read(data: bytes) -> tuple[GrammarLine, ...]:
    """The lines of a story's grammar, in its order; none where its tables are of no known kind."""
    inform = is_inform(data)
    if not inform and data[0] > 3:
        return ()
    try:
        return _Tables(data, inform).lines()
    except (IndexError, KeyError, ValueError):
        return ()


class _Tables:
    """Raises `IndexError`, `KeyError` or `ValueError` where the bytes are no grammar."""

    def __init__(self, data: bytes, inform: bool) -> None:
        self._data = data
        self._inform = inform
        self._words = dictionary(data)
        self._prepositions: dict[int, str] = {}
        self._verbs: dict[int, list[str]] = {}
        for word in self._words.values():
            marks, one, other = word.marks
            if inform:  # the second bit marks orders to the interpreter
                verb, preposition = (one if marks & 3 == 1 else None), (other if marks & 8 else None)
            else:  # the lower bits tell which of its values comes first
                verb = (one if marks & 3 == 1 else other) if marks & 0x40 else None
                preposition = (one if marks & 3 == 0 else other) if marks & 8 else None
            if verb is not None and word.text:
                self._verbs.setdefault(255 - verb, []).append(word.text)
            if preposition is not None and self._prepositions.get(preposition) not in _PLAIN:
                self._prepositions[preposition] = word.text

    def _word(self, at: int) -> int:
        return self._data[at] << 8 | self._data[at + 1]

    def lines(self) -> tuple[GrammarLine, ...]:
        base = self._word(0x0E)
        count = (self._word(base) - base) // 2
        if not 0 < count <= 256:
            raise ValueError("no table of verbs")
        starts = [self._word(base + 2 * number) for number in range(count)]
        fixed = all(after == at + 1 + 8 * self._data[at] for at, after in pairwise(starts))
        read = self._infocom if not self._inform else self._first if fixed else self._second
        found: list[GrammarLine] = []
        for number, at in enumerate(starts):
            verbs = tuple(self._verbs.get(number, ()))
            lines, end = read(verbs, at)
            if number + 1 < count and end != starts[number + 1]:
                raise ValueError("the lines do not fill the table")
            found += lines if verbs else ()
            if len(found) > _MAX_LINES:
                raise ValueError("too many lines")
        return tuple(found)

    def _second(self, verbs: tuple[str, ...], at: int) -> tuple[list[GrammarLine], int]:
        """Inform's grammar version 2: tokens of three bytes, as many as there are."""
        lines: list[GrammarLine] = []
        count, at = self._data[at], at + 1
        for _ in range(count):
            action, at = self._word(at), at + 2
            tokens: list[str | int] = []
            while self._data[at] != _END:
                mark, value, at = self._data[at], self._word(at + 1), at + 3
                kind = mark & 15
                if kind != _PREPOSITION:
                    tokens.append(value if kind == 1 else _noun_token(kind))
                elif not (mark & 0x10 and tokens):  # else another word for the one before
                    tokens.append(self._words[value].text)
            lines.append(_line(verbs, tokens, action & 0x3FF, swapped=bool(action & 0x400)))
            at += 1
        return lines, at

    def _first(self, verbs: tuple[str, ...], at: int) -> tuple[list[GrammarLine], int]:
        """Inform's grammar version 1: eight bytes a line, tokens of one byte."""
        lines: list[GrammarLine] = []
        count, at = self._data[at], at + 1
        for _ in range(count):
            tokens: list[str | int] = []
            nouns = 0
            for token in self._data[at + 1 : at + 7]:
                if token == _END or (token == 0 and nouns == self._data[at]):
                    break
                if token >= 180:
                    tokens.append(self._prepositions[token])
                    continue
                nouns += 1
                kinds = ((9, 1), (48, _ROUTINE), (128, 6), (180, _ATTRIBUTE))
                kind = next(kind for end, kind in kinds if token < end)
                tokens.append(token if kind == 1 else _noun_token(kind))
            lines.append(_line(verbs, tokens, self._data[at + 7]))
            at += 8
        return lines, at

    def _infocom(self, verbs: tuple[str, ...], at: int) -> tuple[list[GrammarLine], int]:
        """Eight bytes a line: nouns, their prepositions, flags to guess by, where they may be, the action."""
        lines: list[GrammarLine] = []
        count, at = self._data[at], at + 1
        for _ in range(count):
            nouns, *prepositions, _, _, one, other, action = self._data[at : at + 8]
            words: list[str] = []
            for number, preposition in enumerate(prepositions):
                words += [self._prepositions[preposition]] if preposition else []
                words += [NOUN] if number < nouns else []
            marks = (one, other)[:nouns]
            places = tuple(HELD if mark & _HAVE else HERE for mark in marks)
            several = tuple(bool(mark & _MANY) for mark in marks)
            lines.append(GrammarLine(verbs, tuple(words), places, several, action))
            at += 8
        return lines, at


def _noun_token(kind: int) -> int:
    """A token of a story's own as one of Inform's: what a routine chooses can be anything that is spoken of."""
    return {_ROUTINE: 0, _ATTRIBUTE: 0, 5: 9, 6: 9}[kind]


def _line(
    verbs: tuple[str, ...], tokens: Sequence[str | int], action: int, *, swapped: bool = False
) -> GrammarLine:
    nouns = [token for token in tokens if isinstance(token, int)]
    return GrammarLine(
        verbs,
        tuple(NOUN if isinstance(token, int) else token for token in tokens),
        tuple(_ELEMENTARY[token] for token in nouns),
        tuple(token in _SEVERAL for token in nouns),
        action,
        swapped,
    )
