"""What a text task is learned from: prompts, perhaps with a label each, and a reward of people's own. Pure."""

from __future__ import annotations

import inspect
import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np

MAX_ROWS = 100_000
_FORMS = "dataset should be a sequence of prompts, (text, label) pairs, dicts, or a datasets.Dataset with both"
_PROMPTS, _LABELS = ("prompt", "text"), ("reference", "label")
_TEXTS = ("text", "completion")


@dataclass(frozen=True, slots=True)
class TextRow:
    """One row of a data set."""

    prompt: str
    label: Any = None


def rows_of(dataset: Iterable[Any]) -> list[TextRow]:
    """The rows of a data set. Raises `ValueError` with the number of the row that is none.

    Args:
        dataset: prompts; pairs of a prompt and its label; or dicts, as a `datasets.Dataset` has them, with
            `prompt` (or `text`) and, if there are labels, `reference` (or `label`).
    """
    if isinstance(dataset, str | bytes) or not isinstance(dataset, Iterable):
        raise ValueError(f"{_FORMS}, not {type(dataset).__name__}")
    if isinstance(dataset, Mapping):
        raise ValueError(
            f"{_FORMS}; of a dict of splits, give one, such as dataset[{next(iter(dataset), 'train')!r}]"
        )
    found = [_row(each, number) for number, each in enumerate(islice(dataset, MAX_ROWS + 1), start=1)]
    if not found:
        raise ValueError("dataset is empty: there are no prompts to learn from")
    if len(found) > MAX_ROWS:
        raise ValueError(f"dataset has more than {MAX_ROWS} rows: give a part of it")
    labelled = [row.label is not None for row in found]
    if any(labelled) and not all(labelled):
        raise ValueError(f"row {labelled.index(False) + 1} of the dataset has no label, and others have one")
    return found


def _row(given: Any, number: int) -> TextRow:
    prompt: Any = given
    label: Any = None
    match given:
        case str():
            pass
        case Mapping():
            prompt, label = (next((given[k] for k in keys if k in given), None) for keys in (_PROMPTS, _LABELS))
        case [prompt, label]:
            pass
        case _:
            raise ValueError(f"{_FORMS}; row {number} is {type(given).__name__}")
    if not isinstance(prompt, str) or not prompt:
        raise ValueError(f"{_FORMS}; the prompt of row {number} is {prompt!r}, and should be text")
    return TextRow(prompt, label)


def split(rows: Sequence[TextRow], share: float, seed: int, most: int) -> tuple[list[TextRow], list[TextRow]]:
    """Rows to learn from, and rows held out: a share of them, at least two and at most `most`, drawn by the seed.

    Rows with the same prompt stay together. Where fewer than six rows would have to be shared, none are held out.
    """
    prompts = list(dict.fromkeys(row.prompt for row in rows))
    count = min(max(2, round(share * len(prompts))), most) if share and len(prompts) >= 6 else 0
    drawn = np.random.default_rng(seed).permutation(len(prompts))[:count]
    held = {prompts[i] for i in drawn}
    return [row for row in rows if row.prompt not in held], [row for row in rows if row.prompt in held]


class Reward:
    """A reward function, called by its own signature, whose values are looked at.

    Args:
        function: takes `text`, `(text, label)` or `(prompt, text, label)`. Parameters that are called `prompt`,
            `text` (or `completion`) and `label` (or `reference`) are given by name, others by their number.
        labelled: whether the rows have labels.

    Raises:
        ValueError: it takes something else, or a label where there is none.
    """

    def __init__(self, function: Callable[..., float], labelled: bool) -> None:
        if not callable(function):
            raise ValueError(f"reward_function should be a function, not {type(function).__name__}")
        self._function = function
        self._takes = _parameters(function)
        if "label" in self._takes and not labelled:
            raise ValueError(
                "reward_function takes a label, and the dataset has none: give (text, label) pairs, or call its "
                "parameters `prompt` and `text`"
            )

    def __call__(self, row: TextRow, text: str) -> float:
        """What a completion is worth. Raises `ValueError` where that is no finite number."""
        known = {"prompt": row.prompt, "text": text, "label": row.label}
        given = self._function(*(known[name] for name in self._takes))
        try:
            value = float(given)
        except (TypeError, ValueError):
            value = math.nan
        if isinstance(given, str) or not math.isfinite(value):
            raise ValueError(f"reward_function should give a finite number, not {given!r} (for {text[:80]!r})")
        return value


def _parameters(function: Callable[..., float]) -> tuple[str, ...]:
    """What a reward function takes, in order, of `prompt`, `text` and `label`."""
    try:
        signature = inspect.signature(function)
    except ValueError:  # some functions written in C have none
        return ("text",)
    places = (inspect.Parameter.POSITIONAL_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD)
    parameters = [each for each in signature.parameters.values() if each.kind in places]
    names = {"prompt": "prompt"} | dict.fromkeys(_TEXTS, "text") | dict.fromkeys(_LABELS, "label")
    needed = [each for each in parameters if each.default is each.empty or each.name in names]
    found = tuple(names.get(each.name, "") for each in needed)
    if "text" in found and all(found) and len(set(found)) == len(found):
        return found
    by_number = {1: ("text",), 2: ("text", "label"), 3: ("prompt", "text", "label")}
    if len(needed) not in by_number:
        raise ValueError(
            f"reward_function should take (text), (text, label) or (prompt, text, label), not {signature}"
        )
    return by_number[len(needed)]
