"""Scoring done plainly: a padded batch of full prompts. What `LocalModel.score` is measured against."""

from __future__ import annotations

from collections.abc import Sequence

import torch

from sandbox.llm.local import LocalModel
from sandbox.types import OptionScore


def score_plainly(model: LocalModel, prompt: str, options: Sequence[str]) -> list[OptionScore]:
    """The same numbers as `model.score`, with nothing shared between the options and nothing kept."""
    encoded = [model.encode(option) for option in options]
    head = model.fit(prompt, reserve=max(map(len, encoded), default=0))
    texts = [torch.tensor(head + option, device=model.device) for option in encoded]
    batch = torch.nn.utils.rnn.pad_sequence(texts, batch_first=True)
    lengths = torch.tensor([len(text) for text in texts], device=model.device)
    with torch.inference_mode():
        logits = model.network(
            input_ids=batch,
            attention_mask=(torch.arange(batch.shape[1], device=model.device) < lengths[:, None]).long(),
            use_cache=False,
        ).logits
        scores = []
        for row, option in zip(logits, encoded, strict=True):
            logprobs = row[len(head) - 1 : len(head) - 1 + len(option)].float().log_softmax(dim=-1)
            picked = logprobs.gather(1, torch.tensor(option, dtype=torch.long, device=model.device)[:, None])
            scores.append(OptionScore(picked.cpu().double().sum().item(), len(option)))
    return scores
