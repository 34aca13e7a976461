"""Teach the default model to say in one short sentence what a fable is about.

    python docs/examples/summarise.py

The fables are Aesop's, in the translation of G. F. Townsend (1867), some of them shortened.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import Any

from sandbox.api import fine_tune, open_model

FABLES = Path(__file__).with_name("fables.jsonl")


def rouge(text: str, label: str) -> float:
    """ROUGE-1 (Lin 2004): the words that a summary shares with one by a person, as an F-score."""
    ours, theirs = (Counter(re.findall(r"\w+", each.lower())) for each in (text, label))
    shared = (ours & theirs).total()
    return 2 * shared / max(1, ours.total() + theirs.total())


def main(**settings: Any) -> None:
    """Train, and print samples of held-out fables before and after."""
    fables = [json.loads(line) for line in FABLES.read_text(encoding="utf-8").splitlines()]
    fine_tune(
        open_model(),
        [(f"{fable['text']}\n\nIn one short sentence:", fable["summary"]) for fable in fables],
        rouge,
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
