"""A language model behind any OpenAI-compatible server, as the agents need it.

Where a server tells the log-probabilities of a prompt (`exact`), options are scored exactly as by a local model.
Elsewhere `/chat/completions` is asked for the next command, and options are scored by a vote. Thoughts are kept
apart from replies, and a model whose replies cannot be used is away.
"""

from __future__ import annotations

import math
import re
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from copy import copy
from dataclasses import asdict, replace
from pathlib import Path, PurePath
from typing import Any, Literal, TypeVar

from sandbox.errors import ModelError
from sandbox.llm import chatml
from sandbox.llm.chatml import CHOICE, INSTRUCTION, Message
from sandbox.llm.endpoint import Endpoint, Hear, RefusedError, Spent
from sandbox.llm.exact import ExactScores
from sandbox.llm.permission import Permission
from sandbox.llm.questions import Answering, Continue, Question, Read
from sandbox.llm.replies import ChatTurn, Choices, Continuation, Done, Text
from sandbox.llm.state import ServerState
from sandbox.llm.streaming import Voices
from sandbox.types import OptionScore, Sample

Api = Literal["auto", "completions", "chat"]

_CHAT = "chat/completions"

PARALLEL = 4
"""Requests under way at a time, where a server gives one sample a request."""
FEW = 3
"""Requests in a row whose replies cannot be used, after which a model is away."""
ROOM = 2048
"""Tokens in which a model that thinks unasked may come to an end with it."""
REPLY_ROOM = 64
"""Tokens of the reply behind thoughts that were asked for: it is not read."""

_TRIMMED = " \t>-*•`'\".!"
_OPTIONAL = (
    "logprobs", "seed", "stop", "temperature", "max_tokens", "n", "stream",
    "chat_template_kwargs", "reasoning_effort",
)  # fmt: skip
"""Fields that some servers refuse, and that can be done without or go by another name."""
_OTHER_WORDS = {"reasoning_effort": "does not support thinking"}
"""How servers refuse a field without naming it: Ollama."""
_ACT = "Reply with the command alone."

C = TypeVar("C", bound=Continuation)
Parts = Callable[[int], Hear | None]
"""What hears the samples from one on."""


def _unheard(sample: int) -> None:
    """Nobody listens."""


