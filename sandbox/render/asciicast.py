"""Terminal recordings in the format asciicast v2, which asciinema and its web player show."""

from __future__ import annotations

import json
import time
from typing import TextIO

_IDLE = 2.0
"""Seconds of silence that players shorten longer ones to."""


class Recording:
    """A recording being written: a header, then a line for all that a moment wrote.

    Args:
        stream: where it goes.
        size: columns and rows of the terminal.
        title: what is recorded.
        began: when that was; Unix time, seconds.
    """

    def __init__(self, stream: TextIO, size: tuple[int, int], title: str, *, began: float | None = None) -> None:
        self._stream = stream
        self._at = 0.0
        self._text = ""
        header = {
            "version": 2,
            "width": size[0],
            "height": size[1],
            "timestamp": int(time.time() if began is None else began),
            "idle_time_limit": _IDLE,
            "title": title,
            "env": {"TERM": "xterm-256color"},
        }
        self._put(header)

    def write(self, seconds: float, text: str) -> None:
        """What the terminal was sent, so many seconds after the beginning."""
        if seconds != self._at:
            self._flush()
            self._at = seconds
        self._text += text

    def resize(self, seconds: float, size: tuple[int, int]) -> None:
        """The terminal has another size from now on."""
        self._flush()
        self._put([round(seconds, 6), "r", f"{size[0]}x{size[1]}"])

    def close(self) -> None:
        """Write what is left; the stream stays open."""
        self._flush()
        self._stream.flush()

    def _flush(self) -> None:
        if self._text:
            self._put([round(self._at, 6), "o", self._text])
        self._text = ""

    def _put(self, line: object) -> None:
        self._stream.write(json.dumps(line, ensure_ascii=False) + "\n")
