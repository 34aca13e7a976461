"""Teach the default model to answer a French verse with the English one.

    pip install datasets
    python docs/examples/translate.py

The verses are of the Bible in the versions of Louis Segond (1910) and King James (1769).
"""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any

import datasets

from sandbox.api import fine_tune, open_model

VERSES = Path(__file__).with_name("verses.jsonl")


def chrf(text: str, reference: str) -> float:
    """The letters in threes that a translation shares with the reference, as an F-score (after Popović 2015)."""
    ours, theirs = (
        Counter(padded[i : i + 3] for i in range(len(padded) - 2))
        for padded in (f" {each.strip().lower()} " for each in (text, reference))
    )
    return 2 * (ours & theirs).total() / max(1, ours.total() + theirs.total())


def main(**settings: Any) -> None:
    """Train, and print samples of held-out verses before and after."""
    verses = datasets.Dataset.from_json(str(VERSES))
    fine_tune(
        open_model(),
        verses.map(lambda row: {"prompt": f"French: {row['french']}\nEnglish:", "reference": row["english"]}),
        chrf,
        **{
            "held_out": 1 / 3,
            "stop": ["\n"],
            "steps": 8,
            "samples": 8,
            "batch": 8,
            "max_tokens": 20,
            "learning_rate": 2e-3,
            **settings,
        },
    )


if __name__ == "__main__":
    main()
