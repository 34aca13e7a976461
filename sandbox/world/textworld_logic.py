"""The logic of a TextWorld game: which facts hold, what they allow, and how an action changes them.

TextWorld follows a game from outside: Inform prints each action that succeeds, and the same action is applied to
a set of logical facts, from which the admissible commands are derived (`textworld.envs.wrappers.tw_inform7`).
Here the set of facts is a value, so that it can be part of a state.
"""

from __future__ import annotations

import json
import re
import warnings
from collections.abc import Iterable
from functools import lru_cache
from pathlib import Path
from typing import Any

from sandbox.abilities import Fact
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
_PLAYER, _HANDS = "p", "i"
_WAYS = ("north", "south", "east", "west")


class Logic:
    """The logic of the game in this `.json` file. Raises `WorldError` where it is no game."""

    def __init__(self, file: Path) -> None:
        import textworld
        from textworld.generator.inform7 import Inform7Game

        warnings.filterwarnings("ignore", module=r"textworld\.")  # the screen is not theirs to print on
        self._actions = lru_cache(_CACHED_FACTS)(self._find_actions)
        read_bounded(file, MAX_JSON_BYTES, "a TextWorld game")
        try:
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
                hint="use the .json that was made with the story, or remove it to play without",
            ) from error
        self._known = {(name, info.type) for name, info in self._game.infos.items()}

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
        return self._actions(facts)[1]

    def follow(self, facts: Facts, printed: str) -> Facts:
        """The facts after the actions whose success is traced in what the story printed."""
        for trace in _TRACE.findall(printed):
            event, succeeded, _ = trace.strip()[1:-1].partition(_SUCCEEDED)
            # With brackets it is a part of another action, or a rule: no event of its own.
            action = self._actions(facts)[0].get(event.lower()) if succeeded and "(" not in event else None
            if action is not None:
                facts = (facts - action.removed) | action.added
        return facts

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
        if any(argument not in self._known for item in facts for argument in _plain(item)[1]):
            raise ValueError("unknown things in the facts")
        return facts

    def told(self, facts: Facts) -> frozenset[Fact]:
        """The facts in the names that players read."""
        room = next(
            (names[1] for name, names in map(self._named, facts) if name == "at" and names[0] == _PLAYER), ""
        )
        found = {Fact("room", room)}
        for name, names in map(self._named, facts):
            if name.endswith("_of") and names[1] == room and name.removesuffix("_of") in _WAYS:
                found.add(Fact("leads", name.removesuffix("_of"), names[0]))
            elif name == "in" and names[1] == _HANDS:
                found.add(Fact("carried", names[0]))
            elif name in ("at", "in", "on") and names[0] != _PLAYER:
                found.add(Fact(name, *names))  # type: ignore[arg-type]
            elif name == "link":
                found.add(Fact("at", names[1], names[0]))
            elif name in ("open", "closed", "locked"):
                found.add(Fact(name, names[0]))  # type: ignore[arg-type]
                if name == "locked":
                    found.add(Fact("closed", names[0]))
        return frozenset(found)

    def _named(self, fact: Any) -> tuple[str, list[str]]:
        """A fact's own name, and what players call its arguments."""
        names = [self._game.infos[each.name].name or each.name for each in fact.arguments]
        return fact.name, [name.lower() for name in names]

    def _find_actions(self, facts: Facts) -> tuple[dict[str, Any], tuple[str, ...]]:
        """The actions that are possible, by the event that Inform prints for each, and the commands for them."""
        from textworld.logic import State

        state = State(self._game.kb.logic, facts)
        actions = list(state.all_applicable_actions(self._rules, self._constants))
        # For one event the most specific rule counts, so it comes last; among equals always the same one.
        actions.sort(key=lambda action: (len(action.preconditions), str(action)))
        events = {self._event(action): action for action in actions}
        return events, tuple(sorted(set(self._inform.gen_commands_from_actions(actions))))

    def _event(self, action: Any) -> str:
        names = self._inform._get_name_mapping(action)
        return str(self._inform.kb.inform7_events[action.name].format(**names)).lower()


def _plain(fact: Any) -> PlainFact:
    return fact.name, tuple((argument.name, argument.type) for argument in fact.arguments)


def without_traces(printed: str) -> str:
    """What the story printed, without its notes on actions."""
    return _TRACE.sub("", printed)


def _brief(error: Exception) -> str:
    if isinstance(error, json.JSONDecodeError):
        return f"not JSON (line {error.lineno})"
    return " ".join(f"{type(error).__name__} {error}".split())[:120]
