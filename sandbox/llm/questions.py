"""What a language model can be asked, as values: so that several questions can be answered together.

A model that gains from that has a method `answer`; `ask` puts questions to any model, and `think_together` lets
several agents think side by side, their questions batched wherever they wait for the same model.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Generator, Hashable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar, cast, runtime_checkable

import numpy as np
import numpy.typing as npt

from sandbox.types import LanguageModel, OptionScore, Sample

T = TypeVar("T")
Features = npt.NDArray[np.float32]
"""Hidden states, [options, width]."""


@dataclass(frozen=True, slots=True)
class FeatureScores:
    """Scores of options, and what the model made of them on the way."""

    scores: Sequence[OptionScore]
    features: Features


@runtime_checkable
class FeatureModel(LanguageModel, Protocol):
    """A language model whose hidden states can be had: one in this process. Wrappers of others have width 0."""

    @property
    def width(self) -> int:
        """Numbers in the features of one option; 0 where there are none to be had."""

    def read(self, prompt: str, options: Sequence[str]) -> FeatureScores:
        """Scores as by `score`, and each option's features, from the same pass."""


def features_of(model: LanguageModel | None) -> FeatureModel | None:
    """The model, if it can give features."""
    return model if isinstance(model, FeatureModel) and model.width > 0 else None


@dataclass(frozen=True, slots=True)
class ScoreQuestion:
    """`LanguageModel.score`."""

    prompt: str
    options: tuple[str, ...]

    def put(self, model: LanguageModel) -> list[OptionScore]:
        return model.score(self.prompt, self.options)


@dataclass(frozen=True, slots=True)
class Read:
    """`FeatureModel.read`."""

    prompt: str
    options: tuple[str, ...]

    def put(self, model: LanguageModel) -> FeatureScores:
        return cast(FeatureModel, model).read(self.prompt, self.options)


@dataclass(frozen=True, slots=True, kw_only=True)
class Continue:
    """`LanguageModel.sample`."""

    prompt: str
    n: int
    seed: int
    max_tokens: int = 24
    temperature: float = 1.0
    stop: tuple[str, ...] = ("\n",)

    def put(self, model: LanguageModel) -> list[Sample]:
        return model.sample(
            self.prompt,
            self.n,
            seed=self.seed,
            max_tokens=self.max_tokens,
            temperature=self.temperature,
            stop=self.stop,
        )


Question = ScoreQuestion | Read | Continue


class Answering(ABC):
    """A language model that takes questions together. `answer` is all that is left to write."""

    @property
    @abstractmethod
    def name(self) -> str: ...

    @property
    def chats(self) -> bool:
        """Whether it has a chat template of its own, so that it can be spoken to in chat form."""
        return False

    @abstractmethod
    def answer(self, questions: Sequence[Question]) -> list[Any]:
        """What `put` would give for each question by itself, in order."""

    def score(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        return cast(list[OptionScore], self.answer([ScoreQuestion(prompt, tuple(options))])[0])

    def score_many(self, asked: Sequence[tuple[str, Sequence[str]]]) -> list[list[OptionScore]]:
        """`score` for several prompts, each with options of its own, together."""
        return self.answer([ScoreQuestion(prompt, tuple(options)) for prompt, options in asked])

    def read(self, prompt: str, options: Sequence[str]) -> FeatureScores:
        return cast(FeatureScores, self.answer([Read(prompt, tuple(options))])[0])

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
        question = Continue(
            prompt=prompt, n=n, seed=seed, max_tokens=max_tokens, temperature=temperature, stop=tuple(stop)
        )
        return cast(list[Sample], self.answer([question])[0])


class AdaptedModel(Protocol):
    """A model on this machine that answers with one adapter or another."""

    @property
    def name(self) -> str: ...

    @property
    def width(self) -> int:
        """Numbers in the features of one option."""

    @property
    def chats(self) -> bool:
        """Whether it has a chat template."""

    def answer_with(self, adapter: Path | None, questions: Sequence[Question]) -> list[Any]:
        """The answers with the adapter of this folder merged in; None: with none. Raises `ModelError`."""


class ModelWithAdapter(Answering):
    """A model that is asked with one adapter alone.

    Args:
        model: computed elsewhere.
        adapter: folder of the adapter; None asks the base model.
    """

    def __init__(self, model: AdaptedModel, adapter: Path | None) -> None:
        self._model, self._adapter = model, adapter

    @property
    def name(self) -> str:
        return f"{self._model.name.rpartition('@')[0]}@{self._adapter.name if self._adapter else 'base'}"

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        return self._model.answer_with(self._adapter, questions)


def ask(model: LanguageModel, questions: Sequence[Question]) -> list[Any]:
    """The answers of a model, together where it can do that."""
    if isinstance(model, Answering):
        return model.answer(questions)
    return [question.put(model) for question in questions]


Thinking = Generator["Question | tuple[Question, ...]", Any, T]
"""A computation that asks a language model on the way: it yields a question, or several that are to be answered
together, and is sent the answer, or the answers."""


def together(questions: Sequence[Question]) -> Thinking[list[Any]]:
    """Ask several questions at once, as part of a computation."""
    if not questions:
        return []
    answers: list[Any] = yield tuple(questions)
    return answers


def think(thinking: Thinking[T], model: LanguageModel | None) -> T:
    """Carry out a computation with its model; None where it asks nothing."""
    return think_together([(thinking, model)])[0]


def think_together(thoughts: Sequence[tuple[Thinking[T], LanguageModel | None]]) -> list[T]:
    """Carry out several computations side by side; those that share a model have their questions put together."""
    results: dict[int, T] = {}
    waiting: dict[int, Question | tuple[Question, ...]] = {}

    def go_on(number: int, answer: Any = None) -> None:
        try:
            waiting[number] = thoughts[number][0].send(answer)
        except StopIteration as ended:
            results[number] = ended.value

    for number in range(len(thoughts)):
        go_on(number)
    while waiting:
        by_model: dict[Hashable, list[int]] = {}
        for number in waiting:
            by_model.setdefault(id(thoughts[number][1]), []).append(number)
        for numbers in by_model.values():
            model = thoughts[numbers[0]][1]
            assert model is not None, "a computation without a model asks nothing"
            asked = [waiting.pop(number) for number in numbers]
            groups = [each if isinstance(each, tuple) else (each,) for each in asked]
            answers = iter(ask(model, [question for group in groups for question in group]))
            for number, each, group in zip(numbers, asked, groups, strict=True):
                found = [next(answers) for _ in group]
                go_on(number, found if isinstance(each, tuple) else found[0])
    return [results[number] for number in range(len(thoughts))]
