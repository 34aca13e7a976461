"""Sampling: several continuations of one prompt, written side by side as branches of a tree."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import torch
from torch import Tensor

from sandbox.llm.packed_forward import PackedSegment
from sandbox.llm.prefix import Cache
from sandbox.llm.questions import Continue
from sandbox.types import Sample

Decode = Callable[[Sequence[int]], str]


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
        self._live = list(range(len(self._branches))) if asked.max_tokens > 0 else []
        self._generator = torch.Generator().manual_seed(asked.seed)
        self._owners: list[int] = []
        self._prompt = self._written = 0
        self._cache: Cache = None

    @property
    def done(self) -> bool:
        return not self._live

    def begin(self, prompt: int, cache: Cache, logits: Tensor) -> None:
        """Write the first token of each branch, after a prompt of so many tokens."""
        self._prompt, self._cache = prompt, cache
        self.write(logits.expand(len(self._branches), -1))

    def write(self, logits: Tensor) -> None:
        """Add a token to each branch that goes on, from the logits of its last one."""
        tokens, logprobs = _draw(logits, self.asked.temperature, self._generator)
        for i, token, logprob in zip(self._live, tokens, logprobs, strict=True):
            branch = self._branches[i]
            branch.add(token, logprob)
            branch.finish(self._decode(branch.tokens), self.asked.stop, token in self._ends)
        self._written += 1
        last = self._written == self.asked.max_tokens
        self._live = [] if last else [i for i in self._live if not self._branches[i].done]

    @property
    def texts(self) -> list[str]:
        """What each branch says so far."""
        return [branch.text for branch in self._branches]

    def segment(self) -> PackedSegment:
        """The last token of each branch that goes on. It sees the prompt and its own branch.

        The branches share one cache: after the prompt, it holds their tokens in the order in which they were
        written, a row of live branches at a time. `_owners` says whose each is, and the mask lets a branch see its
        own only.
        """
        self._owners += self._live
        # [live, written so far by all]; with the prompt before it, [live, cached + live]
        own = torch.tensor(self._live)[:, None] == torch.tensor(self._owners)[None, :]
        visible = torch.cat([torch.ones(len(self._live), self._prompt, dtype=torch.bool), own], dim=1)
        position = self._prompt + self._written - 1
        return PackedSegment(
            [self._branches[i].tokens[-1] for i in self._live],
            [position] * len(self._live),
            visible,
            self._cache,
            keep=len(self._live),
        )

    def samples(self) -> list[Sample]:
        return [Sample(branch.text, branch.logprob, len(branch.tokens)) for branch in self._branches]


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