class RemoteModel(Answering):
    """A `LanguageModel` on a server. Safe to call from several threads.

    What the server can do is found out once: whether and how it tells log-probabilities of a prompt, whether it
    gives several samples a request, which optional fields it refuses, and whether the model thinks unasked.

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
        self._served = model
        self._votes = votes
        self._instruction = instruction
        self._choice = choice
        self._api = api
        self._found: tuple[ExactScores | None] | None = None
        self._thinks = False
        self._many = True
        self._refused: set[str] = set()
        self._finding_out = threading.Lock()

    @property
    def name(self) -> str:
        return f"{PurePath(self._served).name}@{self.host}"

    @property
    def host(self) -> str:
        """The server's, with its port."""
        return self._endpoint.host

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

    @property
    def chats(self) -> bool:
        """Whether it is best asked in chat form: not where transcripts alone are scored exactly."""
        try:
            exact = self._exact()
            return exact is None or exact.reads_chats(self._served)
        except ModelError:  # it is away, and what is asked next will say so
            return True

    def with_adapter(self, folder: Path, name: str) -> RemoteModel:
        """The same model with an adapter, loaded by the server and named in requests from then on.

        vLLM takes one up while it runs, where it was started with `--enable-lora` and
        `VLLM_ALLOW_RUNTIME_LORA_UPDATING=True`. It reads the folder, which it has to see under the same path.

        Args:
            folder: of the adapter.
            name: what the server is to call it; it says the version, for a server keeps what it has loaded.

        Raises:
            ModelError: the server is away or takes no adapters.
            HostError: the user has not allowed it.
        """
        body = {"lora_name": name, "lora_path": str(folder.absolute())}
        try:
            self._endpoint.post("load_lora_adapter", body, Done)
        except RefusedError as refused:
            if "already been loaded" not in refused.reason:
                raise ModelError(
                    f"the server does not load the adapter {name}: {refused.reason}",
                    where=self._endpoint.url,
                    hint="start vLLM with --enable-lora and VLLM_ALLOW_RUNTIME_LORA_UPDATING=True",
                ) from refused
        other = copy(self)
        other._served = name
        return other

    def answer(self, questions: Sequence[Question]) -> list[Any]:
        """The answers, several requests under way at a time.

        Scores are exact where the server tells the log-probabilities of a prompt. Elsewhere they are estimates
        from `votes` replies to the question which option to take: `log((n + 1/K) / (N + 1))` for n of N valid
        votes over K options, the posterior mean under a Dirichlet prior worth one vote. Such a score is of the
        whole option, so it counts as one token.

        The same seed gives the same samples only as far as the server keeps to it. Where it gives no
        log-probabilities, theirs are 0 over 0 tokens.
        """
        starts, size = [], 0
        for question in questions:
            starts.append(size)
            size += question.n if isinstance(question, Continue) else 0
        voices = Voices(size)

        def answered(question: Question, start: int) -> Any:
            if isinstance(question, Continue):
                return self._sampled(question, lambda i: voices.part(start + i))
            if isinstance(question, Read):
                raise ModelError("a server gives no features", where=self._endpoint.url)
            return self._scored(question.prompt, question.options)

        if len(questions) == 1:
            return [answered(questions[0], 0)]
        with ThreadPoolExecutor(PARALLEL) as pool:
            return list(pool.map(answered, questions, starts))

    def _scored(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        if not options:
            return []
        exact, chat = self._exact(), chatml.is_chat(prompt)
        scores: list[OptionScore] | None = None
        if exact is not None:
            ask = exact.score_replies if chat else exact.score
            scores = ask(self._served, prompt, options)
        return self._voted(prompt, options) if scores is None else scores

    def _sampled(self, asked: Continue, hear: Parts) -> list[Sample]:
        if asked.n < 1 or asked.max_tokens < 1:
            return [Sample("", 0.0, 0)] * asked.n
        body: dict[str, Any] = {"max_tokens": asked.max_tokens, "temperature": asked.temperature}
        chat = chatml.is_chat(asked.prompt)
        if not chat and self._exact() is not None:
            body |= {"prompt": asked.prompt, "stop": list(asked.stop)[:4], "logprobs": 1}
            found = [
                choice.sample(asked.stop)
                for choice in self._draw("completions", Choices[Text], body, asked.n, asked.seed, hear)
            ]
        elif chat and chatml.read(asked.prompt).thinking:
            found = [self._thought(asked, hear)]
        else:
            body |= {**self._messages(asked.prompt), "logprobs": True}
            replies = self._replies(body, asked.n, asked.seed, lambda _: "", hear)
            found = [choice.sample(asked.stop) for choice in replies]
        blotted = self._endpoint.blotted
        return [replace(each, text=blotted(each.text), thought=blotted(each.thought)) for each in found]

    def _thought(self, asked: Continue, hear: Parts) -> Sample:
        """What the model thinks before it replies; it need not come to an end with that."""
        body = {
            **self._messages(asked.prompt),
            "max_tokens": asked.max_tokens + REPLY_ROOM,
            "temperature": asked.temperature,
            "chat_template_kwargs": {"enable_thinking": True},
        }
        choices = self._draw(_CHAT, Choices[ChatTurn], body, 1, asked.seed, hear)
        return Sample(choices[0].thought if choices else "", 0.0, 0)

    def _voted(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        commands = dict.fromkeys(option.removesuffix(chatml.END).strip() for option in options)
        heard: Counter[str] = Counter()
        if self._votes:
            listed = "\n".join([self._choice, *(f"- {command}" for command in commands)])
            chat = chatml.is_chat(prompt)
            body = {
                **self._messages(chatml.aside(prompt, listed) if chat else f"{prompt}\n\n{listed}"),
                "max_tokens": 8 + max(map(len, commands)) // 2,
                "temperature": 1.0,
            }
            known = {_plainly(command): command for command in commands}

            def vote(choice: ChatTurn) -> str:
                return known.get(_plainly(choice.sample(("\n",)).text), "")

            def fault(choice: ChatTurn) -> str:
                return "" if vote(choice) else "names none of the commands"

            heard.update(filter(None, map(vote, self._replies(body, self._votes, 0, fault))))
        share, total = 1 / len(commands), heard.total() + 1
        counted = [heard[option.removesuffix(chatml.END).strip()] for option in options]
        return [OptionScore(math.log((count + share) / total), 1) for count in counted]

    def _messages(self, prompt: str) -> dict[str, Any]:
        """A prompt as the messages of a request."""
        if not chatml.is_chat(prompt):
            return {"messages": [Message("system", self._instruction), Message("user", prompt)]}
        told = chatml.read(prompt)
        messages = list(told.messages)
        if told.thought and not told.thinking:
            # Few servers go on with a reply that was begun: what was thought is said instead.
            messages += [Message("assistant", told.thought), Message("user", _ACT)]
        return {"messages": messages}

    def _replies(
        self,
        body: dict[str, Any],
        n: int,
        seed: int,
        fault: Callable[[ChatTurn], str],
        hear: Parts = _unheard,
    ) -> list[ChatTurn]:
        """Replies of which one at least can be used. Raises `ModelError` where after a few requests none can.

        Args:
            body: of the request, with the messages.
            n: how many.
            seed: of the first.
            fault: why one that says something cannot be used all the same; empty where it can.
            hear: of each, what is told what it and those after it say so far.
        """
        reason = ""
        for attempt in range(FEW):
            sent = dict(body)
            if self._thinks:
                # Asked not to, as vLLM, SGLang and llama.cpp know it and as Ollama and others do; and given the
                # room to finish where it does all the same.
                sent |= {"chat_template_kwargs": {"enable_thinking": False}, "reasoning_effort": "none"}
                sent["max_tokens"] += ROOM
            choices = self._draw(_CHAT, Choices[ChatTurn], sent, n, seed + attempt * n, hear)
            self._thinks |= any(choice.thought for choice in choices)
            faults = [choice.fault or fault(choice) for choice in choices]
            if not all(faults):
                return choices
            reason = next(iter(faults), "gives no choices")
        raise self._endpoint.away(f"none of its replies can be used: it {reason}")

    def _exact(self) -> ExactScores | None:
        """How the server scores exactly; found out once."""
        with self._finding_out:
            if self._found is None:
                exact = None if self._api == "chat" else ExactScores.found(self._endpoint, self._served)
                if exact is None and self._api == "completions":
                    exact = ExactScores(self._endpoint, "echo")
                self._found = (exact,)
            return self._found[0]

    def _draw(
        self, path: str, shape: type[Choices[C]], body: dict[str, Any], n: int, seed: int, hear: Parts
    ) -> list[C]:
        """Continuations: all in one request where the server gives as many, else one by one."""
        found: list[C] = []
        if n > 1 and self._many:
            found = self._post(path, shape, {**body, "seed": seed, "n": n}, hear(0))[:n]
            self._many = len(found) == n

        def one(i: int) -> list[C]:
            return self._post(path, shape, {**body, "seed": seed + i}, hear(i))[:1]

        missing = range(len(found), n)
        if len(missing) < 2:
            return found + [choice for i in missing for choice in one(i)]
        with ThreadPoolExecutor(PARALLEL) as pool:
            return found + [choice for choices in pool.map(one, missing) for choice in choices]

    def _post(self, path: str, shape: type[Choices[C]], body: dict[str, Any], hear: Hear | None) -> list[C]:
        """One request, without the fields that this server is known to refuse."""
        if hear is not None:
            body = {**body, "stream": True}
        while True:
            sent = {"model": self._served, **{name: body[name] for name in body if name not in self._refused}}
            if "messages" in body:
                messages = chatml.folded(body["messages"]) if "system" in self._refused else body["messages"]
                sent["messages"] = [asdict(each) for each in messages]
            if "max_tokens" in self._refused:
                sent["max_completion_tokens"] = body["max_tokens"]
            listening = hear if "stream" in sent else None
            try:
                reply = self._endpoint.post(path, sent, shape, listening)
                return sorted(reply.choices, key=lambda choice: choice.index)
            except RefusedError as refused:
                named = [name for name in _OPTIONAL if name in sent and _names(refused.reason, name)]
                if "messages" in sent and sent["messages"][0]["role"] == "system":
                    named += ["system"] if _names(refused.reason.lower(), "system") else []
                if not named:
                    raise self._endpoint.away(refused.reason) from refused
                self._refused.add(named[0])


def _plainly(said: str) -> str:
    """A command as it is compared: chat models add bullets, quotes and full stops."""
    return " ".join(said.casefold().split()).strip(_TRIMMED)


def _names(reason: str, field: str) -> bool:
    """Whether a refusal names a field."""
    other = _OTHER_WORDS.get(field)
    return re.search(rf"(?<!\w){field}(?!\w)", reason) is not None or (other is not None and other in reason)
