"""What conditions and effects are about: who and what, the numbers and texts, and the members of several."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sandbox.world.native.state import NOWHERE

if TYPE_CHECKING:
    from sandbox.world.native.compiled import CompiledWorld, Draft, Who

SECTIONS = ("things", "characters", "seats", "rooms")
"""Words that stand for all there are."""


def who_is(compiled: CompiledWorld, name: str) -> Who:
    """Finds a seat, thing or place; `me` acts, `here` is its room, `it` and `other` are what a rule is about."""
    match name:
        case "me":
            return lambda draft: draft.actor
        case "here":
            return lambda draft: draft.here()
        case "nowhere":
            return lambda draft: NOWHERE
        case "it":
            return lambda draft: draft.it
        case "other" if name not in compiled.index:
            return lambda draft: NOWHERE if draft.meant is None else draft.meant.other
    number = compiled.index[name]
    return lambda draft: number


def is_fixed(compiled: CompiledWorld, name: str) -> bool:
    """Whether a name means the same whoever acts and whatever a rule is about."""
    return name not in ("me", "here", "it") and (name != "other" or name in compiled.index)


def members(compiled: CompiledWorld, names: tuple[str, ...]) -> tuple[int, ...]:
    """Numbers of those that are named one by one, by their kind, or as all there are."""
    found: dict[int, None] = {}
    for name in names:
        if name in compiled.index:
            found[compiled.index[name]] = None
        else:
            found |= dict.fromkeys(compiled.kinds.get(name) or compiled.section(name))
    return tuple(found)


def place_of(compiled: CompiledWorld, name: str) -> int | Who:
    """Number of a variable or property; for `it.ripe` found as `it` is meant, and -1 where that has none."""
    owner, _, own = name.partition(".")
    if owner not in ("it", "other") or not own:
        return compiled.variable_index[name]
    table = {number: compiled.variable_index.get(f"{each}.{own}", -1) for number, each in enumerate(compiled.ids)}
    who = who_is(compiled, owner)
    return lambda draft: table.get(who(draft), -1)


def read(compiled: CompiledWorld, name: str) -> Who:
    """The number that a name stands for: of a variable, a property, or of the command."""
    if name == "number" and name not in compiled.variable_index:
        return lambda draft: -1 if draft.meant is None else draft.meant.number
    place = place_of(compiled, name)
    if isinstance(place, int):
        return lambda draft: draft.variables[place]
    return lambda draft: draft.variables[n] if (n := place(draft)) >= 0 else 0


def amount(compiled: CompiledWorld, value: int | str) -> Who:
    """A number, or what holds it."""
    return read(compiled, value) if isinstance(value, str) else lambda draft: value


def words_of(compiled: CompiledWorld, name: str) -> tuple[str, ...]:
    """The values of a variable that are words; none for numbers. Of `it.colour` those of any that has a colour."""
    owner, _, own = name.partition(".")
    if owner in ("it", "other") and own:
        name = next((each for each in compiled.variable_index if each.endswith(f".{own}")), name)
    return compiled.values[compiled.variable_index[name]] if name in compiled.variable_index else ()


def said(draft: Draft) -> str:
    """The text that the command names."""
    return "" if draft.meant is None else draft.meant.text
