"""Server-sent events of a streamed reply, put together to the reply that would have come in one piece."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from typing import Any

from sandbox.llm import chatml, replies

_DATA = b"data:"
_DONE = b"[DONE]"


class Events:
    """What has come so far of a stream by `/completions` or `/chat/completions`.

    Args:
        hear: told after each event what the texts say so far, by their indices; thoughts are not told.
    """

    def __init__(self, hear: Callable[[Sequence[str]], None]) -> None:
        self._hear = hear
        self._rest = b""
        self._choices: dict[int, dict[str, Any]] = {}
        self._usage: Any = None
        self._done = False

    def feed(self, data: bytes) -> None:
        """Take in bytes as they come. Raises `ValueError` where they are no events, and `StreamedError`."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        for line in lines:
            if line.startswith(_DATA):
                self._take(line.removeprefix(_DATA).strip())

    def reply(self) -> dict[str, Any]:
        """The whole reply. Raises `ValueError` where the stream broke off."""
        self.feed(b"\n")
        finished = self._choices and all(each["finish_reason"] for each in self._choices.values())
        if not (self._done or finished):
            raise ValueError("the stream broke off")
        return {"choices": [self._choices[index] for index in sorted(self._choices)], "usage": self._usage}

    def _take(self, event: bytes) -> None:
        if event == _DONE or not event:
            self._done |= event == _DONE
            return
        if (error := replies.error_of(event)) is not None:
            raise StreamedError(error)
        said = json.loads(event)
        if not isinstance(said, dict):
            raise ValueError("an event that is no object")
        self._usage = said.get("usage") or self._usage
        if not isinstance(parts := said.get("choices") or [], list):
            raise ValueError("choices that are no list")
        for part in parts:
            self._add(part)
        self._hear([_visible(self._choices[index]) for index in sorted(self._choices)])

    def _add(self, part: Any) -> None:
        if not isinstance(part, dict) or not isinstance(index := part.get("index", 0), int):
            raise ValueError("a choice that is no object")
        whole = self._choices.setdefault(index, {"index": index, "finish_reason": None, "text": "", "message": {}})
        whole["finish_reason"] = part.get("finish_reason") or whole["finish_reason"]
        _append(whole, part, ("text",))
        delta = part.get("delta")
        if isinstance(delta, dict):
            _append(whole["message"], delta, ("content", "reasoning_content", "reasoning"))
            if isinstance(calls := delta.get("tool_calls"), list):
                whole["message"].setdefault("tool_calls", []).extend(calls)
        if isinstance(told := part.get("logprobs"), dict):
            for name in ("content", "token_logprobs"):
                if isinstance(told.get(name), list):
                    whole.setdefault("logprobs", {}).setdefault(name, []).extend(told[name])


class StreamedError(Exception):
    """The server gave up amid a stream."""


def _append(whole: dict[str, Any], part: dict[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if isinstance(said := part.get(name), str):
            whole[name] = whole.get(name, "") + said


def _visible(choice: dict[str, Any]) -> str:
    said: str = choice["message"].get("content", "") or choice["text"]
    return chatml.apart(said)[1]
