"""Data sets and rewards as people write them."""

from __future__ import annotations

import math
from typing import Any

import datasets
import pytest

from sandbox.tune.text_data import MAX_ROWS, Reward, TextRow, rows_of, split

PAIRS = [("bonjour", "hello"), ("merci", "thank you")]
ROWS = [TextRow("bonjour", "hello"), TextRow("merci", "thank you")]


@pytest.mark.parametrize(
    "dataset",
    [
        PAIRS,
        iter(PAIRS),
        [list(pair) for pair in PAIRS],
        [{"prompt": prompt, "reference": label} for prompt, label in PAIRS],
        [{"text": prompt, "label": label, "source": "none"} for prompt, label in PAIRS],
        datasets.Dataset.from_dict({"prompt": ["bonjour", "merci"], "reference": ["hello", "thank you"]}),
    ],
)
def test_pairs_dicts_and_data_sets_are_the_same_rows(dataset: Any) -> None:
    assert rows_of(dataset) == ROWS


def test_prompts_alone_have_no_labels() -> None:
    assert rows_of(["bonjour"]) == [TextRow("bonjour")] == rows_of([{"prompt": "bonjour"}])


@pytest.mark.parametrize(
    ("dataset", "said"),
    [
        ("bonjour", "not str"),
        (3, "not int"),
        ({"train": PAIRS}, r"give one, such as dataset\['train'\]"),
        ([], "dataset is empty"),
        ([*PAIRS, ""], "the prompt of row 3 is ''"),
        ([*PAIRS, 3], "row 3 is int"),
        ([("a", "b", "c")], "row 1 is tuple"),
        ([{"question": "why"}], "the prompt of row 1 is None"),
        ([*PAIRS, "salut"], "row 3 of the dataset has no label"),
        (("x" for _ in range(MAX_ROWS + 1)), f"more than {MAX_ROWS} rows"),
    ],
)
def test_what_is_no_data_set_is_refused_with_the_row(dataset: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        rows_of(dataset)


def test_held_out_prompts_are_never_learned_from() -> None:
    rows = [TextRow(f"p{i % 20}", i) for i in range(40)]
    learned, held = split(rows, 0.25, seed=1, most=50)
    assert sorted([*learned, *held], key=lambda row: row.label) == rows
    assert len({row.prompt for row in held}) == 5 and not {r.prompt for r in held} & {r.prompt for r in learned}
    assert split(rows, 0.25, seed=1, most=50)[1] == held != split(rows, 0.25, seed=2, most=50)[1]
    assert len(split(rows, 0.5, seed=1, most=3)[1]) == 6, "two rows of each of three prompts"
    assert split(rows, 0.0, seed=1, most=50)[1] == [] == split(rows[:5], 0.2, seed=1, most=50)[1]
    assert len(split(rows[:6], 0.1, seed=1, most=50)[1]) == 2


ROW = TextRow("bonjour", "hello")


class Judge:
    def __call__(self, text: str, label: str) -> float:
        return float(text == label)


@pytest.mark.parametrize(
    ("function", "expected"),
    [
        (len, 2),
        (lambda text: len(text), 2),
        (lambda written: len(written), 2),
        (lambda text, label: 10 * len(text) + len(label), 25),
        (lambda a, b: 10 * len(a) + len(b), 25),
        (lambda a, b, c: 100 * len(a) + 10 * len(b) + len(c), 725),
        (lambda prompt, completion: 10 * len(prompt) + len(completion), 72),
        (lambda label, text, prompt: 100 * len(label) + 10 * len(text) + len(prompt), 527),
        (lambda completion, reference: 10 * len(completion) + len(reference), 25),
        (lambda text, weight=3: weight * len(text), 6),
        (lambda text, label="x": len(label), 5),
        (Judge(), 0),
        (lambda text: True, 1),
    ],
)
def test_a_reward_gets_what_its_signature_asks_for(function: Any, expected: float) -> None:
    assert Reward(function, labelled=True)(ROW, "hi") == expected


@pytest.mark.parametrize(
    ("function", "said"),
    [
        (lambda: 1.0, "should take"),
        (lambda a, b, c, d: 1.0, "should take"),
        (3, "should be a function"),
        (lambda a, b: 1.0, "takes a label, and the dataset has none"),
        (lambda text, reference: 1.0, "takes a label, and the dataset has none"),
    ],
)
def test_a_function_that_cannot_be_a_reward_is_refused_before_anything_is_done(function: Any, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        Reward(function, labelled=False)


@pytest.mark.parametrize("value", [math.nan, math.inf, None, "1", [1.0, 2.0]])
def test_a_reward_is_a_finite_number(value: Any) -> None:
    with pytest.raises(ValueError, match="should give a finite number"):
        Reward(lambda text: value, labelled=False)(ROW, "hi")
