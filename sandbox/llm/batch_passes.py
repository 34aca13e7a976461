"""Options in batches behind a copied cache: for any causal network, whatever its layers keep of what they read.

A recurrent layer has one state after a prompt, and a sliding one forgets: neither can be cut back, nor read a
tree. So each option is a row of a batch, and each row has a copy of what the network knew before the last token of
the prompt. Rows are padded on the right, where a causal network does not look.
"""

from __future__ import annotations

import copy
from collections.abc import Iterator, Sequence
from itertools import zip_longest
from typing import Any, Literal

import torch
import transformers
from torch import Tensor

from sandbox.llm import passes
from sandbox.llm.passes import Rated
from sandbox.llm.prefix import Cache, PrefixCache, PrefixLimits
from sandbox.llm.streaming import tell
from sandbox.llm.trie import Tokens
from sandbox.llm.writing import Writer

GoesOn = Literal["by blocks", "by tokens", "never"]


class BatchPasses:
    """See `Passes`.

    Args:
        network: in evaluation mode.
        kept: how much is kept of prompts.
        goes_on: how the network goes on from a cache: by any number of tokens, by one at a time, or not at all, so
            that each row is a whole prompt.
    """

    packs = False

    def __init__(self, network: Any, kept: PrefixLimits, goes_on: GoesOn) -> None:
        self.encoded = 0
        self._network = network
        self._goes_on = goes_on
        self._prefixes = PrefixCache(kept, crops=False)
        self._share = 1

    def rate(self, asked: Sequence[tuple[Tokens, Sequence[Tokens]]]) -> list[dict[Tokens, Rated]]:
        return [self._rate(prompt, options) for prompt, options in asked]

    def _rate(self, prompt: Tokens, options: Sequence[Tokens]) -> dict[Tokens, Rated]:
        # The last token of an option is only predicted, so its row begins with the last token of the prompt.
        rows = _longest([(*prompt[-1:], *option[:-1]) for option in options])
        cache = self._before(prompt)
        found: dict[Tokens, Rated] = {}
        for group in self._groups(rows):
            tell(())
            logits, hidden = self._pass(prompt, group, self._copied(cache, len(group)))
            for i, row in enumerate(group):
                own = {o for o in options if (*prompt[-1:], *o[:-1]) == row[: max(len(o), 1)]} - found.keys()
                for option in own:
                    logprobs = logits[i, : len(option)].log_softmax(dim=-1)
                    picked = logprobs.gather(1, torch.tensor(option, device=logits.device)[:, None])
                    found[option] = (picked.cpu().double().sum().item(), hidden[i, max(len(option), 1) - 1])
        return found

    def write(self, asked: Sequence[tuple[Tokens, Writer]]) -> Iterator[None]:
        """Write token by token; each branch is a row of its writer's batch."""
        batches = [_Batch(prompt, writer, self._before(prompt)) for prompt, writer in asked]
        for batch in batches:
            logits, _ = self._pass(batch.prompt, [batch.prompt[-1:]], batch.cache)
            batch.write(logits[:, -1], [0] * len(batch.writer.live))
        while any(batches):
            yield
            for batch in filter(None, batches):
                rows: list[Tokens] = [(token,) for token in batch.writer.last]
                if self._goes_on == "never":
                    rows = [(*batch.prompt[-1:], *tokens) for tokens in batch.writer.tokens]
                logits, _ = self._pass(batch.prompt, rows, batch.cache)
                batch.write(logits[:, -1], range(len(rows)))

    def shrink(self) -> bool:
        smaller = self._share < passes.NODES_PER_PASS
        self._share *= 2 if smaller else 1
        return smaller

    def forget(self) -> None:
        self._prefixes.clear()

    def _before(self, prompt: Tokens) -> Cache:
        """A cache of all of the prompt but its last token; None where the network keeps none."""
        head = prompt[:-1]
        if self._goes_on == "never":
            return None
        known, cache = self._prefixes.longest(prompt)
        if cache is None:
            cache = transformers.DynamicCache(config=self._network.config)
        if known < len(head):
            self._pass(prompt, [head[known:]], cache, begun=known > 0)
            self._prefixes.keep(head, cache, len(head))
        return cache

    def _pass(
        self, prompt: Tokens, rows: Sequence[Tokens], cache: Cache, *, begun: bool | None = None
    ) -> tuple[Tensor, Tensor]:
        """The outputs for rows of tokens: logits [rows, longest row, vocabulary], and hidden states.

        What is right of the end of a row is nothing.

        Args:
            prompt: what the rows are behind, but for its last token.
            rows: tokens.
            cache: of the prompt; reads the rows. None where none is kept.
            begun: whether anything is in the cache.
        """
        length = max(map(len, rows))
        before = prompt[:-1] if cache is None else ()
        tokens = torch.tensor(
            [[*before, *row, *[row[-1]] * (length - len(row))] for row in rows], device=self._network.device
        )
        self.encoded += tokens.numel()
        begun = len(prompt) > 1 if begun is None else begun
        by_one = begun and self._goes_on == "by tokens"
        outputs = [
            self._network(
                input_ids=part,
                use_cache=cache is not None,
                output_hidden_states=True,
                logits_to_keep=min(length, part.shape[1]),
                **({} if cache is None else {"cache": cache}),
            )
            for part in (torch.split(tokens, 1, dim=1) if by_one else [tokens])
        ]
        logits = torch.cat([output.logits[:, -length:] for output in outputs], dim=1)
        hidden = torch.cat([output.hidden_states[-1][:, -length:] for output in outputs], dim=1)
        return logits.float(), hidden.float()

    def _copied(self, cache: Cache, times: int) -> Cache:
        """A cache of so many rows, each the one of the cache given, which stays as it is."""
        twin = copy.deepcopy(cache)
        if twin is not None:
            twin.reorder_cache(torch.zeros(times, dtype=torch.long, device=self._network.device))
        return twin

    def _groups(self, rows: Sequence[Tokens]) -> Iterator[list[Tokens]]:
        """Rows of like length that go through the network together."""
        room = max(passes.NODES_PER_PASS // self._share, 1)
        group: list[Tokens] = []
        for row in sorted(rows, key=len):
            if group and (len(group) + 1) * len(row) > room:
                yield group
                group = []
            group.append(row)
        if group:
            yield group


class _Batch:
    """A writer, and the cache in which each of its live branches has a row. True while it writes."""

    def __init__(self, prompt: Tokens, writer: Writer, cache: Cache) -> None:
        self.prompt = prompt
        self.writer = writer
        self.cache = cache

    def __bool__(self) -> bool:
        return not self.writer.done

    def write(self, logits: Tensor, rows: Sequence[int]) -> None:
        """A token more of each live branch, from the row of the logits, and of the cache, that is its own."""
        live = self.writer.live
        self.writer.write(logits[list(rows)])
        kept = [row for branch, row in zip(live, rows, strict=True) if branch in self.writer.live]
        if self.cache is not None and kept != list(range(len(logits))):
            self.cache.reorder_cache(torch.tensor(kept, dtype=torch.long, device=logits.device))


def _longest(rows: Sequence[Tokens]) -> list[Tokens]:
    """The rows that no other continues, each once."""
    ordered = sorted(set(rows))
    return [row for row, after in zip_longest(ordered, ordered[1:]) if after is None or after[: len(row)] != row]
