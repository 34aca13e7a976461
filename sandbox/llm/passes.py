"""How questions get through a network: ways to pass, and the fastest one that is exact for a given network.

Transformers has some hundred families of causal models. Which tricks a family bears is not read off its name: each
way is tried on a few tokens when a model is loaded, and held against a plain pass.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Protocol

import torch
from torch import Tensor

from sandbox.errors import NoMemoryError
from sandbox.llm.trie import Tokens
from sandbox.llm.writing import Writer

Rated = tuple[float, Tensor]
"""The summed log-probability of an option, and the hidden state that predicts its last token, [width]."""

NODES_PER_PASS = 256
"""How many tokens of options go through the network at once: bounds the memory of the mask and of the logits."""


class Passes(Protocol):
    """A way to put questions through a network."""

    encoded: int
    """How many tokens have gone through the network so far."""
    packs: bool
    """Whether sequences that lie end to end in one row can be kept apart, as in training."""

    def rate(self, asked: Sequence[tuple[Tokens, Sequence[Tokens]]]) -> list[dict[Tokens, Rated]]:
        """For each prompt, which has a token at least, what its options are rated."""

    def write(self, asked: Sequence[tuple[Tokens, Writer]]) -> Iterator[None]:
        """Have writers go on from their prompts; a step of the iterator is a token more of each."""

    def shrink(self) -> bool:
        """Take less through the network at once from now on; False where it is the least already."""

    def forget(self) -> None:
        """Drop all that is kept of prompts, as when the weights change."""


def exact(network: Any, ways: Sequence[Callable[[], Passes]]) -> Passes:
    """The first of the ways that gives the numbers of plain passes; the last one if none does.

    Args:
        network: left as it was by ways that do not suit it.
        ways: the fastest first. One raises anything where it cannot be done.
    """
    *faster, last = ways
    expected = _plainly(network)
    usual = network.config._attn_implementation
    for way in faster:
        try:
            passes = way()
            if _agrees(passes, expected, network.dtype):
                passes.forget()
                return passes
        except Exception as error:  # a family may trip anywhere, in code that is not ours
            if (lacking := NoMemoryError.of(error)) is not None:
                raise lacking from error
        network.set_attn_implementation(usual)
    return last()


_PROMPT, _MORE = (3, 5, 7, 11, 5), (13, 3)
_OPTIONS = ((7, 5, 3), (7, 11), (13,))


def _agrees(passes: Passes, expected: Sequence[float], dtype: torch.dtype) -> bool:
    """Whether a prompt, and then one that continues it, have their options rated as by plain passes."""
    with torch.inference_mode():
        found = [passes.rate([(prompt, _OPTIONS)])[0] for prompt in (_PROMPT, _PROMPT + _MORE)]
    rated = [each[option][0] for each in found for option in _OPTIONS]
    apart = max(abs(one - other) for one, other in zip(rated, expected, strict=True))
    return apart < (1e-3 if dtype == torch.float32 else 0.3)


def _plainly(network: Any) -> list[float]:
    """What the options of the trial are rated by a pass that shares nothing, each behind a prompt of its own."""
    pairs = [(prompt, option) for prompt in (_PROMPT, _PROMPT + _MORE) for option in _OPTIONS]
    length = max(len(prompt + option) for prompt, option in pairs)
    rows = [[*prompt, *option, *[0] * (length - len(prompt + option))] for prompt, option in pairs]
    with torch.inference_mode():
        logits = network(input_ids=torch.tensor(rows, device=network.device), use_cache=False).logits
    logprobs = logits.float().log_softmax(dim=-1).cpu()
    return [
        sum(row[len(prompt) - 1 + i, token].item() for i, token in enumerate(option))
        for row, (prompt, option) in zip(logprobs, pairs, strict=True)
    ]
