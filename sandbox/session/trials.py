"""Agents that play a world to see how hard it is: in a process of their own, so that writing goes on meanwhile."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Event, Thread
from typing import Any

from sandbox.errors import SandboxError
from sandbox.text import clean_line

_PROGRAM = "from sandbox.cli import main; main()"


@dataclass(frozen=True, slots=True)
class Standing:
    """How one agent has fared so far, as `sandbox world difficulty --json` tells."""

    agent: str
    progress: str
    practice: int
    episodes: int
    alike: bool
    """Whether it plays the same game each time."""
    won: tuple[tuple[int, float, float, float], ...]
    """Turns, the share of games that were won within them, and the bounds of its confidence interval."""


def run(file: Path, stop: Event) -> Iterator[Standing]:
    """Play until all is known, or until it is to stop. Raises `SandboxError` where it cannot be played."""
    command = [sys.executable, "-c", _PROGRAM, "world", "difficulty", str(file), "--json"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, encoding="utf-8"
    )
    Thread(target=_end_on, args=(stop, process), daemon=True).start()
    with process:
        try:
            assert process.stdout is not None and process.stderr is not None
            for line in process.stdout:
                yield _standing(json.loads(line))
            if process.wait() and not stop.is_set():
                said = process.stderr.read().strip().splitlines()
                raise SandboxError(
                    clean_line(said[-1].removeprefix("sandbox: ")) if said else "the agents gave up"
                )
        finally:
            process.terminate()


def _end_on(stop: Event, process: subprocess.Popen[str]) -> None:
    while process.poll() is None:
        if stop.wait(0.1):
            process.terminate()
            return


def _standing(told: dict[str, Any]) -> Standing:
    won = tuple((int(turns), rate["value"], rate["low"], rate["high"]) for turns, rate in told["won"].items())
    return Standing(told["agent"], told["progress"], told["practice"], told["episodes"], told["alike"], won)
