r"""Regular expressions without backtracking: no pattern and no text takes long.

Thompson's construction, all states followed at once (*Regular Expression Search Algorithm*, CACM 1968). There are
literals, `.`, sets, `\d \w \s \b` and their opposites, groups, `|`, `* + ? {m,n}`, `^` and `$`. What needs
backtracking, as references back and looking around, is refused.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

MAX_PATTERN = 200
MAX_STATES = 1_000
MAX_STEPS = 1_000_000
"""States that are looked at for one text; a text that would take more does not match."""
MAX_REPEATS = 200
MAX_READ = 20_000
"""Atoms that are read while a pattern is made ready, those in repeated groups each time."""
MAX_NESTED = 8
"""Groups within groups: each is read twice on the way in."""
_COUNT = re.compile(r"\{(\d{1,4})(,?)(\d{0,4})\}")

Test = Callable[[str], bool]


class _State(NamedTuple):
    """One state: what it takes to leave it, and where to."""

    test: Test | None
    """A character that is taken; None for a state that takes none."""
    to: tuple[int, ...]
    place: str = ""
    """`^`, `$`, `b` or `B`: only in such places."""


@dataclass
class Pattern:
    """A regular expression, ready to be matched. Raises `ValueError` with what is wrong with it."""

    text: str

    def __post_init__(self) -> None:
        if len(self.text) > MAX_PATTERN:
            raise ValueError(f"a pattern has {MAX_PATTERN} characters at most")
        self._small = self.text.startswith("(?i)")
        self._at = 4 if self._small else 0
        self._states: list[_State] = [_State(None, ())]
        self._read = 0
        self._begin = self._either(0, 0)
        if self._at < len(self.text):
            raise ValueError("a ')' closes nothing")

    def found_in(self, text: str, whole: bool = False) -> bool:
        """Whether the pattern matches somewhere in a text, or all of it."""
        text = text.lower() if self._small else text
        states, steps = self._states, 0
        current: set[int] = set()
        for at in range(len(text) + 1):
            if at == 0 or not whole:
                current.add(self._begin)
            reached = self._closure(current, text, at)
            if 0 in reached and (not whole or at == len(text)):
                return True
            steps += len(reached) + 1
            if steps > MAX_STEPS or at == len(text):
                return False
            current = {
                to
                for n in reached
                if (test := states[n].test) is not None and test(text[at])
                for to in states[n].to
            }
        return False

    def _closure(self, current: set[int], text: str, at: int) -> set[int]:
        """The states that can be reached without taking a character."""
        reached: set[int] = set()
        waiting = list(current)
        while waiting:
            number = waiting.pop()
            if number in reached:
                continue
            state = self._states[number]
            if state.place and not _is_at(state.place, text, at):
                continue
            reached.add(number)
            if state.test is None:
                waiting += state.to
        return reached

    # Building, from behind: each part is told where to go on

    def _add(self, state: _State) -> int:
        if len(self._states) >= MAX_STATES:
            raise ValueError("the pattern repeats too much")
        self._states.append(state)
        return len(self._states) - 1

    def _either(self, after: int, depth: int) -> int:
        if depth > MAX_NESTED:
            raise ValueError("groups are nested too deep")
        ways = [self._sequence(after, depth)]
        while self._at < len(self.text) and self.text[self._at] == "|":
            self._at += 1
            ways.append(self._sequence(after, depth))
        return ways[0] if len(ways) == 1 else self._add(_State(None, tuple(ways)))

    def _sequence(self, after: int, depth: int) -> int:
        parts: list[tuple[int, int, int]] = []
        while self._at < len(self.text) and self.text[self._at] not in "|)":
            begin = self._at
            self._skip(depth)
            parts.append((begin, *self._count()))
        end = self._at
        for begin, least, most in reversed(parts):
            after = self._repeated(begin, least, most, after, depth)
        self._at = end
        return after

    def _skip(self, depth: int) -> None:
        """Go past one atom."""
        before = len(self._states)
        self._atom(0, depth)
        del self._states[before:]

    def _repeated(self, begin: int, least: int, most: int, after: int, depth: int) -> int:
        def once(then: int) -> int:
            self._at = begin
            return self._atom(then, depth)

        if most < 0:
            loop = self._add(_State(None, (after,)))
            inner = once(loop)
            self._states[loop] = _State(None, (inner, after))
            after = loop
        else:
            for _ in range(most - least):
                after = self._add(_State(None, (once(after), after)))
        for _ in range(least):
            after = once(after)
        return after

    def _count(self) -> tuple[int, int]:
        """How often the atom before comes: (least, most), -1 for any number."""
        rest = self.text[self._at :]
        found = {"*": (0, -1), "+": (1, -1), "?": (0, 1)}.get(rest[:1])
        if found is not None:
            self._at += 1
        elif match := _COUNT.match(rest):
            least = int(match[1])
            most = int(match[3]) if match[3] else -1 if match[2] else least
            if max(least, most) > MAX_REPEATS or -1 < most < least:
                raise ValueError(f"{match[0]} is no range up to {MAX_REPEATS}")
            self._at += match.end()
            found = least, most
        else:
            return 1, 1
        if self.text[self._at : self._at + 1] in ("*", "+", "{"):
            raise ValueError("two repetitions one after the other")
        if self.text[self._at : self._at + 1] == "?":  # the shortest match is the same match
            self._at += 1
        return found

    def _atom(self, after: int, depth: int) -> int:
        char = self.text[self._at]
        self._at += 1
        self._read += 1
        if self._read > MAX_READ:
            raise ValueError("the pattern repeats too much")
        if char == "(":
            if self.text[self._at : self._at + 1] == "?":
                if self.text[self._at : self._at + 2] != "?:":
                    raise ValueError("of the groups that begin with (? there is only (?:")
                self._at += 2
            inner = self._either(after, depth + 1)
            if self.text[self._at : self._at + 1] != ")":
                raise ValueError("a '(' is not closed")
            self._at += 1
            return inner
        if char in "*+?":
            raise ValueError(f"there is nothing before {char!r} to repeat")
        if char in "^$":
            return self._add(_State(None, (after,), char))
        if char == "[":
            return self._add(_State(self._set(), (after,)))
        if char == ".":
            return self._add(_State(lambda c: c != "\n", (after,)))
        if char == "\\":
            return self._escape(after)
        wanted = char.lower() if self._small else char
        return self._add(_State(lambda c: c == wanted, (after,)))

    def _escape(self, after: int) -> int:
        char = self.text[self._at : self._at + 1]
        self._at += 1
        if char in ("b", "B"):
            return self._add(_State(None, (after,), char))
        if char in ("n", "t"):
            wanted = "\n" if char == "n" else "\t"
            return self._add(_State(lambda c: c == wanted, (after,)))
        if char and char in "dDwWsS":
            return self._add(_State(_one("\\" + char), (after,)))
        if not char or char.isalnum():
            raise ValueError(f"there is no \\{char}")
        return self._add(_State(lambda c: c == char, (after,)))

    def _set(self) -> Test:
        r"""A set such as `[a-z\d]`: the test of one character, which takes no time worth speaking of."""
        begin = self._at - 1
        if self.text[self._at : self._at + 1] == "^":
            self._at += 1
        if self.text[self._at : self._at + 1] == "]":
            self._at += 1
        while self._at < len(self.text) and self.text[self._at] != "]":
            self._at += 2 if self.text[self._at] == "\\" else 1
        self._at += 1
        if self._at > len(self.text):
            raise ValueError("a '[' is not closed")
        return _one(self.text[begin : self._at].replace("[[", r"[\["), self._small)


def _one(text: str, small: bool = False) -> Test:
    """Whether a character is of a set."""
    try:
        match = re.compile(text, re.IGNORECASE if small else 0).fullmatch
    except re.error as error:
        raise ValueError(f"{text}: {error.msg}") from None
    return lambda char: match(char) is not None


def _is_at(place: str, text: str, at: int) -> bool:
    if place == "^":
        return at == 0
    if place == "$":
        return at == len(text)
    before = at > 0 and (text[at - 1].isalnum() or text[at - 1] == "_")
    after = at < len(text) and (text[at].isalnum() or text[at] == "_")
    return (before != after) is (place == "b")
