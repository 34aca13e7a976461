"""Tiny models with chat templates as instruct models have them, over the tokenizer of the default model."""

from __future__ import annotations

import copy
from typing import Final

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from sandbox.llm.local import LocalModel

CHATML: Final = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
{{ message.content }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

GEMMA: Final = """\
{{ bos_token }}{%- if messages[0].role == 'system' %}{{ raise_exception('no system') }}{% endif %}
{%- for message in messages %}
{%- if (message.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('not in turn') }}{% endif %}
{{- '<start_of_turn>' + ('model' if message.role == 'assistant' else message.role) + '\n' }}
{{- message.content | trim + '<end_of_turn>\n' }}
{%- endfor %}{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"""

QWEN: Final = """\
{%- for message in messages %}<|im_start|>{{ message.role }}
{% if message.role == 'assistant' and loop.last %}<think>

</think>

{% endif %}{{ message.content.split('</think>')[-1] }}<|im_end|>
{% endfor %}{% if add_generation_prompt %}<|im_start|>assistant
{% if enable_thinking is defined and not enable_thinking %}<think>

</think>

{% endif %}{% endif %}"""

ALWAYS: Final = CHATML.replace("assistant\n", "assistant\n<think>\n")
"""Of a model that always thinks."""


def tiny_chat(local_model: LocalModel, template: str | None, *, window: int = 2048, seed: int = 0) -> LocalModel:
    """A random model with a chat template, and the tokens that the template writes."""
    tokenizer = copy.deepcopy(local_model.tokenizer)
    tokenizer.add_special_tokens({"additional_special_tokens": ["<start_of_turn>", "<end_of_turn>"]})
    tokenizer.add_tokens(["<think>", "</think>"])
    tokenizer.chat_template = template
    config = LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=16,
        intermediate_size=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=window,
        eos_token_id=tokenizer.eos_token_id,
    )
    torch.manual_seed(seed)
    return LocalModel(LlamaForCausalLM(config).eval(), tokenizer, name="tiny@base", window=window)
