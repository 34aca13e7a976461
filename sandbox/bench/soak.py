"""Whether a program that goes on for long needs more and more memory: the real commands, each in its process.

What counts is the resident memory after a warm-up, in which models are loaded and caches fill: by how much the
last fifth of the samples is above the first, each by its median.
"""

from __future__ import annotations

import json
import os
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import suppress
from math import inf
from pathlib import Path

from sandbox.bench.report import Figure, Report, machine
from sandbox.bench.terminal import Terminal
from sandbox.errors import SandboxError
from sandbox.paths import Home
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.types import Progress
from sandbox.world import registry

_PROGRAM = (sys.executable, "-m", "sandbox")
_WARM_UP = 0.3
"""Share of the samples that does not count."""
_EVERY = 0.5
"""Seconds between two samples."""
_TARGET = 5.0
_PATIENCE = 120.0
_LEARNING, _SCREEN = "honey", "tutorial"


def run(home: Home, *, minutes: float, quick: bool, progress: Progress) -> Report:
    """Measure. The default model must be on this machine.

    Args:
        home: where the worlds are; saves are made in a folder that is gone afterwards.
        minutes: how long a run without and a run with a save go on.
        quick: less of everything else: a fifth of the decisions and turns.
        progress: told what is going on.
    """
    started = time.perf_counter()
    share = 5 if quick else 1
    with tempfile.TemporaryDirectory(prefix="sandbox-soak-") as folder:
        soak = _Soak(home, Path(folder), progress)
        found = {
            "run": soak.learning(60 * minutes),
            "run_with_save": soak.learning(60 * minutes, "--save", "learning"),
            f"lm_q_{300 // share}_decisions": soak.deciding(300 // share),
            f"screen_{500 // share}_turns": soak.screen(500 // share),
            f"save_of_{10_000 // share}_turns": soak.long_save(10_000 // share, 200 // share),
        }
    figures = [
        Figure.at_most(f"rss_growth_percent_{name}", growth(each), _TARGET, "%") for name, each in found.items()
    ]
    figures += [Figure(f"rss_mib_{name}", each[-1] / 2**20, "MiB") for name, each in found.items()]
    return Report(machine(), time.perf_counter() - started, figures)


def growth(samples: Sequence[float]) -> float:
    """By how many percent memory grew after the warm-up. Raises `ValueError` where there are too few samples."""
    counted = samples[int(_WARM_UP * len(samples)) :]
    fifth = len(counted) // 5
    if not fifth:
        raise ValueError(f"{len(samples)} samples say nothing")
    first, last = statistics.median(counted[:fifth]), statistics.median(counted[-fifth:])
    return 100 * (last - first) / first


def resident(pid: int) -> int:
    """Bytes of memory that a process has in use (RSS); 0 where it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")
    except FileNotFoundError:
        told = subprocess.run(["ps", "-o", "rss=", "-p", str(pid)], capture_output=True, text=True, check=False)
        return 1024 * int(told.stdout or 0)


class _Soak:
    def __init__(self, home: Home, folder: Path, progress: Progress) -> None:
        self._folder, self._progress = folder, progress
        self._files = {name: str(registry.world_file(name, home=home)) for name in (_LEARNING, _SCREEN)}
        self._environment = {
            **os.environ,
            "SANDBOX_SETTINGS": str(folder / "none.toml"),
            "SANDBOX_RUNTIME": str(folder),  # the models' processes are this benchmark's own, and are counted
        }

    def learning(self, seconds: float, *more: str) -> list[float]:
        """A Q-learner that plays on and on."""
        words = ("run", self._files[_LEARNING], "--agent", "q-table", "--episodes", "100000", *more)
        self._progress(f"a run of {seconds / 60:g} minutes {' '.join(more)}")
        return self._sampled(words, seconds)

    def deciding(self, decisions: int) -> list[float]:
        """An agent with a language model and a learner, in one run of so many decisions."""
        steps = 20
        words = ("run", self._files[_SCREEN], "--agent", "lm-q", "--max-steps", str(steps))
        self._progress(f"{decisions} decisions of lm-q")
        return self._sampled((*words, "--episodes", str(decisions // steps)))

    def _sampled(self, words: Sequence[str], seconds: float = inf) -> list[float]:
        """The memory of a run from its second episode on, until it ends or is ended."""
        lines, errors = self._folder / "episodes.jsonl", self._folder / "errors"
        lines.unlink(missing_ok=True)
        with errors.open("wb") as stream:
            process = subprocess.Popen(
                [*_PROGRAM, "--home", str(self._folder), *words, "--jsonl", str(lines)],
                stdout=subprocess.DEVNULL,
                stderr=stream,
                env=self._environment,
            )
        samples: list[float] = []
        end = inf
        try:
            while process.poll() is None and time.monotonic() < end:
                time.sleep(_EVERY)
                if end == inf and lines.exists() and lines.stat().st_size:
                    end = time.monotonic() + seconds if seconds < inf else sys.float_info.max
                if end < inf and (memory := self._memory(process.pid)):  # none when it has just ended
                    samples.append(memory)
        finally:
            process.kill()
            for record in self._records():
                record.unlink(missing_ok=True)  # then its process ends; the pid may be another's by now
        if process.wait() not in (0, -signal.SIGKILL):
            said = errors.read_text(encoding="utf-8", errors="replace")
            raise SandboxError(f"the run ended with {process.returncode}: {said[-500:]}")
        return samples

    def _memory(self, pid: int) -> int:
        """Of a program and the processes of its models; 0 when it has just ended."""
        own = resident(pid)
        return own and own + sum(map(resident, self._models()))

    def _models(self) -> list[int]:
        """The processes of language models that the programs measured have begun."""
        found = []
        for record in self._records():
            with suppress(FileNotFoundError):  # it ends just now
                found.append(int(json.loads(record.read_text(encoding="utf-8"))["pid"]))
        return found

    def _records(self) -> list[Path]:
        return list((self._folder / "sandbox").glob("*.json"))

    def screen(self, turns: int) -> list[float]:
        """The screen, with a person who types, and an agent that is asked each time."""
        with self._shown(self._files[_SCREEN], "--agent", "q-table", "--save", "screen") as terminal:
            return list(self._typed(terminal, 0, turns))

    def long_save(self, turns: int, more: int) -> list[float]:
        """The screen over a save of many turns, which is played on."""
        self._progress(f"playing {turns:,} turns")
        world = registry.open_world(self._files[_SCREEN])
        store = Store.create(self._folder / "saves" / "long")
        session = Session.create(store, world, dict.fromkeys(world.seats), seed=0)
        store.wait_for_disk(False)
        for number in range(turns):
            session.act("look" if number % 2 else "inventory")
        session.close()
        world.close()
        with self._shown("--save", "long", "--agent", "q-table") as terminal:
            return list(self._typed(terminal, turns, more))

    def _typed(self, terminal: Terminal, turn: int, more: int) -> Iterator[float]:
        terminal.until(lambda text: "wants" in text, _PATIENCE)
        for now in range(turn + 1, turn + more + 1):
            terminal.type("look\r" if now % 2 else "inventory\r")
            terminal.until(lambda text, now=now: f"turn {now} " in text, _PATIENCE)  # type: ignore[misc]
            yield resident(terminal.pid)
            if now % 10 == 0:
                self._progress(f"turn {now:,} of {turn + more:,} on the screen")

    def _shown(self, *words: str) -> Terminal:
        return Terminal(
            [*_PROGRAM, "--home", str(self._folder), "play", *words], 100, 30, environment=self._environment
        )
