"""What goes between a program and the process of its language model: JSON in messages of bounded length.

A program sends a `Request` and gets any number of messages `{"said": [...]}`, what the samples say so far, and
then one of `{"answers": [...], "width": 576, "chats": true, "slow": ""}` or `{"error": {...}}`. A message without
words says that the process is alive. To hang up is to cancel.
"""

from __future__ import annotations

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field

from sandbox.errors import ModelError, NoMemoryError, SandboxError
from sandbox.llm.questions import Continue, FeatureScores, Question, Read, ScoreQuestion
from sandbox.types import OptionScore, Sample

MAX_REQUEST = 32 << 20
"""Longest request, in bytes."""
MAX_REPLY = 256 << 20
"""Longest reply, in bytes: features of 10,000 options."""

_Text = Annotated[str, Field(max_length=4 << 20)]


class AskedQuestion(BaseModel):
    """A question as it is sent."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    kind: Literal["score", "read", "sample"]
    prompt: _Text
    options: Annotated[tuple[_Text, ...], Field(max_length=10_000)] = ()
    n: int = Field(default=0, le=1024)
    seed: int = Field(default=0, ge=-(2**63), lt=2**63)
    max_tokens: int = Field(default=0, le=1 << 16)
    temperature: float = 1.0
    stop: Annotated[tuple[_Text, ...], Field(max_length=64)] = ()

    @classmethod
    def of(cls, question: Question) -> AskedQuestion:
        """Raises `ValueError` where it is too much for one message."""
        match question:
            case ScoreQuestion(prompt, options):
                return cls(kind="score", prompt=prompt, options=options)
            case Read(prompt, options):
                return cls(kind="read", prompt=prompt, options=options)
        return cls(
            kind="sample",
            prompt=question.prompt,
            n=question.n,
            seed=question.seed,
            max_tokens=question.max_tokens,
            temperature=question.temperature,
            stop=question.stop,
        )

    @property
    def question(self) -> Question:
        if self.kind == "sample":
            return Continue(
                prompt=self.prompt,
                n=self.n,
                seed=self.seed,
                max_tokens=self.max_tokens,
                temperature=self.temperature,
                stop=self.stop,
            )
        return (Read if self.kind == "read" else ScoreQuestion)(self.prompt, self.options)


class Request(BaseModel):
    """Questions that are to be answered together."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    asked: Annotated[tuple[AskedQuestion, ...], Field(max_length=4096)]
    adapter: Annotated[str, Field(max_length=4096)] | None = None
    """Folder of the adapter that the model is to answer with."""
    listens: bool = False
    """Whether what is written is wanted while it is written."""

    @classmethod
    def read(cls, data: bytes) -> Request:
        """Raises `ValueError`."""
        return cls.model_validate_json(data)


def packed(**message: Any) -> bytes:
    """A message as bytes."""
    return json.dumps(message, separators=(",", ":")).encode()


def packed_request(adapter: Path | None, questions: Iterable[Question]) -> bytes:
    """Questions for one adapter as bytes. Raises `ValueError` where they are too much for one message."""
    asked = tuple(AskedQuestion.of(question) for question in questions)
    request = Request(asked=asked, adapter=None if adapter is None else str(adapter.absolute()))
    data = request.model_dump_json(exclude_defaults=True).encode()
    if len(data) > MAX_REQUEST:
        raise ValueError("too long")
    return data


def packed_answers(answers: Iterable[Any], width: int, chats: bool, slow: str = "") -> bytes:
    """The reply with the answers to all questions of a request."""
    return packed(answers=[_packed_answer(answer) for answer in answers], width=width, chats=chats, slow=slow)


def packed_error(error: SandboxError) -> bytes:
    """The reply where there is no answer."""
    kind = "memory" if isinstance(error, NoMemoryError) else "model"
    return packed(error={"kind": kind, "message": error.message, "where": error.where, "hint": error.hint})


def error_of(told: Mapping[str, Any]) -> SandboxError:
    """The error that a reply tells of."""
    made = NoMemoryError if told["kind"] == "memory" else ModelError
    return made(told["message"], where=told["where"], hint=told["hint"])


def answers_of(reply: Mapping[str, Any], questions: Sequence[Question]) -> list[Any]:
    """The answers in a reply. Raises `ValueError`, `TypeError` or `KeyError` where they are none."""
    width = int(reply["width"])
    return [_answer(each, question, width) for each, question in zip(reply["answers"], questions, strict=True)]


def _packed_answer(answer: Any) -> Any:
    if isinstance(answer, FeatureScores):
        features = np.ascontiguousarray(answer.features, dtype="<f4")
        return {"scores": _packed_answer(answer.scores), "features": b64encode(features.tobytes()).decode()}
    texts = [[each.text] if isinstance(each, Sample) else [] for each in answer]
    return [[each.logprob, each.tokens, *text] for each, text in zip(answer, texts, strict=True)]


def _answer(told: Any, question: Question, width: int) -> Any:
    if isinstance(question, Continue):
        return [Sample(str(text), float(logprob), int(tokens)) for logprob, tokens, text in told]
    if isinstance(question, Read):
        scores = _scores(told["scores"], question)
        features = np.frombuffer(b64decode(told["features"]), dtype="<f4").astype(np.float32)
        return FeatureScores(scores, features.reshape(len(scores), width))
    return _scores(told, question)


def _scores(told: Any, question: ScoreQuestion | Read) -> list[OptionScore]:
    scores = [OptionScore(float(logprob), int(tokens)) for logprob, tokens in told]
    if len(scores) != len(question.options):
        raise ValueError("not a score for each option")
    return scores
