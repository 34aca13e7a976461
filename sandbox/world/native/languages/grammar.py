"""What a language needs besides tables: naming things in prose, and finding names in commands."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from sandbox.text import clean


@dataclass(frozen=True, slots=True)
class Noun:
    """How something is called."""

    name: str
    one: str = ""
    """For counted things: the name of one."""
    article: str = "auto"
    plural: bool = False
    measure: str = ""
    pronoun: str = "it"
    names: tuple[str, ...] = ()
    """All names that commands may use, lower case, the name itself first."""
    unit: str = ""
    """For liquids: what one measure is called."""


class Grammar(Protocol):
    """One language."""

    spaced: bool
    """Whether words have blanks between them."""

    def tidy(self, line: str) -> str:
        """A command as typed with blanks and case made regular."""

    def sentences(self, line: str) -> list[str]:
        """The commands in a line."""

    def courteous(self, line: str) -> str:
        """A line without what people say before a command out of courtesy or habit: `please`, `I want to`."""

    def parting(self, line: str) -> str:
        """A line without what they say after one."""

    def joints(self, line: str) -> list[tuple[int, int]]:
        """Where a line may join two commands: from the end of the first to the beginning of the second."""

    def dangling(self, word: str) -> bool:
        """Whether a word asks for another after it: with, from."""

    def singular(self, phrase: str) -> str:
        """`brass key` for `brass keys`; the empty text for what is no plural."""

    def parts(self, phrase: str) -> list[str]:
        """The noun phrases of a list such as `lamp, key and map`."""

    def everything(self, phrase: str) -> str | None:
        """For `all` the empty text, for `all but X` X; None where it is neither."""

    def quantity(self, phrase: str) -> tuple[int | None, str]:
        """A number in front, if any, and the phrase without number and article."""

    def numeral(self, phrase: str) -> int | None:
        """The whole number, not below 0, that a phrase is; None where it is none."""

    def match(self, phrase: str, noun: Noun) -> int:
        """How well a phrase names the noun: 3 exactly, 2 by its main word, 1 by other words, 0 not at all."""

    def pronoun(self, phrase: str) -> int | None:
        """0 for it, 1 for them, 2 for him, 3 for her, 4 for me; None otherwise."""

    def words(self, noun: Noun) -> set[str]:
        """Words that name the noun, for spelling."""

    def definite(self, noun: Noun, count: int) -> str: ...

    def indefinite(self, noun: Noun, count: int) -> str: ...

    def you(self) -> str: ...

    def listing(self, items: Sequence[str]) -> str:
        """`a, b and c`."""

    def choice(self, items: Sequence[str]) -> str:
        """`a or b`."""

    def aside(self, text: str, remark: str) -> str:
        """`a box (closed)`."""

    def agree(self, word: str, plural: bool, you: bool) -> str:
        """`is`, `has`, `does` in the right number."""

    def object(self, noun: Noun, count: int) -> str:
        """it, them, him or her."""

    def canonical(self, noun: Noun, count: int) -> str:
        """The name as commands are listed: without an article; of a counted thing one, or all (count 0)."""

    def capital(self, text: str) -> str: ...

    def number(self, count: int) -> str: ...


def mentions(text: str, words: tuple[str, ...], spaced: bool) -> bool:
    """Whether one of the words, or phrases, is among what is said."""
    said = clean(text).lower()
    if spaced:
        said = " " + "".join(ch if ch.isalnum() or ch in "'-" else " " for ch in said) + " "
        said = " ".join(said.split())
        return any(f" {word} " in f" {said} " for word in words)
    return any(word in said for word in words)
