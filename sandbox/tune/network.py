"""The network in training: attention over packed sequences, and the loss where there is something to learn.

Three things save most of the time against a padded batch. Sequences of different lengths lie end to end, so no
padding is computed; each attends to itself alone, so packing costs nothing quadratic. The vocabulary is large and
commands are few: the output layer runs on their tokens only. A network that has other layers than attention reads
one sequence after the other.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.nn import functional

from sandbox.llm import device
from sandbox.llm.packed_forward import side_by_side
from sandbox.tune import packing
from sandbox.tune.packing import Encoded, Span

PACKED = "packed"
"""Name of the attention in the registry of transformers."""

_LONG = 1024
"""Tokens from which on the scores of a sequence take more memory than the time they save is worth."""


def packed_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    lengths: Sequence[int] | None = None,
    asides: Sequence[Sequence[Span]] | None = None,
    places: Sequence[Sequence[int]] | None = None,
    sliding_window: int | None = None,
    visible: Any = None,
    **more: Any,
) -> tuple[Tensor, None]:
    """Causal attention inside each of the sequences that lie end to end; `[1, heads, tokens, size]` each.

    Where the model plays, it is the attention of play.

    Args:
        module: the layer that asks.
        query: of all sequences.
        key: with a whole fraction of the query's heads.
        value: as the key.
        attention_mask: not needed, None.
        scaling: of the scores; by default that of the head's size.
        lengths: of the sequences, in order; None takes all as one.
        asides: for each sequence the spans that nothing after them sees.
        places: for each sequence the position of each token; by default the one that it has in the row.
        sliding_window: how many positions a token looks back, its own included; None for all.
        visible: as `packed_forward` gives it in play.
        more: what else the layer passes on.
    """
    if visible is not None:
        more |= {"scaling": scaling, "sliding_window": sliding_window}
        return side_by_side(module, query, key, value, attention_mask, visible, **more)
    repeats = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    scale = query.shape[-1] ** -0.5 if scaling is None else scaling
    parts = list(lengths or [query.shape[2]])
    own = (torch.split(each[0], parts, dim=1) for each in (query, key, value))
    aside = asides or [()] * len(parts)
    where = places or [range(part) for part in parts]
    attended = [
        _causal(q, k, v, scale, spans, at, sliding_window)
        for q, k, v, spans, at in zip(*own, aside, where, strict=True)
    ]
    return torch.cat(attended, dim=1).transpose(0, 1)[None].contiguous(), None


def _causal(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    scale: float,
    asides: Sequence[Span],
    places: Sequence[int],
    window: int | None,
) -> Tensor:
    """Causal attention inside one sequence; `[heads, tokens, size]` each. Asides are seen by themselves alone."""
    tokens = query.shape[1]
    at = torch.tensor(places, device=query.device) if window is not None and window < tokens else None
    plain = min(asides[0][0], tokens) if asides else tokens  # up to the first aside nothing is hidden
    if plain > _LONG and at is None:
        q, k, v = (each[None, :, :plain] for each in (query, key, value))  # fused for batches alone
        head = functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scale)[0]
    else:
        hidden = _later(query, 0, plain, (), at, window)
        head = _attended(query[:, :plain], key[:, :plain], value[:, :plain], scale, hidden)
    if plain == tokens:
        return head
    hidden = _later(query, plain, tokens, asides, at, window)
    return torch.cat([head, _attended(query[:, plain:], key, value, scale, hidden)], dim=1)


def _later(
    query: Tensor, first: int, tokens: int, asides: Sequence[Span], at: Tensor | None, window: int | None
) -> Tensor:
    """What is hidden from the tokens from the first on: -inf, and all else 0; `[tokens - first, tokens]`."""
    kind = query.device.type
    dtype = torch.get_autocast_dtype(kind) if torch.is_autocast_enabled(kind) else query.dtype
    hidden = torch.full((tokens - first, tokens), -torch.inf, dtype=dtype, device=query.device).triu(first + 1)
    for start, end in asides:
        hidden[end - first :, start:end] = -torch.inf
    if at is not None and window is not None:
        hidden.masked_fill_(at[first:tokens, None] - at[None, :tokens] >= window, -torch.inf)
    return hidden


def _attended(query: Tensor, key: Tensor, value: Tensor, scale: float, hidden: Tensor) -> Tensor:
    """Attention in the two matrix products of its definition.

    On a CPU and at these lengths, torch's fused kernel takes twice their time, most of it in the backward pass.
    """
    scores = torch.baddbmm(hidden.expand(len(query), -1, -1), query, key.transpose(1, 2), alpha=scale)
    return torch.bmm(torch.softmax(scores, dim=-1), value)


def use_packed_attention(network: Any) -> None:
    """Have the network attend inside packed sequences from now on; `lengths` says where they end."""
    transformers.AttentionInterface.register(PACKED, packed_attention)
    transformers.AttentionMaskInterface.register(PACKED, lambda *_, **__: None)
    network.set_attn_implementation(PACKED)


def token_losses(network: Any, sequences: Sequence[Encoded], room: int = 0) -> Tensor:
    """Cross-entropy of each learned token of each sequence in order, `[learned]`, in nats.

    With packed attention the sequences go through the network end to end, in one pass; else one after the other,
    and asides each by themselves, after all that is no aside. For more tokens than `room`, where that is given,
    what is computed is not kept for the way back, but computed again (Chen et al. 2016).
    """
    causal = _causal_model(network)
    if 0 < room < sum(map(len, sequences)) and not causal.is_activation_checkpointing:
        with _computed_twice(causal):
            return token_losses(network, sequences)
    if causal.config._attn_implementation == PACKED:
        return _losses(causal, sequences, packed=True)
    parts = [part for sequence in sequences for part in packing.apart(sequence)]
    return torch.cat([_losses(causal, [part], packed=False) for part in parts])


def divergence(network: Any, sequence: Encoded) -> Tensor:
    """KL divergence of a network from what it is without its adapter, mean over the learned tokens, in nats.

    Both are asked for the whole distribution of each token: where texts are few, to learn the tokens themselves
    would be to learn them by heart.
    """
    causal = _causal_model(network)
    packed = causal.config._attn_implementation == PACKED
    with torch.no_grad(), network.disable_adapter():
        before = _logits(causal, [sequence], packed=packed).log_softmax(dim=-1)
    after = _logits(causal, [sequence], packed=packed).log_softmax(dim=-1)  # [learned, vocabulary]
    return functional.kl_div(after, before, log_target=True, reduction="sum") / len(sequence.learned)


def _causal_model(network: Any) -> Any:
    return network.get_base_model() if hasattr(network, "get_base_model") else network


@contextmanager
def _computed_twice(causal: Any) -> Iterator[None]:
    """Keep no activations of what goes through the network while the block runs, if the family can do without."""
    with suppress(ValueError):
        causal.activation_checkpointing_enable({"use_reentrant": False})
    try:
        yield
    finally:
        if causal.is_activation_checkpointing:
            causal.activation_checkpointing_disable()


def in_half_precision(network: Any) -> Any:
    """A context in which matrices are multiplied in bfloat16, where there is a GPU that is faster so."""
    where = network.device
    wanted = where.type != "cpu" and device.multiplies_bfloat16(where)
    return torch.autocast(where.type, torch.bfloat16, enabled=wanted)


def _losses(causal: Any, sequences: Sequence[Encoded], *, packed: bool) -> Tensor:
    targets = [sequence.tokens[position] for sequence in sequences for position in sequence.learned]
    logits = _logits(causal, sequences, packed=packed)
    return functional.cross_entropy(logits, torch.tensor(targets, device=causal.device), reduction="none")


def _logits(causal: Any, sequences: Sequence[Encoded], *, packed: bool) -> Tensor:
    """What the network expects where something is learned, `[learned, vocabulary]`, float32."""
    lengths = [len(sequence) - 1 for sequence in sequences]  # the last token predicts nothing
    tokens = [token for sequence in sequences for token in sequence.tokens[:-1]]
    places = [sequence.places[:-1] for sequence in sequences]
    rows, start = list[int](), 0
    for sequence, length in zip(sequences, lengths, strict=True):
        rows += [start + row for row in sequence.rows]
        start += length
    place, more = causal.device, dict[str, Any]()
    if packed:
        more = {
            "position_ids": torch.tensor([[where for each in places for where in each]], device=place),
            "lengths": lengths,
            "asides": [sequence.asides for sequence in sequences],
            "places": places,
        }
    with _exact_output(causal):
        logits = causal(
            input_ids=torch.tensor([tokens], device=place),
            use_cache=False,
            logits_to_keep=torch.tensor(rows, device=place),
            **more,
        ).logits[0]
    return logits.float()  # type: ignore[no-any-return]


@contextmanager
def _exact_output(causal: Any) -> Iterator[None]:
    """Keep the output layer out of autocast: casting so large a matrix costs more than it saves on so few rows."""
    output = causal.get_output_embeddings()

    def forward(hidden: Tensor) -> Tensor:
        with torch.autocast(hidden.device.type, enabled=False):
            return functional.linear(hidden.to(output.weight.dtype), output.weight, output.bias)

    output.forward = forward
    try:
        yield
    finally:
        del output.forward
