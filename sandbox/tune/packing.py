"""Transcripts as tokens, and as batches without padding."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import Any

import numpy as np

from sandbox.llm import chatml
from sandbox.llm.local import RESERVE
from sandbox.llm.template import ChatTemplate
from sandbox.tune.examples import TranscriptExample

Span = tuple[int, int]


@dataclass(frozen=True, slots=True)
class Encoded:
    """Tokens that attend to each other."""

    tokens: tuple[int, ...]
    learned: tuple[int, ...]
    """Positions of the tokens that the loss is taken at, ascending; position 0 is never one."""
    asides: tuple[Span, ...] = ()
    """Stretches of tokens that nothing after them sees."""
    weights: tuple[float, ...] = ()
    """How much the loss at each learned token counts; empty where all count the same."""

    def __len__(self) -> int:
        return len(self.tokens)

    @property
    def rows(self) -> list[int]:
        """For each learned token the position of the one before it, asides in between passed over."""
        before = {end: start for start, end in self.asides}
        return [_over(position, before) - 1 for position in self.learned]

    @property
    def places(self) -> list[int]:
        """The position of each token in the text that it reads, in which no earlier aside counts."""
        places, taken, before = list[int](), 0, {end: start for start, end in self.asides}
        for position in range(len(self.tokens)):
            if position in before:
                taken += position - before[position]
            places.append(position - taken)
        return places


def branches(trunk: Sequence[int], continuations: Sequence[Sequence[int]]) -> Encoded:
    """A text with several continuations, of which none sees another. All of their tokens are learned, in order.

    So the text goes through the network once, however many continuations it has.
    """
    tokens, asides = list(trunk), list[Span]()
    for each in continuations:
        if each:
            asides.append((len(tokens), len(tokens) + len(each)))
        tokens += each
    return Encoded(tuple(tokens), tuple(range(len(trunk), len(tokens))), tuple(asides))


def _over(position: int, before: Mapping[int, int]) -> int:
    """A position, or where the asides begin that end there."""
    while position in before:
        position = before[position]
    return position


def encode(tokenizer: Any, transcript: TranscriptExample, window: int, emphasis: float = 1.0) -> list[Encoded]:
    """A transcript as the network reads it in play, one sequence unless it is longer than the window.

    Each segment is tokenised by itself, and where the prompt of a command does not fit, its beginning is dropped
    as `LocalModel.fit` drops it. What follows the last command of a sequence teaches nothing and is left out. In a
    transcript with asides nothing is dropped: it ends where the window is full.
    """
    head = tuple(tokenizer("")["input_ids"])
    room = window - RESERVE - len(head)
    stride = room // 2
    tokens: list[int] = []
    spans: list[tuple[int, int, int]] = []
    if chatml.is_chat(transcript.segments[0].text):
        return list(_conversation(tokenizer, transcript, head, room))
    if any(segment.aside for segment in transcript.segments):
        return _with_asides(tokenizer, transcript, head, room, emphasis)
    for text, learned, _ in transcript.segments:
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


def _conversation(
    tokenizer: Any, transcript: TranscriptExample, head: tuple[int, ...], room: int
) -> Iterator[Encoded]:
    """A transcript in chat form, by the model's own template.

    It is one sequence as long as it fits and each prompt begins with the one before. Where a template writes a
    prompt in another way than what has become of it later, each command is a sequence of its own.
    """
    template = ChatTemplate(tokenizer)
    told, text, tokens, learned = "", "", list[int](), list[int]()

    def encoded(part: str) -> list[int]:
        found: list[int] = tokenizer(part, add_special_tokens=False)["input_ids"]
        return found

    for segment in transcript.segments:
        told += segment.text
        if not chatml.awaits_reply(told):
            found = encoded(reply := template.reply(segment.text))
            text += reply
            learned += range(len(tokens), len(tokens) + len(found)) if segment.learned else ()
            tokens += found
            continue
        whole = template.rendered(told)
        more = encoded(whole.removeprefix(text))
        if whole.startswith(text) and tokens and len(tokens) + len(more) <= room + len(head):
            tokens += more
        else:
            if learned:
                yield Encoded(tuple(tokens[: learned[-1] + 1]), tuple(learned))
            tokens, learned = fitted(encoded(whole), head, room), []
        text = whole
    if learned:
        yield Encoded(tuple(tokens[: learned[-1] + 1]), tuple(learned))


def fitted(tokens: list[int], head: tuple[int, ...], room: int) -> list[int]:
    """A prompt's tokens behind the head, as `LocalModel.fit` has them."""
    own = tokens[len(head) :] if head and tuple(tokens[: len(head)]) == head else tokens
    dropped = -(-max(len(own) - room, 0) // (room // 2)) * (room // 2)
    return [*head, *own[dropped:]]


def _with_asides(
    tokenizer: Any, transcript: TranscriptExample, head: tuple[int, ...], room: int, emphasis: float
) -> list[Encoded]:
    tokens, learned, asides = list(head), dict[int, float](), list[Span]()
    for aside, group in groupby(transcript.segments, key=lambda segment: segment.aside):
        start = len(tokens)
        for segment in group:
            found = tokenizer(segment.text, add_special_tokens=False)["input_ids"]
            if segment.learned:
                # An option begins with its blank, what is said does not.
                weight = emphasis if segment.text.startswith(" ") else 1.0
                learned |= dict.fromkeys(range(len(tokens), len(tokens) + len(found)), weight)
            tokens += found
        if aside:
            asides.append((start, len(tokens)))
        if len(tokens) > room:
            break
    last = max(learned, default=0) + 1
    kept = tuple(span for span in asides if span[1] <= last)
    if not learned:
        return []
    return [Encoded(tuple(tokens[:last]), tuple(learned), kept, tuple(learned.values()))]


def apart(sequence: Encoded) -> Iterator[Encoded]:
    """The same without asides, for a network that cannot pass them over: each of them after what it is said to.

    First what is left without them, then each aside behind what was before it.
    """
    kept = [i for i in range(len(sequence)) if not any(start <= i < end for start, end in sequence.asides)]
    yield from _part(sequence, kept)
    for start, end in sequence.asides:
        yield from _part(sequence, [*(i for i in kept if i < start), *range(start, end)], since=start)


def _part(sequence: Encoded, kept: Sequence[int], since: int = 0) -> Iterator[Encoded]:
    """The tokens at these positions, where any from `since` on is learned."""
    weights = dict(zip(sequence.learned, sequence.weights or [1.0] * len(sequence.learned), strict=True))
    learned = {new: weights[old] for new, old in enumerate(kept) if old in weights and old >= since}
    if learned:
        tokens = tuple(sequence.tokens[i] for i in kept[: max(learned) + 1])
        given = tuple(learned.values()) if sequence.weights else ()
        yield Encoded(tokens, tuple(learned), (), given)


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


def learned_weight(sequences: Sequence[Encoded]) -> float:
    """How many tokens the loss is taken at, each by its weight."""
    return sum(sum(sequence.weights) if sequence.weights else len(sequence.learned) for sequence in sequences)
