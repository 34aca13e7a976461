"""A language model behind any OpenAI-compatible server, as the agents need it.

Two dialects. Where the server's `/completions` gives back the prompt's own log-probabilities (`echo`, as vLLM
does), a transcript is continued and options are scored exactly as by a local model. Elsewhere
`/chat/completions` is asked for the next command, and options are scored by a vote.
"""

from __future__ import annotations

import math
import re
import threading
import time
from abc import abstractmethod
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import PurePath
from typing import Annotated, Any, Generic, Literal, TypeVar

from pydantic import Field

from sandbox import text
from sandbox.llm.asking import CHOICE, INSTRUCTION
from sandbox.llm.endpoint import Endpoint, RefusedError, ServerReply, Shape, Spent
from sandbox.llm.permission import Permission
from sandbox.llm.state import ServerState
from sandbox.types import OptionScore, Sample

Api = Literal["auto", "completions", "chat"]

_CHAT = "chat/completions"

BATCH = 32
"""Prompts in one request."""
PARALLEL = 4
"""Requests under way at a time, where a server gives one sample a request."""

_TRIMMED = " \t>-*•`'\".!"
_OPTIONAL = ("logprobs", "seed", "stop", "temperature", "max_tokens", "n")
"""Fields that some servers refuse, and that can be done without or go by another name."""
_LIMIT = 2000
"""Longest sample that is read, in characters."""

LogProb = Annotated[float, Field(ge=-1e6, le=1.0)]


class _Continuation(Shape):
    """One of the texts of a reply."""

    index: int = 0

    @abstractmethod
    def sample(self, stop: Sequence[str]) -> Sample:
        """The text up to the first stop string."""


class _TokenLogprobs(Shape):
    token_logprobs: Annotated[list[LogProb | None], Field(max_length=200_000)] | None = None


class _Text(_Continuation):
    """A continuation by `/completions`."""

    text: str = ""
    logprobs: _TokenLogprobs | None = None

    def sample(self, stop: Sequence[str]) -> Sample:
        return _sample(self.text, stop, self.known())

    def known(self) -> list[float]:
        """The log-probabilities; the first token of a prompt has none, since nothing is before it."""
        told = (self.logprobs.token_logprobs if self.logprobs else None) or []
        return [each for each in told if each is not None]


class _TokenLogprob(Shape):
    logprob: LogProb


class _ContentLogprobs(Shape):
    content: Annotated[list[_TokenLogprob], Field(max_length=10_000)] | None = None


class _Message(Shape):
    content: str | None = None


class _ChatTurn(_Continuation):
    """A continuation by `/chat/completions`."""

    message: _Message
    logprobs: _ContentLogprobs | None = None

    def sample(self, stop: Sequence[str]) -> Sample:
        told = (self.logprobs.content if self.logprobs else None) or []
        # A chat model may begin with an empty line or repeat the prompt's mark: neither is the command.
        said = (self.message.content or "").lstrip(" \t\r\n>")
        return _sample(f" {said}", stop, [each.logprob for each in told])


C = TypeVar("C", bound=_Continuation)


class _Choices(ServerReply, Generic[C]):
    choices: Annotated[list[C], Field(max_length=1024)]


