"""Exact scores from servers that tell the log-probabilities of a prompt.

    vLLM            /completions with `prompt_logprobs`, several prompts in a request, also as tokens
    SGLang          /generate with `return_logprob`
    others          /completions with `echo`, as llama-cpp-python has it

A score is the difference of two sums, `log p(prompt + option) - log p(prompt)`: so it does not matter where the
tokens of a text end. For a conversation the server tokenises it first, by the model's own template.
"""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any, Literal

from cachetools import LRUCache

from sandbox.llm import chatml
from sandbox.llm.chatml import Message
from sandbox.llm.endpoint import Endpoint, RefusedError
from sandbox.llm.replies import Choices, Generated, Text, Tokenized
from sandbox.types import OptionScore

BATCH = 32
"""Prompts in one request."""

Way = Literal["prompt_logprobs", "echo", "generate"]
Prompts = Sequence[str] | Sequence[list[int]]
_PROBE = ["> look", "> look around"]
_KEPT = 4096


class ExactScores:
    """Scores by one of the ways that a server knows.

    Args:
        endpoint: the server.
        way: that it has been found to know.
    """

    def __init__(self, endpoint: Endpoint, way: Way) -> None:
        self.way = way
        self._endpoint = endpoint
        self._known: LRUCache[tuple[str, str], list[int]] = LRUCache(_KEPT)
        self._lock = threading.Lock()
        self._folds = False
        self._reads_chats: bool | None = None if way == "prompt_logprobs" else False

    @classmethod
    def found(cls, endpoint: Endpoint, model: str) -> ExactScores | None:
        """By whichever way a server knows, asked with a tiny request; None where it knows none."""
        served = endpoint.models().data
        if any(each.owned_by == "sglang" for each in served):
            # Its /completions echoes a prompt without its log-probabilities.
            return cls(endpoint, "generate")
        body: dict[str, Any] = {"echo": True, "logprobs": 1, "prompt_logprobs": 0}
        while True:
            try:
                told = _completions(endpoint, model, _PROBE, {**body, "max_tokens": 0})
            except RefusedError as refused:
                if "prompt_logprobs" not in body or "prompt_logprobs" not in refused.reason:
                    return None
                del body["prompt_logprobs"]
            else:
                break
        if len(told) == len(_PROBE) and all(len(each.of_prompt()) > 0 for each in told):
            return cls(endpoint, "prompt_logprobs")
        echoed = told and all(each.echoed() and each.text.strip().startswith(_PROBE[0]) for each in told)
        return cls(endpoint, "echo") if echoed else None

    def score(self, model: str, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        """The options behind a prompt in transcript form. Raises `ModelError`."""
        return self._scores(model, [prompt, *(prompt + option for option in options)], options)

    def score_replies(self, model: str, prompt: str, options: Sequence[str]) -> list[OptionScore] | None:
        """The options behind a prompt in chat form; None where the server cannot tokenise a conversation."""
        if not self.reads_chats(model):
            return None
        told = chatml.read(prompt)
        head = self._conversation(model, told.messages, thinks=bool(told.begun))
        head += self._tokens(model, told.begun)
        end = self._closing(model)
        texts = [head, *(head + self._tokens(model, option.removesuffix(chatml.END)) + end for option in options)]
        return self._scores(model, texts, options)

    def reads_chats(self, model: str) -> bool:
        """Whether the server tokenises conversations; found out once."""
        with self._lock:
            if self._reads_chats is None:
                try:
                    self._reads_chats = bool(self._conversation(model, [Message("user", "Hello.")]))
                except RefusedError:
                    self._reads_chats = False
            return self._reads_chats

    def _scores(self, model: str, texts: Prompts, options: Sequence[str]) -> list[OptionScore]:
        (before, tokens_before), *after = self._sums(model, texts)
        return [
            OptionScore(min(logprob - before, 0.0), max(tokens - tokens_before, 1)) if option
            else OptionScore(0.0, 0)
            for option, (logprob, tokens) in zip(options, after, strict=True)
        ]  # fmt: skip

    def _sums(self, model: str, texts: Prompts) -> list[tuple[float, int]]:
        """Summed log-probability and number of tokens of each text."""
        sums: list[tuple[float, int]] = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            try:
                found = self._logprobs(model, batch)
            except RefusedError as refused:
                raise self._endpoint.away(refused.reason) from refused
            if len(found) != len(batch) or not all(found):
                raise self._endpoint.away("it gives no log-probabilities of the prompt")
            sums += [(sum(logprobs), len(logprobs)) for logprobs in found]
        return sums

    def _logprobs(self, model: str, texts: Prompts) -> list[list[float]]:
        if self.way == "generate":
            body = {
                "text": list(texts),
                "sampling_params": {"max_new_tokens": 0, "temperature": 0.0},
                "return_logprob": True,
                "logprob_start_len": 0,
            }
            generated = self._endpoint.post("/generate", body, Generated).root
            try:
                return [each.of_prompt() for each in generated]
            except (ValueError, TypeError):
                raise self._endpoint.away("it gives no log-probabilities of the prompt") from None
        if self.way == "echo":
            asked = {"max_tokens": 0, "echo": True, "logprobs": 1}
            return [each.echoed() for each in _completions(self._endpoint, model, texts, asked)]
        asked = {"max_tokens": 1, "temperature": 0, "prompt_logprobs": 0}
        return [each.of_prompt() for each in _completions(self._endpoint, model, texts, asked)]

    def _conversation(self, model: str, messages: Sequence[Message], *, thinks: bool = False) -> list[int]:
        """The tokens of a conversation, up to and with the beginning of the reply that is asked for."""
        if self._folds:
            messages = chatml.folded(messages)
        body = {
            "model": model,
            "messages": [asdict(each) for each in messages],
            "add_generation_prompt": messages[-1].role == "user",
            "chat_template_kwargs": {"enable_thinking": thinks},
        }
        try:
            return self._endpoint.post("/tokenize", body, Tokenized).tokens
        except RefusedError:
            if messages[0].role != "system":
                raise
        self._folds = True
        return self._conversation(model, messages, thinks=thinks)

    def _tokens(self, model: str, said: str) -> list[int]:
        """The tokens of a text by itself; those of commands come again at every turn."""
        if not said:
            return []
        with self._lock:
            kept = self._known.get((model, said))
        if kept is None:
            body = {"model": model, "prompt": said, "add_special_tokens": False}
            kept = self._endpoint.post("/tokenize", body, Tokenized).tokens
            with self._lock:
                self._known[(model, said)] = kept
        return kept

    def _closing(self, model: str) -> list[int]:
        """The token that ends a reply, as the template writes it; none where that cannot be told."""
        with self._lock:
            kept = self._known.get((model, chatml.END))
        if kept is None:
            whole = self._conversation(model, [Message("user", "Hello."), Message("assistant", "go")])
            said = self._tokens(model, "go")
            ends = [i for i in range(len(said), len(whole)) if whole[i - len(said) : i] == said]
            kept = whole[ends[-1] : ends[-1] + 1] if ends else []
            with self._lock:
                self._known[(model, chatml.END)] = kept
        return kept


def _completions(endpoint: Endpoint, model: str, texts: Prompts, asked: dict[str, Any]) -> list[Text]:
    reply = endpoint.post("completions", {"model": model, "prompt": list(texts), **asked}, Choices[Text])
    return sorted(reply.choices, key=lambda choice: choice.index)
