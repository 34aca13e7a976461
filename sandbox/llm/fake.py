"""A language model that says what it is told to, for tests."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence

from sandbox.types import OptionScore, Sample

Scorer = Callable[[str, str], float]


class ScriptedModel:
    """Deterministic stand-in for a `LanguageModel`. A token is a word.

    Args:
        scores: log-probability of an option, by its text without surrounding blanks, or a function of prompt and
            option; what a mapping lacks gets `default`.
        samples: texts that `sample` gives in this order, over and over; the seed says where it starts.
    """

    def __init__(
        self,
        scores: Mapping[str, float] | Scorer | None = None,
        samples: Sequence[str] = (),
        *,
        name: str = "scripted@base",
        default: float = -10.0,
    ) -> None:
        self._scores = scores or {}
        self._samples = tuple(samples)
        self._name = name
        self._default = default
        self.prompts: list[str] = []
        """Every prompt the model was given, in order."""

    @property
    def name(self) -> str:
        return self._name

    def score(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        self.prompts.append(prompt)
        return [OptionScore(self._logprob(prompt, option), len(option.split())) for option in options]

    def sample(
        self,
        prompt: str,
        n: int,
        *,
        seed: int,
        max_tokens: int = 24,
        temperature: float = 1.0,
        stop: Sequence[str] = ("\n",),
    ) -> list[Sample]:
        self.prompts.append(prompt)
        if not self._samples:
            return []
        texts = [self._samples[(seed + i) % len(self._samples)] for i in range(n)]
        return [Sample(text, self._logprob(prompt, text), len(text.split())) for text in texts]

    def _logprob(self, prompt: str, option: str) -> float:
        if callable(self._scores):
            return self._scores(prompt, option)
        return self._scores.get(option.strip(), self._default)
