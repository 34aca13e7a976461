"""A model's own chat template: how its tokenizer writes a conversation.

A template is a program that came with a model's files. It is run within bounds of memory (`bounded_jinja`), length
and time, and what is said in a conversation loses the tokenizer's special tokens first.
"""

from __future__ import annotations

import ctypes
import queue
import threading
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from sandbox.errors import ModelError
from sandbox.llm import catalogue, chatml
from sandbox.llm.chatml import Message
from sandbox.text import clean_line

_MAX_SOURCE = 256 * 1024
"""Longest template, in characters."""
_MAX_TEXT = 4 * 1024 * 1024
"""Longest text that a template may make of a conversation, in characters."""
SECONDS = 10.0
"""Longest that a template may take."""
_DAY = "1 January 2026"
"""The day that a template is told it is, since the same conversation has to be the same prompt for ever."""
_WHO, _ASKED, _SAID = "a persona", "a question", "an answer"
_KEPT = 64


class ChatTemplate:
    """The chat template of a tokenizer; conversations that have none are written as transcripts.

    Args:
        tokenizer: of transformers.
    """

    def __init__(self, tokenizer: Any) -> None:
        self._tokenizer = tokenizer
        self.rendered = lru_cache(_KEPT)(self._rendered)
        """A prompt in chat form as the model's own text, up to and with the beginning of its reply."""

    @classmethod
    def of_folder(cls, folder: Path) -> ChatTemplate:
        """That of a model's folder, whose weights are not loaded. Raises `ModelError`."""
        import transformers

        try:
            with catalogue.plain_files(folder) as files:
                return cls(
                    transformers.AutoTokenizer.from_pretrained(
                        files, local_files_only=True, trust_remote_code=False
                    )
                )
        except (OSError, ValueError) as error:
            raise ModelError(
                f"has no tokenizer that can be read: {clean_line(str(error))}", where=folder
            ) from error

    @cached_property
    def chats(self) -> bool:
        """Whether there is one, and it can be used."""
        source = getattr(self._tokenizer, "chat_template", None)
        if not source or len(str(source)) > _MAX_SOURCE:
            return False
        try:
            return _ASKED in self._render([Message("user", _ASKED)])
        except ModelError:
            return False

    @cached_property
    def closing(self) -> str:
        """What the template writes behind a reply, up to the token that ends it."""
        if not self.chats:
            return "\n"
        with_reply = self._render([Message("user", _ASKED), Message("assistant", _SAID)], ask=False)
        behind = with_reply.rpartition(_SAID)[2]
        ends = [behind.find(token) + len(token) for token in self._special if token in behind]
        return behind[: min(ends)] if ends else (self._tokenizer.eos_token or "\n")

    def reply(self, option: str) -> str:
        """An option as the model's own text: one that ends a reply in chat form ends as the template ends it."""
        if not option.endswith(chatml.END):
            return option
        said = option.removesuffix(chatml.END)
        return said + self.closing if self.chats else f" {said}\n"

    def _rendered(self, prompt: str) -> str:
        told = chatml.read(prompt)
        messages = [Message(each.role, self._stripped(each.content)) for each in told.messages]
        if not self.chats:
            return _transcript(messages) + told.begun
        thinks = told.begun.startswith(chatml.THINK)
        if not self._has_system:
            messages = chatml.folded(messages)
        text, begun = self._render(messages, thinks=thinks), told.begun
        opened = text.rstrip().endswith(chatml.THINK)
        if opened and thinks:
            text, begun = text.rstrip(), begun.removeprefix(chatml.THINK)
        elif opened:  # it always begins with a thought: an empty one
            text = f"{text.rstrip()}\n\n{chatml.THOUGHT}\n\n"
        return text + begun

    @cached_property
    def _has_system(self) -> bool:
        try:
            return _WHO in self._render([Message("system", _WHO), Message("user", _ASKED)])
        except ModelError:
            return False

    @cached_property
    def _special(self) -> tuple[str, ...]:
        return tuple(token for token in self._tokenizer.get_added_vocab() if len(token) > 2)

    def _stripped(self, said: str) -> str:
        """The words without any token that has a meaning of its own to the model."""
        before = None
        while said != before:
            before = said
            for token in self._special:
                said = said.replace(token, "")
        return said

    @cached_property
    def _write(self) -> Callable[[Mapping[str, Any]], str]:
        """The template itself. Raises whatever it may raise."""
        from sandbox.llm import bounded_jinja

        return bounded_jinja.compiled(self._tokenizer.get_chat_template())

    def _render(self, messages: Sequence[Message], *, ask: bool = True, thinks: bool = False) -> str:
        """What the template makes of messages. Raises `ModelError`."""
        conversation = [{"role": each.role, "content": each.content} for each in messages]

        told = {
            "messages": conversation,
            "tools": None,
            "documents": None,
            "add_generation_prompt": ask,
            "enable_thinking": thinks,
            "strftime_now": lambda form: _DAY,
            **self._tokenizer.special_tokens_map,
        }
        text = _within(SECONDS, lambda: self._write(told))
        if len(text) > _MAX_TEXT:
            raise ModelError("its chat template writes far too much", hint=_HINT)
        return text


_HINT = "say `prompt: {form: transcript}` on the card"


def _transcript(messages: Sequence[Message]) -> str:
    """The messages as a story file prints them."""
    lines = [f"> {each.content}\n" if each.role == "assistant" else f"{each.content}\n\n" for each in messages]
    return "".join(lines) + ">"


def _within(seconds: float, render: Callable[[], str]) -> str:
    """What a template writes, or `ModelError` where it fails or takes longer."""
    found: queue.SimpleQueue[str | Exception] = queue.SimpleQueue()

    def work() -> None:
        try:
            found.put(render())
        except Exception as error:  # whatever a stranger's program may raise
            found.put(error)

    thread = threading.Thread(target=work, name="chat template", daemon=True)
    thread.start()
    try:
        answer = found.get(timeout=seconds)
    except queue.Empty:
        # The interpreter raises it in that thread at its next step: what runs on for ever ends.
        there = ctypes.c_ulong(thread.ident or 0)
        ctypes.pythonapi.PyThreadState_SetAsyncExc(there, ctypes.py_object(TimeoutError))
        raise ModelError(f"its chat template takes longer than {seconds:g} s", hint=_HINT) from None
    if isinstance(answer, Exception):
        raise ModelError(f"its chat template fails: {clean_line(str(answer))}", hint=_HINT) from answer
    return answer
