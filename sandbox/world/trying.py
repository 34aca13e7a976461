"""Finding out which commands do something at a moment of a story, by trying them on copies of it.

Runs in the interpreter's process, where a try costs three microseconds besides the story's own work. Candidates
are the story's grammar filled with the nouns in sight (`wording`); what is kept is one command for each effect.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any, Protocol

from sandbox.world import printed, wording
from sandbox.world.wording import StoryGrammar

Effect = tuple[str, int, bool, bool]
"""World hash, score, whether it ended, whether a key is wanted."""
Pair = tuple[str, str]
_KEYS = (*printed.KEYS, *"qnpyhmx123456789")
_WHOLE = 60
"""Words of an answer that are compared where it is to be a new text."""
_MAX_TOLD = 48
_MAX_POWERS = 8
"""Commands that are listed for their answer alone."""
_NEW, _KNOWN = "*new*", "*known*"
"""Kinds of answers that come with an effect, one that no other command has shown, or a known one."""
_TELLS_APART = 40
"""Characters from which on an answer to `examine` is taken to be that of one thing only."""


class TrialMachine(Protocol):
    """A story that can be tried out: it stands at a state, and can be brought back to it."""

    def mark(self) -> Any: ...

    def go_to(self, mark: Any) -> None: ...

    def effect(self) -> Effect: ...

    def try_out(self, command: str, *, press: bool = False) -> str | None: ...


class CommandTrial:
    """Tries from one state, at most so many. The order, and so the result, is the same each time.

    Args:
        machine: stands at the state, and is left anywhere.
        grammar: the story's.
        limit: commands that may be tried.
        skip: commands known to freeze the interpreter.
    """

    def __init__(self, machine: TrialMachine, grammar: StoryGrammar, limit: int, skip: Iterable[str] = ()) -> None:
        self._machine = machine
        self._grammar = grammar
        self._left = limit
        self._skip = frozenset(skip)
        self._here = machine.mark()
        self._before = machine.effect()
        self._effects: dict[Effect, list[str]] = {}
        self._replies: dict[str, str] = {}
        """Replies of commands that changed nothing."""
        self._nouns: dict[str, tuple[str, ...]] = {}
        self._telling: set[str] = set()

    def keys(self) -> list[str]:
        """Keys that do something where the story waits for one, one for each effect."""
        found: dict[tuple[Effect, str], str] = {}
        for key in _KEYS:
            self._machine.go_to(self._here)
            text = printed.reply_text(self._machine.try_out(key, press=True) or "", menu=True)
            effect = self._machine.effect()
            if text or effect != self._before:
                found.setdefault((effect, text), key)
        return sorted(found.values())

    def commands(self, seen: str, inventory: str) -> list[str]:
        """One command for each effect, sorted.

        Args:
            seen: what can be read here: the latest reply, and the description.
            inventory: what is carried, as the story lists it.
        """
        grammar = self._grammar
        for template in grammar.by_holes(0):
            self._say(template)
        carried = set(grammar.named(inventory))
        things, named = self._things(f"{inventory}\n{seen}", carried)
        held = [thing for thing in things if thing in carried]
        left: list[tuple[str, list[Pair]]] = []
        for template in sorted([*grammar.by_holes(1), *grammar.by_holes(2)], key=grammar.usefulness, reverse=True):
            if template.count("OBJ") == 1:
                for thing in things:
                    self._say(template, thing)
            elif template.split()[0] in wording.TOPICAL:
                self._say_pairs(template, things, named, held)
            else:
                left.append((template, self._say_pairs(template, things, things, held)))
            if template == wording.LAST_OF_THE_USUAL:
                for word in self._words_of_power(named):
                    for thing in things:
                        self._say("OBJ OBJ", word, thing)
        for template, pairs in left:
            for pair in pairs:
                self._say(template, *pair)
        return self._kept()

    def _words_of_power(self, named: list[str]) -> list[str]:
        """Nouns that the story takes for verbs too, such as the names of spells."""
        kinds: dict[str, list[str]] = {}
        for word in named:
            kinds.setdefault(self._grammar.kind(self._say("OBJ", word)), []).append(word)
        told_apart = (word for kind, same in kinds.items() if len(same) <= len(named) // 3 for word in same)
        return list(islice(told_apart, _MAX_POWERS))

    @property
    def done(self) -> bool:
        """Whether no more may be tried."""
        return self._left <= 0

    def _say(self, template: str, *nouns: str) -> str:
        """Try one command, once; its reply, empty where it was not tried."""
        command = wording.filled(template, *nouns)
        if command in self._nouns or command in self._skip or self.done:
            return self._replies.get(command, "")
        self._left -= 1
        self._nouns[command] = nouns
        if template in wording.TELLING:
            self._telling.add(command)
        self._machine.go_to(self._here)
        reply = self._machine.try_out(command)
        if reply is None:
            return ""
        effect = self._machine.effect()
        self._replies[command] = text = printed.reply_text(reply)  # an old story prints its status line before it
        if printed.asks_which(text):  # it asked back: nothing has been done yet
            return text
        if effect[:3] != self._before[:3]:
            self._effects.setdefault(effect, []).append(command)
            del self._replies[command]
        elif effect[3] or not text:  # a menu is no part of the world
            del self._replies[command]
        elif printed.ending(text) or printed.scored(text):
            self._effects.setdefault((text, *effect[1:]), []).append(command)
            del self._replies[command]
        return text

    def _things(self, seen: str, carried: set[str]) -> tuple[list[str], list[str]]:
        """What can be spoken of here, a word for each, and all that was named."""
        grammar = self._grammar
        named = grammar.named(seen)[: wording.MAX_NOUNS]
        absent = self._absence(named)
        groups: dict[str, list[str]] = {}
        text, at = seen, 0
        while at < len(named) and len(named) <= 2 * wording.MAX_NOUNS:
            word = named[at]
            at += 1
            reply = self._say("examine OBJ", word)
            missing = not reply or grammar.kind(reply) in absent or printed.asks_which(reply)
            if missing and word not in carried:  # in the dark, what is carried is there all the same
                continue
            groups.setdefault(word if missing else reply, []).append(word)
            if at <= wording.MAX_NOUNS:  # what a closer look names is in sight too
                text += "\n" + reply
                named += [more for more in grammar.named(reply) if more not in named]
        things: list[str] = []
        for reply, group in groups.items():  # a short answer that names nothing is given for different things
            same = len(reply) > _TELLS_APART or any(word in reply.lower() for word in group)
            things += wording.heads(group, text)[:1] if same else group
        order = {word: place for place, word in enumerate(named)}
        things.sort(key=order.__getitem__)
        return things[: wording.MAX_THINGS], named

    def _absence(self, named: list[str]) -> set[str]:
        """What the story answers about things that are not here."""
        here = {word[: self._grammar.letters] for word in named}
        others = self._grammar.named(" ".join(sorted(self._grammar.nouns - here)))
        kinds: Counter[str] = Counter()
        for word in others[:: len(others) // 6 + 1]:
            kinds[self._grammar.kind(self._say("examine OBJ", word))] += 1
            self._replies.pop(f"examine {word}", None)
        return {kind for kind, _ in kinds.most_common(1)} | {kind for kind, count in kinds.items() if count > 1}

    def _say_pairs(self, template: str, firsts: list[str], seconds: list[str], held: list[str]) -> list[Pair]:
        """Try a command of two nouns where it is promising; the pairs that are left.

        Each noun is tried in its place with one other, something carried if there is. An answer that two nouns get
        is a refusal; a noun that gets another one is tried with all.
        """
        promising: list[Pair] = []
        for nouns, others, swapped in ((firsts, seconds, False), (seconds, firsts, True)):
            if swapped and seconds is not firsts:
                break  # what can be talked about is not sampled: it is too much, and nobody's answer tells
            partners = [other for other in held if other in others] or others
            kinds: dict[str, list[str]] = {}
            for place, noun in enumerate(nouns):
                other = next((each for each in (*partners, *others[place + 1 :], *others) if each != noun), None)
                if other is None:
                    continue
                pair = (other, noun) if swapped else (noun, other)
                effects = len(self._effects)
                reply = self._say(template, *pair)
                new = len(self._effects) > effects
                changed = wording.filled(template, *pair) not in self._replies
                kind = _NEW if new else _KNOWN if changed else self._grammar.kind(reply)
                kinds.setdefault(kind, []).append(noun)
            told_apart = [noun for kind, same in kinds.items() if kind == _NEW or len(same) == 1 for noun in same]
            promising += [(other, noun) if swapped else (noun, other) for noun in told_apart for other in others]
        for first, second in promising:
            if first != second:
                self._say(template, first, second)
        if seconds is not firsts:
            return []
        left = [(first, second) for first in firsts for second in seconds if first != second]
        return sorted(left, key=lambda pair: pair[0] not in held and pair[1] not in held)

    def _kept(self) -> list[str]:
        grammar = self._grammar
        kept = {min(commands, key=grammar.plainness) for commands in self._effects.values()}
        rough = Counter(grammar.kind(reply) for reply in self._replies.values())
        whole = Counter((grammar.kind(reply, _WHOLE), reply) for reply in self._replies.values())
        alike = Counter(kind for kind, _ in whole)
        talks: dict[tuple[str, str], set[str]] = {}
        for command, reply in self._replies.items():
            if self._is_about(command):
                talks.setdefault((command.split()[0], self._nouns[command][0]), set()).add(reply)
        told: dict[str, list[str]] = {}
        for command, reply in self._replies.items():
            tells = command in self._telling
            if self._is_about(command):  # who says the same to everything has nothing to say
                tells = len(talks[command.split()[0], self._nouns[command][0]]) > 1
            own = rough[grammar.kind(reply)] == 1 or len(reply) > 2 * _TELLS_APART
            if tells and own and alike[grammar.kind(reply, _WHOLE)] == 1:
                told.setdefault(reply, []).append(command)
        answers = [min(commands, key=grammar.plainness) for commands in told.values()]
        return sorted(kept | set(answers[:_MAX_TOLD]))

    def _is_about(self, command: str) -> bool:
        """Whether this asks or tells somebody about something."""
        return command.split()[0] in wording.TOPICAL and len(self._nouns[command]) == 2 and " about " in command
