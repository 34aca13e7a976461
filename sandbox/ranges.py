"""Numbers that a caller gives: refused at once where they make no sense, in Python as in cards."""

from __future__ import annotations


def in_range(name: str, value: float, low: float, high: float = float("inf"), *, above: bool = False) -> None:
    """Raises `ValueError` where a number is none, or lies outside of `low` to `high`.

    Args:
        name: what the caller calls it.
        value: what was given.
        low: the least it may be.
        high: the most it may be.
        above: whether it must be more than `low`.
    """
    try:
        fits = low <= value <= high and not (above and value == low)
    except TypeError:
        fits = False
    if not fits:
        end = "" if high == float("inf") else f" and at most {high:g}"
        raise ValueError(f"{name} should be {'more than' if above else 'at least'} {low:g}{end}, not {value!r}")
