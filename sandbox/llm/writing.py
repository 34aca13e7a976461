"""Sampling: several continuations of one prompt, written side by side, a token of each at a time."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from typing import NamedTuple

import torch
from torch import Tensor

from sandbox.llm.questions import Continue
from sandbox.types import Sample

Decode = Callable[[Sequence[int]], str]


class SampledTokens(NamedTuple):
    """A continuation, up to and without the stop string, and all of its tokens, those at its end included."""

    tokens: tuple[int, ...]
    text: str


class Writer:
    """The continuations of one question while they are written.

    Args:
        asked: the question.
        decode: tokens to text.
        ends: tokens that end a text.
    """

    def __init__(self, asked: Continue, decode: Decode, ends: Collection[int]) -> None:
        self.asked = asked
        self._decode = decode
        self._ends = ends
        self._branches = [_Branch() for _ in range(max(asked.n, 0))]
        self.live = list(range(len(self._branches))) if asked.max_tokens > 0 else []
        """The branches that go on, in order."""
        self.written = 0
        """How many tokens each of them has."""
        self._generator: torch.Generator | None = None

    @property
    def done(self) -> bool:
        return not self.live

    @property
    def tokens(self) -> list[list[int]]:
        """All tokens of each branch that goes on."""
        return [self._branches[i].tokens for i in self.live]

    @property
    def last(self) -> list[int]:
        """The last token of each branch that goes on."""
        return [tokens[-1] for tokens in self.tokens]

    def write(self, logits: Tensor) -> None:
        """Add a token to each branch that goes on.

        Args:
            logits: [branches that go on, vocabulary], or one row for all: of what comes next.
        """
        if self._generator is None:
            self._generator = torch.Generator(logits.device).manual_seed(self.asked.seed)
        logits = logits.expand(len(self.live), -1)
        tokens, logprobs = _draw(logits, self.asked.temperature, self._generator)
        for i, token, logprob in zip(self.live, tokens, logprobs, strict=True):
            branch = self._branches[i]
            branch.add(token, logprob)
            branch.finish(self._decode(branch.tokens), self.asked.stop, token in self._ends)
        self.written += 1
        last = self.written == self.asked.max_tokens
        self.live = [] if last else [i for i in self.live if not self._branches[i].done]

    @property
    def texts(self) -> list[str]:
        """What each branch says so far."""
        return [branch.text for branch in self._branches]

    def samples(self) -> list[Sample]:
        return [Sample(branch.text, branch.logprob, len(branch.tokens)) for branch in self._branches]

    def results(self) -> list[SampledTokens]:
        return [SampledTokens(tuple(branch.tokens), branch.text) for branch in self._branches]


class _Branch:
    """A sample being written."""

    def __init__(self) -> None:
        self.tokens: list[int] = []
        self.logprob = 0.0
        self.text = ""
        self.done = False

    def add(self, token: int, logprob: float) -> None:
        self.tokens.append(token)
        self.logprob += logprob

    def finish(self, text: str, stop: Sequence[str], ended: bool) -> None:
        """Take the text so far, and see whether it ends here."""
        cuts = [cut for s in stop if s and (cut := text.find(s)) >= 0]
        self.text = text[: min(cuts)] if cuts else text
        self.done = ended or bool(cuts)


def _draw(logits: Tensor, temperature: float, generator: torch.Generator) -> tuple[list[int], list[float]]:
    """One token a row of the logits, [rows, vocabulary], and its log-probability at temperature 1.

    The log-probability is the model's own, whatever the temperature it was drawn at: it is compared with scores.
    """
    if temperature > 0:
        chosen = torch.multinomial((logits / temperature).softmax(dim=-1), 1, generator=generator)
    else:
        chosen = logits.argmax(dim=-1, keepdim=True)
    logprobs = logits.log_softmax(dim=-1).gather(1, chosen)
    return chosen[:, 0].tolist(), logprobs[:, 0].tolist()
