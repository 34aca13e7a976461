"""The network in training: attention over packed sequences, and the loss where there is something to learn.

Three things save most of the time against a padded batch. Sequences of different lengths lie end to end, so no
padding is computed; each attends to itself alone, so packing costs nothing quadratic. The vocabulary is large and
commands are few: the output layer runs on their tokens only.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
import transformers
from torch import Tensor
from torch.nn import functional

from sandbox.tune.packing import Encoded

PACKED = "packed"
"""Name of the attention in the registry of transformers."""


def packed_attention(
    module: Any,
    query: Tensor,
    key: Tensor,
    value: Tensor,
    attention_mask: Tensor | None,
    *,
    scaling: float | None = None,
    lengths: Sequence[int] | None = None,
    **_: Any,
) -> tuple[Tensor, None]:
    """Causal attention inside each of the sequences that lie end to end; `[1, heads, tokens, size]` each.

    Args:
        module: the layer that asks.
        query: of all sequences.
        key: with a whole fraction of the query's heads.
        value: as the key.
        attention_mask: not needed, None.
        scaling: of the scores; by default that of the head's size.
        lengths: of the sequences, in order; None takes all as one.
    """
    repeats = query.shape[1] // key.shape[1]
    key, value = key.repeat_interleave(repeats, dim=1), value.repeat_interleave(repeats, dim=1)
    parts = list(lengths or [query.shape[2]])
    own = (torch.split(each, parts, dim=2) for each in (query, key, value))
    attended = [
        functional.scaled_dot_product_attention(q, k, v, is_causal=True, scale=scaling)
        for q, k, v in zip(*own, strict=True)
    ]
    return torch.cat(attended, dim=2).transpose(1, 2).contiguous(), None


def use_packed_attention(network: Any) -> None:
    """Have the network attend inside packed sequences from now on; `lengths` says where they end."""
    transformers.AttentionInterface.register(PACKED, packed_attention)
    transformers.AttentionMaskInterface.register(PACKED, lambda *_, **__: None)
    network.set_attn_implementation(PACKED)


def token_losses(network: Any, sequences: Sequence[Encoded]) -> Tensor:
    """Cross-entropy of each learned token of each sequence in order, `[learned]`, in nats.

    The sequences go through the network end to end, in one pass.
    """
    lengths = [len(sequence) - 1 for sequence in sequences]  # the last token predicts nothing
    tokens = [token for sequence in sequences for token in sequence.tokens[:-1]]
    positions = [position for length in lengths for position in range(length)]
    rows, targets, start = list[int](), list[int](), 0
    for sequence, length in zip(sequences, lengths, strict=True):
        rows += [start + position - 1 for position in sequence.learned]
        targets += [sequence.tokens[position] for position in sequence.learned]
        start += length
    causal = network.get_base_model() if hasattr(network, "get_base_model") else network
    hidden = causal.base_model(
        input_ids=torch.tensor([tokens]),
        position_ids=torch.tensor([positions]),
        use_cache=False,
        lengths=lengths,
    ).last_hidden_state
    logits = causal.get_output_embeddings()(hidden[0, rows])
    return functional.cross_entropy(logits.float(), torch.tensor(targets), reduction="none")
