"""Which prompts' key-value caches are kept, and for how long."""

from __future__ import annotations

import torch
from transformers import DynamicCache

from sandbox.llm.prefix import IDLE, PrefixCache, PrefixLimits
from sandbox.llm.trie import Tokens


def encode(prefixes: PrefixCache, prompt: Tokens) -> int:
    """Have a prompt encoded as a model does it; how many of its tokens were known."""
    known, cache = prefixes.longest(prompt)
    cache = DynamicCache() if cache is None else cache
    keys = torch.tensor(prompt[known:], dtype=torch.float32).reshape(1, 1, -1, 1)
    cache.update(keys, keys, 0)
    assert cache.layers[0].keys.flatten().tolist() == list(prompt)
    prefixes.keep(prompt, cache, len(prompt))
    return known


def episode(number: int, turns: int) -> Tokens:
    return (7, *(1000 * number + turn for turn in range(turns)))


def test_seats_that_take_turns_keep_their_prompts_and_a_finished_episode_does_not() -> None:
    prefixes = PrefixCache(PrefixLimits(10_000))
    for turns in range(1, 2 * IDLE):
        known = [encode(prefixes, episode(seat, turns)) for seat in range(4)]
        assert known == ([turns] * 4 if turns > 1 else [0, 1, 1, 1])
    for turns in range(1, IDLE + 2):
        encode(prefixes, episode(4, turns))
    assert encode(prefixes, episode(0, 2 * IDLE)) == 1  # the head that all have in common
    assert encode(prefixes, episode(4, IDLE + 2)) == IDLE + 2


def test_the_bound_holds_for_all_together() -> None:
    prefixes = PrefixCache(PrefixLimits(25))
    for number in range(3):
        encode(prefixes, episode(number, 9))
    assert [encode(prefixes, episode(number, 10)) for number in (2, 1)] == [10, 10]
    assert encode(prefixes, episode(0, 10)) == 1
