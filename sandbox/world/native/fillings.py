"""Numbers and texts that commands of a world's own verbs may name: a bounded set of those that make a difference.

A rule that asks whether the number is at least the price makes three worth listing: the price, one less and one
more. Which rule each of them leads to is found by asking the rules.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

from sandbox.world.native.operands import amount, words_of
from sandbox.world.native.schema import conditions as condition
from sandbox.world.native.schema import effects as effect
from sandbox.world.native.schema.base import MAX_NUMBER, Strict
from sandbox.world.native.state import ParsedCommand

if TYPE_CHECKING:
    from sandbox.world.native.compiled import CompiledRule, CompiledWorld, Draft, Who
    from sandbox.world.native.schema import CustomVerb, VerbRule

MAX_FILLINGS = 3
"""Numbers, and texts, that are listed for one rule and the same things."""
MAX_ASKED = 24
"""Numbers, and texts, that are looked at for one verb."""
SLOTS = frozenset({"number", "text"})


class Fillings:
    """What may be filled into the forms of one verb."""

    def __init__(
        self, compiled: CompiledWorld, verb: CustomVerb, rules: Iterable[VerbRule], slots: frozenset[str]
    ):
        self.slots = slots & SLOTS
        self._numbers: list[Who] = []
        self._texts: dict[str, None] = dict.fromkeys(s for s in verb.suggest if isinstance(s, str))
        self._suggested = [s for s in verb.suggest if isinstance(s, int)]
        for rule in rules:
            self._texts |= dict.fromkeys(rule.words[:2])
            for part in (*rule.when, *rule.do):
                self._ask(compiled, part)
        self._texts = dict.fromkeys([*self._texts][:MAX_ASKED])
        self._default = compiled.messages["filling"].fixed or "..."

    def _ask(self, compiled: CompiledWorld, part: object) -> None:
        """Collect what a condition or effect compares the number or text with, however deep it lies."""
        match part:
            case condition.Var(var="number"):
                self._amounts(compiled, part.equals, part.at_least, part.at_most)
            case condition.Var(var="text", equals=str(wanted)):
                self._texts[wanted] = None
            case condition.Var(var=name) if "number" in (part.equals, part.at_least, part.at_most):
                self._amounts(compiled, name)
            case condition.Has(count="number", who="me") if part.has in compiled.index:
                kind = compiled.index[part.has]
                self._numbers.append(lambda draft: draft.stock(draft.actor, kind))
            case effect.SetVar(to="text"):
                self._texts |= dict.fromkeys(words_of(compiled, part.set))
        if isinstance(part, Strict):
            for name in ("negated", "any", "all", "when", "do", "otherwise"):
                inner = getattr(part, name, ())
                for each in inner if isinstance(inner, tuple) else (inner,):
                    self._ask(compiled, each)

    def _amounts(self, compiled: CompiledWorld, *amounts: object) -> None:
        self._numbers += [
            amount(compiled, a) for a in amounts if isinstance(a, (int, str)) and not isinstance(a, bool)
        ]

    def numbers(self, draft: Draft) -> list[int]:
        """Numbers that may make a difference now, those that are asked about first."""
        asked = [*self._suggested, *(number(draft) for number in self._numbers)]
        near = dict.fromkeys([*asked, *(n + 1 for n in asked), *(n - 1 for n in asked)])
        return [n for n in near if 0 <= n <= MAX_NUMBER][:MAX_ASKED] or [1]

    def texts(self) -> list[str]:
        """Texts that may make a difference."""
        return list(self._texts) or [self._default]

    def of(self, draft: Draft, command: ParsedCommand) -> Iterator[ParsedCommand]:
        """A command with all that may be filled in."""
        draft.meant, draft.it = command, command.thing
        for number in self.numbers(draft) if "number" in self.slots else [-1]:
            for text in self.texts() if "text" in self.slots else [""]:
                yield command._replace(number=number, text=text)


def fitting(draft: Draft, rule: CompiledRule, command: ParsedCommand) -> list[ParsedCommand]:
    """The fillings of a command that lead to a rule; the command itself where there is nothing to fill in."""
    compiled = draft.compiled
    fillings = compiled.rules.fillings.get(command.action)
    candidates = [command] if fillings is None else fillings.of(draft, command)
    found: list[ParsedCommand] = []
    rules = compiled.rules_instead(command.action, command.thing)
    for each in candidates:
        if next((r for r in rules if r.fits(draft, each)), None) is rule:
            found.append(each)
            if len(found) >= MAX_FILLINGS:
                break
    return found
