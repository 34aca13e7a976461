"""Commands to try where a world lists none and no model proposes any: its verbs, alone and with words in sight."""

from __future__ import annotations

import re
from collections.abc import Sequence

import numpy as np

from sandbox.types import Observation

LIMIT = 24
"""Candidates at a turn."""

_WORD = re.compile(r"[a-z][a-z-]{2,}")
_FUNCTION_WORDS = set(
    re.findall(
        r"\w+",
        """the and you are here there this that with from into your for has have was were can but not which what
        who its his her their them some one two all any now see only also very just out over under about been will
        would could where when while than then nothing something""",
    )
)
_FALLBACK = ("look", "wait")
_ALONE = 14
_WITH_NOUN = 8


def guesses(observation: Observation, verbs: Sequence[str]) -> tuple[str, ...]:
    """Up to `LIMIT` commands, the same in the same state, so that a learner can compare them."""
    if not verbs:
        return _FALLBACK
    in_sight = " ".join((observation.description or observation.text, observation.inventory)).lower()
    nouns = sorted(set(_WORD.findall(in_sight)) - _FUNCTION_WORDS - set(verbs))
    alone = list(verbs[:_ALONE])
    pairs = [f"{verb} {noun}" for verb in verbs[:_WITH_NOUN] for noun in nouns]
    rng = np.random.default_rng(int(observation.state_key, 16))
    drawn = rng.permutation(len(pairs))[: LIMIT - len(alone)]
    return tuple(alone + sorted(pairs[i] for i in drawn))
