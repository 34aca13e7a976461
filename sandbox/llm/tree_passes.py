"""A trie of tokens behind a kept prefix, in one pass: for networks whose layers are attention alone.

The prompt's key-value cache is kept between calls, and the options go behind it as one trie of tokens: siblings
share positions, and an attention mask lets each node see the prompt and its ancestors alone. The numbers are those
of scoring each option by itself. Tree attention is known from speculative decoding (SpecInfer, Miao et al. 2024).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import torch
import transformers
from torch import Tensor

from sandbox.llm import packed_forward, passes
from sandbox.llm.packed_forward import Output, PackedSegment
from sandbox.llm.passes import Rated
from sandbox.llm.prefix import Cache, PrefixCache, PrefixLimits
from sandbox.llm.streaming import tell
from sandbox.llm.trie import Tokens, Trie, common_length, tries
from sandbox.llm.writing import Writer

_LEAST_NODES = 8
_WORTH_A_PASS = 16
"""New tokens that prompts share from which on they are read before the rest."""


class TreePasses:
    """See `Passes`.

    Args:
        network: changed, so that it attends as a packed pass needs it.
        kept: how much is kept of prompts.

    Raises:
        ValueError: not all layers are attention whose windows can be masked.
    """

    packs = True

    def __init__(self, network: Any, kept: PrefixLimits) -> None:
        packed_forward.prepare(network)
        self.encoded = 0
        self._network = network
        self._device = network.device
        self._prefixes = PrefixCache(kept)
        self._share = 1

    def rate(self, asked: Sequence[tuple[Tokens, Sequence[Tokens]]]) -> list[dict[Tokens, Rated]]:
        found: list[dict[Tokens, Rated]] = [{} for _ in asked]
        nodes = self._nodes
        work = [(i, trie) for i, (_, options) in enumerate(asked) for trie in tries(options, nodes)]
        for together in _groups(work, nodes):
            tell(())
            advanced = self._advance([(asked[i][0], trie) for i, trie in together])
            for (i, trie), (output, _) in zip(together, advanced, strict=True):
                last = output.hidden[[rows[-1] if rows else 0 for rows in trie.rows]]
                logprobs = _option_logprobs(output.logits, trie)
                found[i].update(zip(trie.options, zip(logprobs, last, strict=True), strict=True))
        return found

    def write(self, asked: Sequence[tuple[Tokens, Writer]]) -> Iterator[None]:
        """Write token by token; the continuations of one prompt hang from it as branches of a tree."""
        if not asked:
            return
        root = Trie.build(())
        advanced = self._advance([(prompt, root) for prompt, _ in asked])
        trees = []
        for (prompt, writer), (output, cache) in zip(asked, advanced, strict=True):
            writer.write(output.logits)
            trees.append(_Branching(writer, len(prompt), cache, self._device))
        yield
        while live := [tree for tree in trees if not tree.writer.done]:
            outputs = self._forward([tree.segment() for tree in live])
            for tree, output in zip(live, outputs, strict=True):
                tree.writer.write(output.logits)
            yield

    def shrink(self) -> bool:
        smaller = self._nodes > _LEAST_NODES
        self._share *= 2 if smaller else 1
        return smaller

    def forget(self) -> None:
        self._prefixes.clear()

    @property
    def _nodes(self) -> int:
        return max(passes.NODES_PER_PASS // self._share, _LEAST_NODES)

    def _advance(self, asked: Sequence[tuple[Tokens, Trie]]) -> list[tuple[Output, Cache]]:
        """One pass over what is new of each prompt and the trie behind it.

        Returns the output for each trie's rows, and the cache of prompt and trie. The prompts' own parts stay
        among the kept prefixes.
        """
        self._read_shared([prompt for prompt, _ in asked])
        segments = [self._segment(prompt, trie) for prompt, trie in asked]
        outputs = self._forward(segments)
        for (prompt, trie), segment in zip(asked, segments, strict=True):
            self._prefixes.keep(prompt, segment.cache, len(prompt) + len(trie))
        return [(output, segment.cache) for output, segment in zip(outputs, segments, strict=True)]

    def _read_shared(self, prompts: Sequence[Tokens]) -> None:
        """Read by itself what several prompts begin with, where it is new: games of one world have one opening."""
        for one, other in pairwise(sorted(prompts)):  # neighbours have most in common
            shared = one[: common_length(one, other)]
            if len(shared) - self._prefixes.longest(shared)[0] >= _WORTH_A_PASS:
                self._advance([(shared, Trie.build(()))])

    def _segment(self, prompt: Tokens, trie: Trie) -> PackedSegment:
        """What has to go through the network for a prompt and a trie.

        Two kinds of rows, the new tokens of the prompt and then the nodes of the trie, over two kinds of columns,
        the prompt (known and new) and then the nodes:

            new tokens   see the prompt up to themselves           and no node
            nodes        see the whole prompt                      and their own ancestors

        A node's position is what it would be if its option alone followed the prompt, so that siblings share one.
        """
        known, cache = self._prefixes.longest(prompt)
        new, nodes, length, device = len(prompt) - known, len(trie), len(prompt), self._device
        visible = torch.zeros(new + nodes, length + nodes, dtype=torch.bool, device=device)
        visible[:new, :length] = torch.ones(new, length, dtype=torch.bool, device=device).tril(diagonal=known)
        visible[new:, :length] = True
        visible[new:, length:] = torch.tensor(trie.ancestry(), device=device)
        places = [*range(length), *(length - 1 + depth for depth in trie.depths)]
        cache = transformers.DynamicCache() if cache is None else cache
        return PackedSegment([*prompt[known:], *trie.tokens], places, visible, cache, keep=1 + nodes)

    def _forward(self, segments: Sequence[PackedSegment]) -> list[Output]:
        self.encoded += sum(len(segment.tokens) for segment in segments)
        return packed_forward.run(self._network, segments)


class _Branching:
    """A writer whose branches share one cache.

    After the prompt, the cache holds their tokens in the order in which they were written, a row of live branches
    at a time; each branch sees the prompt and its own tokens.
    """

    def __init__(self, writer: Writer, prompt: int, cache: Cache, device: torch.device) -> None:
        self.writer = writer
        self._prompt = prompt
        self._cache = cache
        self._device = device
        self._owners: list[int] = []
        self._depths: list[int] = []

    def segment(self) -> PackedSegment:
        """The last token of each branch that goes on."""
        live = self.writer.live
        self._owners += live
        self._depths += [self.writer.written] * len(live)
        # [live, written so far by all]; with the prompt before it, [live, cached + live]
        own = torch.tensor(live, device=self._device)[:, None] == torch.tensor(self._owners, device=self._device)
        before = torch.ones(len(live), self._prompt, dtype=torch.bool, device=self._device)
        places = [*range(self._prompt), *(self._prompt - 1 + depth for depth in self._depths)]
        return PackedSegment(
            self.writer.last, places, torch.cat([before, own], dim=1), self._cache, keep=len(live)
        )


def _groups(work: Sequence[tuple[int, Trie]], nodes: int) -> Iterator[list[tuple[int, Trie]]]:
    """Tries that go through the network together: at most `nodes` in all, and one of each prompt.

    The tries of one prompt go one after the other, so that the second finds the prompt in the cache.
    """
    waiting = list(work)
    while waiting:
        together: list[tuple[int, Trie]] = []
        for each in list(waiting):
            taken = {i for i, _ in together}
            if not together or (
                each[0] not in taken and sum(len(trie) for _, trie in together) + len(each[1]) <= nodes
            ):
                together.append(each)
                waiting.remove(each)
        yield together


def _option_logprobs(logits: Tensor, trie: Trie) -> list[float]:
    """The summed log-probability of each option of a trie.

    Args:
        logits: [1 + nodes, vocabulary]: row 0 is the last token of the prompt, row i + 1 is node i.
        trie: says at which row each token of each option is predicted.
    """
    rows = torch.tensor([row for rows in trie.rows for row in rows], dtype=torch.long, device=logits.device)
    tokens = [token for option in trie.options for token in option]
    columns = torch.tensor(tokens, dtype=torch.long, device=logits.device)
    # rows, columns: [tokens of all options], end to end. Sums are taken in double precision, so that the score of
    # an option does not depend on which others it is scored with.
    logprobs = logits.log_softmax(dim=-1)[rows, columns].cpu().double()
    parts = torch.split(logprobs, [len(option) for option in trie.options])
    return [part.sum().item() for part in parts]
