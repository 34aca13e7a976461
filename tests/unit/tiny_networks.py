"""Causal networks of many families, narrow and with random weights: built in milliseconds."""

from __future__ import annotations

from typing import Any

import torch
import transformers
from tokenizers import Tokenizer, decoders, models, pre_tokenizers

END = "<|endoftext|>"
ALPHABET = [END, *sorted(pre_tokenizers.ByteLevel.alphabet())]

_COMMON = {
    "vocab_size": len(ALPHABET),
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 0,
}
_USUAL = {**_COMMON, "intermediate_size": 64, "num_key_value_heads": 2, "max_position_embeddings": 512}
_HEADS = {**_USUAL, "head_dim": 8}

FAMILIES: dict[str, tuple[str, dict[str, Any]]] = {
    "Llama": ("LlamaConfig", _USUAL),
    "Qwen3": ("Qwen3Config", _HEADS),
    "Gemma 3": (
        "Gemma3TextConfig",
        {**_HEADS, "sliding_window": 8, "layer_types": ["sliding_attention", "full_attention"]},
    ),
    "Mistral, with a window": ("MistralConfig", {**_USUAL, "sliding_window": 8}),
    "Phi": ("PhiConfig", _USUAL),
    "OLMo 2": ("Olmo2Config", _USUAL),
    "Mixtral": ("MixtralConfig", {**_USUAL, "num_local_experts": 4}),
    "GPT-NeoX": ("GPTNeoXConfig", _USUAL),
    "GPT-2": (
        "GPT2Config",
        {**_COMMON, "n_positions": 512},
    ),
    "gpt-oss": (
        "GptOssConfig",
        {
            **_HEADS,
            "sliding_window": 8,
            "num_local_experts": 4,
            "num_experts_per_tok": 2,
            "rope_parameters": {"rope_type": "default", "rope_theta": 10000.0},
        },
    ),
    "Gemma 2": ("Gemma2Config", {**_HEADS, "sliding_window": 8}),
    "Falcon-H1": (
        "FalconH1Config",
        {
            **_HEADS,
            "mamba_d_ssm": 32,
            "mamba_n_heads": 4,
            "mamba_d_head": 8,
            "mamba_d_state": 16,
            "mamba_chunk_size": 8,
        },
    ),
    "LFM2": ("Lfm2Config", {**_USUAL, "layer_types": ["conv", "full_attention"]}),
    "Mamba 2": (
        "Mamba2Config",
        {**_COMMON, "state_size": 16, "head_dim": 8, "num_heads": 8, "n_groups": 1, "chunk_size": 8},
    ),
    "Mamba": ("MambaConfig", {**_COMMON, "state_size": 8}),
    "RWKV": ("RwkvConfig", {**_COMMON, "context_length": 512}),
}
"""The class of the configuration of each family, and its arguments."""


def byte_tokenizer() -> Any:
    """A tokenizer with a token for each byte."""
    tokenizer = Tokenizer(models.BPE({character: number for number, character in enumerate(ALPHABET)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    return transformers.PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=END, pad_token=END)


def tiny_network(family: str, *, seed: int = 0) -> Any:
    """A network of a family, with weights so large that what it attends to matters."""
    name, arguments = FAMILIES[family]
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = transformers.AutoModelForCausalLM.from_config(getattr(transformers, name)(**arguments)).eval()
        with torch.no_grad():
            for weight in network.parameters():
                if weight.ndim > 1:
                    weight.normal_(0, 0.2)
    return network
