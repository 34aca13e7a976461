"""The logic of a TextWorld game: which facts hold, what they allow, and how an action changes them.

TextWorld follows a game from outside: Inform prints each action that succeeds, and the same action is applied to
a set of logical facts, from which the admissible commands are derived (`textworld.envs.wrappers.tw_inform7`).
Here the set of facts is a value, so that it can be part of a state.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from sandbox.errors import WorldError
from sandbox.world.story import read_bounded

Facts = frozenset[Any]
"""Of `textworld.logic.Proposition`."""
PlainFact = tuple[str, tuple[tuple[str, str], ...]]
"""A fact without TextWorld: its name and the (name, type) of its arguments."""

MAX_JSON_BYTES = 16 << 20
_CACHED_FACTS = 4096
_TRACE = re.compile(r"\[[^]]+\]\n?")
_SUCCEEDED = " - succeeded"


class Logic:
    """The logic of the game in this `.json` file. Raises `WorldError` where it is no game."""

    def __init__(self, file: Path) -> None:
        import textworld
        from textworld.generator.inform7 import Inform7Game

        self._actions: Callable[[Facts], tuple[Any, ...]] = lru_cache(_CACHED_FACTS)(self._find_actions)
        self._commands: Callable[[Facts], tuple[str, ...]] = lru_cache(_CACHED_FACTS)(self._find_commands)
        read_bounded(file, MAX_JSON_BYTES, "a TextWorld game")
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                self._game = textworld.Game.load(str(file))
                self._inform = Inform7Game(self._game)
                self.initial: Facts = frozenset(self._game.world.state.facts)
                self._rules = list(self._game.kb.rules.values())
                self._constants = self._game.kb.types.constants_mapping
                self.commands(self.initial)
        except Exception as error:  # the loader raises whatever the file makes it stumble over
            raise WorldError(
                f"this is no TextWorld game: {_brief(error)}",
                where=file,
                mend="use the .json that was made with the story, or remove it to play without",
            ) from error
        self._known = {fact_part for fact in self.initial for fact_part in _parts(fact)}

    @property
    def objective(self) -> str:
        return str(self._game.objective or "")

    @property
    def max_score(self) -> float:
        return float(self._game.max_score)

    @property
    def verbs(self) -> tuple[str, ...]:
        return tuple(self._game.verbs)

    def walkthrough(self) -> tuple[str, ...]:
        """Commands that win: the game's own, or those through its quests; empty where neither is known."""
        from textworld.generator.game import GameProgression

        commands = self._game.metadata.get("walkthrough")
        if not commands:
            policy = GameProgression(self._game, track_quests=True).winning_policy
            commands = self._inform.gen_commands_from_actions(policy or ())
        return tuple(str(command) for command in commands)

    def commands(self, facts: Facts) -> tuple[str, ...]:
        """The admissible commands, sorted."""
        return self._commands(facts)

    def follow(self, facts: Facts, printed: str) -> tuple[Facts, str]:
        """The facts after the actions whose success is traced in the text, and the text without the traces."""
        for trace in _TRACE.findall(printed):
            event = trace.strip()[1:-1]
            if _SUCCEEDED not in event or "(" in event:  # in brackets: part of another action
                continue
            facts = self._apply(facts, event.partition(_SUCCEEDED)[0])
        return facts, _TRACE.sub("", printed)

    def difference(self, facts: Facts) -> tuple[list[PlainFact], list[PlainFact]]:
        """What holds no more, and what holds now, against the start of the game."""
        return sorted(map(_plain, self.initial - facts)), sorted(map(_plain, facts - self.initial))

    def combine(self, gone: Iterable[PlainFact], new: Iterable[PlainFact]) -> Facts:
        """The facts from their `difference`. Raises ValueError where they speak of what is not in the game."""
        from textworld.logic import Proposition, Variable

        def fact(plain: PlainFact) -> Any:
            name, arguments = plain
            return Proposition(name, [Variable(*argument) for argument in arguments])

        facts = (self.initial - {fact(plain) for plain in gone}) | {fact(plain) for plain in new}
        if any(part not in self._known for item in facts for part in _parts(item)):
            raise ValueError("unknown things in the facts")
        return facts

    def _apply(self, facts: Facts, event: str) -> Facts:
        fitting = [action for action in self._actions(facts) if self._event(action) == event.lower()]
        if not fitting:
            return facts
        # The most specific rule, and among equals always the same one.
        action = max(fitting, key=lambda action: (len(action.preconditions), str(action)))
        changed: Facts = (facts - action.removed) | action.added
        return changed

    def _event(self, action: Any) -> str:
        names = self._inform._get_name_mapping(action)
        return str(self._inform.kb.inform7_events[action.name].format(**names)).lower()

    def _find_actions(self, facts: Facts) -> tuple[Any, ...]:
        from textworld.logic import State

        state = State(self._game.kb.logic, facts)
        return tuple(state.all_applicable_actions(self._rules, self._constants))

    def _find_commands(self, facts: Facts) -> tuple[str, ...]:
        return tuple(sorted(set(self._inform.gen_commands_from_actions(self._actions(facts)))))


def _plain(fact: Any) -> PlainFact:
    return fact.name, tuple((argument.name, argument.type) for argument in fact.arguments)


def _parts(fact: Any) -> Sequence[tuple[str, str]]:
    return _plain(fact)[1]


def _brief(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON (line {error.lineno})"
    return " ".join(f"{type(error).__name__} {error}".split())[:120]
