"""What servers reply, as far as it is read: shapes of the JSON, and what a reply is worth."""

from __future__ import annotations

import json
from abc import abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Annotated, Any, Generic, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, RootModel

from sandbox import text
from sandbox.llm import chatml
from sandbox.types import Sample

LIMIT = 2000
"""Longest sample that is read, in characters."""
THOUGHTS = 100_000
"""Longest thought that is read, in characters."""

LogProb = Annotated[float, Field(ge=-1e6, le=1.0)]
_Tokens = Annotated[list[int], Field(max_length=1_000_000)]


class Shape(BaseModel):
    """Part of a reply. Fields that are not listed are passed over."""

    model_config = ConfigDict(extra="ignore", frozen=True, allow_inf_nan=False)


class Usage(Shape):
    """What a call cost."""

    total_tokens: int | None = Field(default=None, ge=0, le=100_000_000)


class ServerReply(Shape):
    """What all replies have in common."""

    usage: Usage | None = None


class Continuation(Shape):
    """One of the texts of a reply."""

    index: int = 0
    finish_reason: str | None = None

    @abstractmethod
    def sample(self, stop: Sequence[str]) -> Sample:
        """The text up to the first stop string."""

    @property
    @abstractmethod
    def fault(self) -> str:
        """Why it cannot be used, in words that follow "it"; empty where it can."""


class _TokenLogprobs(Shape):
    token_logprobs: Annotated[list[LogProb | None], Field(max_length=200_000)] | None = None


class _PromptToken(Shape):
    logprob: LogProb


_PromptTokens = Annotated[list[dict[str, _PromptToken] | None], Field(max_length=200_000)]


class Text(Continuation):
    """A continuation by `/completions`."""

    text: str = ""
    logprobs: _TokenLogprobs | None = None
    prompt_logprobs: _PromptTokens | None = None
    """As vLLM gives them: for each token of the prompt, the tokens that it was taken for, itself first."""

    def sample(self, stop: Sequence[str]) -> Sample:
        return cut(self.text, stop, self.echoed())

    @property
    def fault(self) -> str:
        return ""

    def echoed(self) -> list[float]:
        """The log-probabilities; the first token of a prompt has none, since nothing is before it."""
        told = (self.logprobs.token_logprobs if self.logprobs else None) or []
        return [each for each in told if each is not None]

    def of_prompt(self) -> list[float]:
        """The log-probabilities of the prompt's tokens."""
        return [next(iter(each.values())).logprob for each in self.prompt_logprobs or () if each]


class _TokenLogprob(Shape):
    logprob: LogProb


class _ContentLogprobs(Shape):
    content: Annotated[list[_TokenLogprob], Field(max_length=100_000)] | None = None


class _ChatMessage(Shape):
    content: str | None = None
    reasoning_content: str | None = None
    """As vLLM, SGLang, llama.cpp and LM Studio call thoughts."""
    reasoning: str | None = None
    """As Ollama and others do."""
    tool_calls: Annotated[list[Any], Field(max_length=1000)] | None = None


class ChatTurn(Continuation):
    """A continuation by `/chat/completions`."""

    message: _ChatMessage
    logprobs: _ContentLogprobs | None = None

    def sample(self, stop: Sequence[str]) -> Sample:
        told = (self.logprobs.content if self.logprobs else None) or []
        thought, said = self._apart
        # A chat model may begin with an empty line or repeat the prompt's mark: neither is the command.
        logprobs = [] if thought else [each.logprob for each in told]
        return replace(cut(" " + said.lstrip(" \t\r\n>"), stop, logprobs), thought=thought)

    @property
    def thought(self) -> str:
        """What it thought before, clean."""
        return self._apart[0]

    @property
    def fault(self) -> str:
        thought, said = self._apart
        if said.strip():
            return ""
        if self.message.tool_calls:
            return "calls tools in place of replying"
        if self.finish_reason == "length" and thought:
            return "was cut off amid its thoughts"
        return "was cut off before it said anything" if self.finish_reason == "length" else "says nothing"

    @property
    def _apart(self) -> tuple[str, str]:
        """Thoughts and reply, wherever the server put the thoughts."""
        thought, said = chatml.apart(self.message.content or "")
        thoughts = (self.message.reasoning_content, self.message.reasoning, thought)
        told = next((each for each in thoughts if each and each.strip()), "")
        return text.for_prompt(told[:THOUGHTS]).strip(), said


C = TypeVar("C", bound=Continuation)


class Choices(ServerReply, Generic[C]):
    """Continuations; a server that has none may say null."""

    choices: Annotated[
        list[C], Field(max_length=1024), BeforeValidator(lambda given: [] if given is None else given)
    ]


class Tokenized(ServerReply):
    """What vLLM's `/tokenize` replies."""

    tokens: _Tokens


class _Generation(Shape):
    class Meta(Shape):
        """What SGLang says of a generation."""

        input_token_logprobs: Annotated[list[list[Any]], Field(max_length=200_000)]
        """Log-probability, token and text of each token of the prompt; the first may have none."""

    meta_info: Meta

    def of_prompt(self) -> list[float]:
        """The log-probabilities of the prompt's tokens. Raises `ValueError`."""
        return [float(each[0]) for each in self.meta_info.input_token_logprobs if each and each[0] is not None]


class Generated(RootModel[Annotated[list[_Generation], Field(max_length=1024)]]):
    """What SGLang's `/generate` replies to several prompts."""


class ModelList(ServerReply):
    """What `/models` replies."""

    class ServedEntry(Shape):
        """A model that is served."""

        id: str = ""
        owned_by: str = ""

    data: Annotated[list[ServedEntry], Field(max_length=10_000)] = []


def cut(said: str, stop: Sequence[str], logprobs: Sequence[float]) -> Sample:
    """A sample from what a server said: bounded, cleaned, and cut where it should have stopped."""
    said = text.for_prompt(said[:LIMIT])
    cuts = [at for each in stop if each and (at := said.find(each)) >= 0]
    return Sample(said[: min(cuts)] if cuts else said, min(sum(logprobs), 0.0), len(logprobs))


class Done(Shape):
    """That something was done, whatever else is said of it."""


def error_of(answer: bytes) -> str | None:
    """What a reply says that is nothing but an error; None of any other. LM Studio sends them as successes."""
    try:
        said = json.loads(answer)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, Mapping) or not said.get("error") or "choices" in said:
        return None
    told: object = said
    while isinstance(told, Mapping):
        told = next((told[name] for name in ("error", "message", "detail") if name in told), "")
    return told if isinstance(told, str) else ""
