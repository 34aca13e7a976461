"""Transcripts as tokens, and as batches without padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from sandbox.llm.local import RESERVE
from sandbox.tune.examples import TranscriptExample


@dataclass(frozen=True, slots=True)
class Encoded:
    """Tokens that attend to each other."""

    tokens: tuple[int, ...]
    learned: tuple[int, ...]
    """Positions of the tokens that the loss is taken at, ascending; position 0 is never one."""

    def __len__(self) -> int:
        return len(self.tokens)


def encode(tokenizer: Any, transcript: TranscriptExample, window: int) -> list[Encoded]:
    """A transcript as the network reads it in play, one sequence unless it is longer than the window.

    Each segment is tokenised by itself, and where the prompt of a command does not fit, its beginning is dropped
    as `LocalModel.fit` drops it. What follows the last command of a sequence teaches nothing and is left out.
    """
    head = tuple(tokenizer("")["input_ids"])
    room = window - RESERVE - len(head)
    stride = room // 2
    tokens: list[int] = []
    spans: list[tuple[int, int, int]] = []
    for text, learned in transcript.segments:
        start = len(tokens)
        tokens += tokenizer(text, add_special_tokens=False)["input_ids"]
        if learned:
            dropped = -(-max(start - room, 0) // stride) * stride
            spans.append((dropped, start, len(tokens)))
    sequences = []
    for dropped, group in groupby(spans, key=lambda span: span[0]):
        own = list(group)
        positions = [len(head) + i - dropped for _, start, end in own for i in range(start, end)]
        sequences.append(
            Encoded((*head, *tokens[dropped : own[-1][2]]), tuple(i for i in positions if 0 < i < window))
        )
    return [sequence for sequence in sequences if sequence.learned]


def epoch(count: int, batch: int, *, seed: int, number: int) -> Iterator[list[int]]:
    """Indices in a random order that depends on seed and epoch alone, in batches; the last may be smaller."""
    order = np.random.default_rng((seed, number)).permutation(count).tolist()
    for start in range(0, count, batch):
        yield order[start : start + batch]


def pack(sequences: Iterable[Encoded], max_tokens: int) -> list[list[Encoded]]:
    """Groups of at most `max_tokens` tokens, or of one sequence: longest first, into the fullest with room."""
    groups: list[list[Encoded]] = []
    lengths: list[int] = []
    for sequence in sorted(sequences, key=len, reverse=True):
        fitting = [i for i, length in enumerate(lengths) if length + len(sequence) <= max_tokens]
        if fitting:
            best = max(fitting, key=lengths.__getitem__)
            groups[best].append(sequence)
            lengths[best] += len(sequence)
        else:
            groups.append([sequence])
            lengths.append(len(sequence))
    return groups


def learned_tokens(sequences: Sequence[Encoded]) -> int:
    """How many tokens the loss is taken at."""
    return sum(len(sequence.learned) for sequence in sequences)
