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
from transformers.cache_utils import get_layer_types_and_kwargs
from transformers.integrations.sdpa_attention import sdpa_attention_forward
from transformers.masking_utils import sdpa_mask

from sandbox.llm.prefix import Cache

ATTENTION = "side-by-side"
"""Name of the attention in the registry of transformers."""


@dataclass(frozen=True, slots=True)
class PackedSegment:
    """The new tokens of one prompt."""

    tokens: Sequence[int]
    places: Sequence[int]
    """The position of every column, [cached + tokens]; the last are those of the tokens."""
    visible: Tensor
    """bool [tokens, cached + tokens]: what each token attends to, where nothing bounds how far it looks back."""
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


class _Masks:
    """What the tokens of each segment attend to, by how many tokens a layer looks back."""

    def __init__(self, segments: Sequence[PackedSegment], device: torch.device) -> None:
        self._places = [torch.tensor(segment.places, device=device) for segment in segments]
        self._visible = [segment.visible[None, None] for segment in segments]
        self._known: dict[int, list[Tensor]] = {}
        self.asked: list[int | None] = []
        """The window of each layer, in the order in which they asked."""

    def within(self, window: int | None) -> list[Tensor]:
        """For each segment bool [1, 1, t, c + t]; a window counts the token itself."""
        self.asked.append(window)
        if window is None:
            return self._visible
        if window not in self._known:
            self._known[window] = [
                mask & (places[-mask.shape[2] :, None] - places[None, :] < window)
                for mask, places in zip(self._visible, self._places, strict=True)
            ]
        return self._known[window]


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
    visible: _Masks | None = None,
    sliding_window: int | None = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Attention inside each segment; where `visible` is not given it is the usual one.

    Args:
        module: the layer that asks.
        query: [1, H, T, d].
        key: for each segment [1, K, c + t, d], as `_Caches.update` gives it.
        value: the same.
        attention_mask: of the usual attention.
        visible: the masks of all segments.
        sliding_window: how many tokens the layer looks back; None for all.
        more: what else the layer passes on, such as the scale.

    Returns:
        [1, T, H, d], and no attention weights.
    """
    if visible is None:
        output: tuple[Tensor, None] = sdpa_attention_forward(module, query, key, value, attention_mask, **more)
        return output
    masks = visible.within(sliding_window)
    queries = torch.split(query, [mask.shape[2] for mask in masks], dim=2)
    attended = [
        sdpa_attention_forward(module, *part, **more)[0] for part in zip(queries, key, value, masks, strict=True)
    ]
    return torch.cat(attended, dim=1), None


def prepare(network: Any) -> None:
    """Have a network attend as `run` needs it.

    Raises `ValueError` where not all of its layers are attention whose windows the masks know of.
    """
    transformers.AttentionInterface.register(ATTENTION, side_by_side)
    transformers.AttentionMaskInterface.register(ATTENTION, sdpa_mask)
    windows = _windows(network.config.get_text_config())
    network.set_attn_implementation(ATTENTION)
    visible = torch.ones(1, 1, dtype=torch.bool, device=network.device)
    masks = _Masks([PackedSegment([0], [0], visible, transformers.DynamicCache(), keep=1)], network.device)
    with torch.inference_mode():
        _pass(network, [PackedSegment([0], [0], visible, transformers.DynamicCache(), keep=1)], masks)
    if masks.asked != windows:
        raise ValueError("its layers do not say how far they look back")


def _windows(config: Any) -> list[int | None]:
    """How many tokens each layer looks back, as the configuration says. Raises `ValueError` for other layers."""
    kinds, about = get_layer_types_and_kwargs(config)
    if not set(kinds) <= {"full_attention", "sliding_attention"}:
        raise ValueError(f"its layers are not plain attention: {', '.join(sorted(set(kinds)))}")
    return [each.get("sliding_window") for each in about]


def run(network: Any, segments: Sequence[PackedSegment]) -> list[Output]:
    """Put segments through a network that was prepared, and into their caches."""
    return _pass(network, segments, _Masks(segments, network.device))


def _pass(network: Any, segments: Sequence[PackedSegment], masks: _Masks) -> list[Output]:
    # The output layer, the widest of all, runs on the rows that are wanted only: the last of each segment.
    kept: list[int] = []
    end, device = 0, network.device
    for segment in segments:
        end += len(segment.tokens)
        kept += range(end - segment.keep, end)
    positions = [place for segment in segments for place in segment.places[-len(segment.tokens) :]]
    output = network(
        input_ids=torch.tensor([[token for segment in segments for token in segment.tokens]], device=device),
        position_ids=torch.tensor([positions], device=device),
        attention_mask=segments[0].visible[None, None],  # one of four dimensions is left alone, and not looked at
        visible=masks,
        cache=_Caches(segments),
        use_cache=True,
        output_hidden_states=True,
        logits_to_keep=torch.tensor(kept, device=device),
    )
    sizes = [segment.keep for segment in segments]
    logits = output.logits[0].float().split(sizes)
    hidden = output.hidden_states[-1][0, kept].float().split(sizes)
    return [Output(*each) for each in zip(logits, hidden, strict=True)]
