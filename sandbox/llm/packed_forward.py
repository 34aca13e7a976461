"""A packed forward pass: what is new of several prompts, each behind a key-value cache of its own.

The tokens of all prompts lie end to end in one row, [1, T]. Everything in a layer that treats tokens alone (norms,
projections, the feed-forward network) is then one product of matrices for all prompts; attention is computed
prompt by prompt, each over its own cache. So nothing is padded, and no prompt pays for the length of another.

Shapes: T tokens in all, t of one segment, c cached before it, H query heads of size d, K key-value heads.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
import transformers
from torch import Tensor
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from sandbox.llm.prefix import Cache

ATTENTION = "side-by-side"
"""Name of the attention in the registry of transformers."""


@dataclass(frozen=True, slots=True)
class PackedSegment:
    """The new tokens of one prompt."""

    tokens: Sequence[int]
    positions: Sequence[int]
    visible: Tensor
    """bool [tokens, cached + tokens]: what each token attends to."""
    cache: Cache
    """Of what is before; the pass makes it grow."""
    keep: int
    """Of how many of the last tokens the output is wanted."""


@dataclass(frozen=True, slots=True)
class Output:
    """What a pass gives for the kept tokens of one segment."""

    logits: Tensor
    """[kept, vocabulary], float32."""
    hidden: Tensor
    """[kept, width], the last hidden states."""


class _Caches:
    """The caches of all segments, as one: each takes its own part of the new keys and values.

    Stands where a layer of transformers expects its cache. What `update` returns goes to the attention as it is,
    so it may be a list, a tensor for each segment.
    """

    def __init__(self, segments: Sequence[PackedSegment]) -> None:
        self._segments = segments
        self._lengths = [len(segment.tokens) for segment in segments]

    def update(self, keys: Tensor, values: Tensor, layer: int, **_: Any) -> tuple[list[Tensor], list[Tensor]]:
        # keys, values: [1, K, T, d], of the new tokens alone; each cache gives back [1, K, c + t, d]
        split = (torch.split(each, self._lengths, dim=2) for each in (keys, values))
        grown = [
            s.cache.update(*part, layer) for s, part in zip(self._segments, zip(*split, strict=True), strict=True)
        ]
        return [key for key, _ in grown], [value for _, value in grown]


def side_by_side(
    module: Any,
    query: Tensor,
    key: Any,
    value: Any,
    attention_mask: Tensor | None,
    visible: Sequence[Tensor] | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Attention inside each segment; where `visible` is not given it is the usual one.

    Args:
        module: the layer that asks.
        query: [1, H, T, d].
        key: for each segment [1, K, c + t, d], as `_Caches.update` gives it.
        value: the same.
        attention_mask: of the usual attention.
        visible: for each segment, bool [1, 1, t, c + t].
        more: what else the layer passes on, such as the scale.

    Returns:
        [1, T, H, d], and no attention weights.
    """
    if visible is None:
        output: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **more)
        return output
    queries = torch.split(query, [mask.shape[2] for mask in visible], dim=2)
    attended = [
        sdpa_attention_forward(module, *part, **more)[0] for part in zip(queries, key, value, visible, strict=True)
    ]
    return torch.cat(attended, dim=1), None


def prepare(network: Any) -> None:
    """Have a network attend as `run` needs it."""
    transformers.AttentionInterface.register(ATTENTION, side_by_side)
    transformers.AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    network.set_attn_implementation(ATTENTION)


def run(network: Any, segments: Sequence[PackedSegment]) -> list[Output]:
    """Put segments through a network that was prepared, and into their caches."""
    # The output layer, the widest of all, runs on the rows that are wanted only: the last of each segment.
    kept: list[int] = []
    end = 0
    for segment in segments:
        end += len(segment.tokens)
        kept += range(end - segment.keep, end)
    masks = [segment.visible[None, None] for segment in segments]  # [1, 1, t, c + t] each: batch and heads
    output = network(
        input_ids=torch.tensor([[token for segment in segments for token in segment.tokens]]),
        position_ids=torch.tensor([[position for segment in segments for position in segment.positions]]),
        attention_mask=masks[0],  # a mask of four dimensions is left alone; the attention goes by `visible`
        visible=masks,
        cache=_Caches(segments),
        use_cache=True,
        output_hidden_states=True,
        logits_to_keep=torch.tensor(kept),
    )
    sizes = [segment.keep for segment in segments]
    logits = output.logits[0].float().split(sizes)
    hidden = output.hidden_states[-1][0, kept].float().split(sizes)
    return [Output(*each) for each in zip(logits, hidden, strict=True)]