class RemoteModel:
    """A `LanguageModel` on a server. Safe to call from several threads.

    What the server can do is found out once: whether it echoes log-probabilities, whether it gives several samples
    a request, and which optional fields it refuses.

    Args:
        base_url: of the server, up to `/v1`.
        model: as the server calls it.
        permission: which servers the user allows, and their keys.
        own: whether the URL comes from a card of the user's own.
        api: `auto` finds out the dialect.
        votes: how many replies vote, where options cannot be scored; 0 finds all equally likely.
        instruction: what a chat model is told to do.
        choice: what it is told before the options of a vote.
        timeout: seconds that one try may take from its beginning to the last byte of the reply.
        retries: further tries after one that failed.
        max_calls: budget of requests.
        max_tokens: budget of tokens.
        plain_http: allow http to other machines.
        pause: waits between tries.

    Raises:
        ModelError: from the constructor, where URL or key cannot be used; from the methods, where the server is
            away or the budget spent.
        HostError: from the methods, where the user has not allowed the server.
    """

    def __init__(
        self,
        base_url: str,
        model: str,
        *,
        permission: Permission | None = None,
        own: bool = True,
        api: Api = "auto",
        votes: int = 8,
        instruction: str = INSTRUCTION,
        choice: str = CHOICE,
        timeout: float = 30.0,
        retries: int = 3,
        max_calls: int = 10_000,
        max_tokens: int = 10_000_000,
        plain_http: bool = False,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._endpoint = Endpoint(
            base_url,
            permission=permission,
            own=own,
            timeout=timeout,
            retries=retries,
            max_calls=max_calls,
            max_tokens=max_tokens,
            plain_http=plain_http,
            pause=pause,
        )
        self._model = model
        self._votes = votes
        self._instruction = instruction
        self._choice = choice
        self._echoes: bool | None = None if api == "auto" else api == "completions"
        self._many = True
        self._refused: set[str] = set()
        self._finding_out = threading.Lock()

    @property
    def name(self) -> str:
        return f"{PurePath(self._model).name}@{self._endpoint.host}"

    @property
    def state(self) -> ServerState:
        return self._endpoint.state

    @property
    def spent(self) -> Spent:
        return self._endpoint.spent

    @property
    def ready(self) -> bool:
        """Whether the next call would ask the server, rather than find it away from before."""
        return self._endpoint.ready

    def score(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        """Log-probability of each option as the continuation of the prompt.

        Exact where the server echoes log-probabilities: `log p(prompt + option) - log p(prompt)`, which needs no
        knowledge of where its tokens end. Elsewhere an estimate from `votes` replies to the question which option
        to take: `log((n + 1/K) / (N + 1))` for n of N valid votes over K options, the posterior mean under a
        Dirichlet prior worth one vote. Such a score is of the whole option, so it counts as one token.
        """
        if not options:
            return []
        if self._has_echo():
            texts = [prompt, *(prompt + option for option in options)]
            (before, tokens_before), *after = self._echo(texts)
            return [
                OptionScore(min(logprob - before, 0.0), max(tokens - tokens_before, 1)) if option
                else OptionScore(0.0, 0)
                for option, (logprob, tokens) in zip(options, after, strict=True)
            ]  # fmt: skip
        return self._vote(prompt, options)

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
        """n continuations. The same seed gives the same texts only as far as the server keeps to it.

        Where it gives no log-probabilities, those of the samples are 0 over 0 tokens.
        """
        if n < 1 or max_tokens < 1:
            return [Sample("", 0.0, 0)] * n
        asked: dict[str, Any] = {"max_tokens": max_tokens, "temperature": temperature}
        if self._has_echo():
            body = {**asked, "prompt": prompt, "stop": list(stop)[:4], "logprobs": 1}
            texts = self._draw("completions", _Choices[_Text], body, n, seed)
            return [self._blotted(choice.sample(stop)) for choice in texts]
        body = {**asked, **self._messages(prompt), "logprobs": True}
        drawn = self._draw(_CHAT, _Choices[_ChatTurn], body, n, seed)
        return [self._blotted(choice.sample(stop)) for choice in drawn]

    def _blotted(self, sample: Sample) -> Sample:
        return replace(sample, text=self._endpoint.blotted(sample.text))

    def _vote(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        commands = dict.fromkeys(option.strip() for option in options)
        heard: Counter[str] = Counter()
        if self._votes:
            listed = "\n".join(["", "", self._choice, *(f"- {command}" for command in commands)])
            body = {
                **self._messages(prompt + listed),
                "max_tokens": 8 + max(map(len, commands)) // 2,
                "temperature": 1.0,
            }
            known = {_plainly(command): command for command in commands}
            for choice in self._draw(_CHAT, _Choices[_ChatTurn], body, self._votes, seed=0):
                said = _plainly(choice.sample(("\n",)).text)
                if said in known:
                    heard[known[said]] += 1
        share, total = 1 / len(commands), heard.total() + 1
        return [OptionScore(math.log((heard[option.strip()] + share) / total), 1) for option in options]

    def _messages(self, prompt: str) -> dict[str, Any]:
        system = {"role": "system", "content": self._instruction}
        return {"messages": [system, {"role": "user", "content": prompt}]}

    def _has_echo(self) -> bool:
        """Whether the server gives back a prompt with its log-probabilities; asked once."""
        with self._finding_out:
            if self._echoes is None:
                try:
                    found = self._post_echo(["> look", "> look around"])
                except RefusedError:
                    self._echoes = False
                else:
                    self._echoes = all(
                        choice.known() and choice.text.strip().startswith("> look") for choice in found
                    )
            return self._echoes

    def _echo(self, texts: Sequence[str]) -> list[tuple[float, int]]:
        """Summed log-probability and number of tokens of each text."""
        sums: list[tuple[float, int]] = []
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            try:
                found = [choice.known() for choice in self._post_echo(batch)]
            except RefusedError as refused:
                raise self._endpoint.away(refused.reason) from refused
            if len(found) != len(batch) or not all(found):
                raise self._endpoint.away("it gives no log-probabilities of the prompt")
            sums += [(sum(logprobs), len(logprobs)) for logprobs in found]
        return sums

    def _post_echo(self, texts: Sequence[str]) -> list[_Text]:
        body = {"prompt": list(texts), "max_tokens": 0, "echo": True, "logprobs": 1}
        reply = self._endpoint.post("completions", {"model": self._model, **body}, _Choices[_Text])
        return sorted(reply.choices, key=lambda choice: choice.index)

    def _draw(self, path: str, shape: type[_Choices[C]], body: dict[str, Any], n: int, seed: int) -> list[C]:
        """n continuations: in one request where the server gives as many, else one by one."""
        found: list[C] = []
        if n > 1 and self._many:
            found = self._post(path, shape, {**body, "seed": seed, "n": n})[:n]
            self._many = len(found) == n
        missing = [seed + i for i in range(len(found), n)]
        with ThreadPoolExecutor(PARALLEL) as pool:
            one_by_one = pool.map(lambda each: self._post(path, shape, {**body, "seed": each})[:1], missing)
            return found + [choice for choices in one_by_one for choice in choices]

    def _post(self, path: str, shape: type[_Choices[C]], body: dict[str, Any]) -> list[C]:
        """One request, without the fields that this server is known to refuse."""
        while True:
            sent = {"model": self._model, **{name: body[name] for name in body if name not in self._refused}}
            if "max_tokens" in self._refused:
                sent["max_completion_tokens"] = body["max_tokens"]
            try:
                return sorted(self._endpoint.post(path, sent, shape).choices, key=lambda choice: choice.index)
            except RefusedError as refused:
                named = [name for name in _OPTIONAL if name in sent and _names(refused.reason, name)]
                if not named:
                    raise self._endpoint.away(refused.reason) from refused
                self._refused.add(named[0])


def _sample(said: str, stop: Sequence[str], logprobs: Sequence[float]) -> Sample:
    """A sample from what a server said: bounded, cleaned, and cut where it should have stopped."""
    said = text.for_prompt(said[:_LIMIT])
    cuts = [cut for each in stop if each and (cut := said.find(each)) >= 0]
    return Sample(said[: min(cuts)] if cuts else said, min(sum(logprobs), 0.0), len(logprobs))


def _plainly(said: str) -> str:
    """A command as it is compared: chat models add bullets, quotes and full stops."""
    return " ".join(said.casefold().split()).strip(_TRIMMED)


def _names(reason: str, field: str) -> bool:
    """Whether a refusal names a field."""
    return re.search(rf"(?<!\w){field}(?!\w)", reason) is not None
