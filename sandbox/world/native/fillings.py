"""Numbers and texts that commands of a world's own verbs may name: a bounded set of those that make a difference.

A rule that asks whether the number is at least the price makes three worth listing: the price, one less and one
more. Which rule each of them leads to is found by asking the rules.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from sandbox.world.native.forms import FILLED, MAX_ASKED, Fillings
from sandbox.world.native.operands import amount, words_of
from sandbox.world.native.schema import conditions as condition
from sandbox.world.native.schema import effects as effect
from sandbox.world.native.schema.base import Strict
from sandbox.world.native.state import ParsedCommand

if TYPE_CHECKING:
    from sandbox.world.native.compiled import CompiledRule, CompiledWorld, Draft, Who
    from sandbox.world.native.schema import CustomVerb, VerbRule

MAX_FILLINGS = 3
"""Numbers, and texts, that are listed for one rule and the same things."""


def fillings_of(
    compiled: CompiledWorld, verb: CustomVerb, rules: Iterable[VerbRule], slots: frozenset[str]
) -> Fillings:
    """What may be filled into the forms of a verb."""
    numbers: list[Who] = []
    texts = dict.fromkeys(s for s in verb.suggest if isinstance(s, str))
    for rule in rules:
        texts |= dict.fromkeys(rule.words[:2])
        for part in (*rule.when, *rule.do):
            _ask(compiled, part, numbers, texts)
    suggested = tuple(s for s in verb.suggest if isinstance(s, int))
    default = compiled.messages["filling"].fixed or "..."
    return Fillings(slots & FILLED, suggested, tuple(numbers), tuple(texts)[:MAX_ASKED] or (default,))


def _ask(compiled: CompiledWorld, part: object, numbers: list[Who], texts: dict[str, None]) -> None:
    """Collect what a condition or effect compares the number or text with, however deep it lies."""
    match part:
        case condition.Var(var="number"):
            numbers += _amounts(compiled, part.equals, part.at_least, part.at_most)
        case condition.Var(var="text", equals=str(wanted)):
            texts[wanted] = None
        case condition.Var(var=name) if "number" in (part.equals, part.at_least, part.at_most):
            numbers += _amounts(compiled, name)
        case condition.Has(count="number", who="me") if part.has in compiled.index:
            kind = compiled.index[part.has]
            numbers.append(lambda draft: draft.stock(draft.actor, kind))
        case effect.SetVar(to="text"):
            texts |= dict.fromkeys(words_of(compiled, part.set))
    if isinstance(part, Strict):
        for name in ("negated", "any", "all", "when", "do", "otherwise"):
            inner = getattr(part, name, ())
            for each in inner if isinstance(inner, tuple) else (inner,):
                _ask(compiled, each, numbers, texts)


def _amounts(compiled: CompiledWorld, *amounts: object) -> list[Who]:
    return [amount(compiled, a) for a in amounts if isinstance(a, (int, str)) and not isinstance(a, bool)]


def fitting(draft: Draft, rule: CompiledRule, command: ParsedCommand) -> list[ParsedCommand]:
    """The fillings of a command that lead to a rule; the command itself where there is nothing to fill in."""
    compiled = draft.compiled
    rules = compiled.rules_instead(command.action, command.thing)
    fillings = compiled.rules.fillings.get(command.action) if compiled.rules.fillings else None
    if fillings is None:
        return [command] if _leads_to(draft, rules, command) is rule else []
    found: list[ParsedCommand] = []
    for each in fillings.of(draft, command):
        if _leads_to(draft, rules, each) is rule:
            found.append(each)
            if len(found) >= MAX_FILLINGS:
                break
    return found


def _leads_to(draft: Draft, rules: tuple[CompiledRule, ...], command: ParsedCommand) -> CompiledRule | None:
    """The first rule that fits a command."""
    for rule in rules:
        if rule.fits(draft, command):
            return rule
    return None
