"""How fast the screen answers: the real program in a real terminal, while its model thinks and while it trains.

A key's time is what a person would measure: from the key going into the terminal until its letter comes out. The
letters typed are such as nothing else prints. Starts are set beside that of a bare Textual application, and keys
beside the same keys while nothing is decided, all measured in the same run.
"""

from __future__ import annotations

import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from itertools import chain
from pathlib import Path

from sandbox.bench.report import Figure, Report, machine, percentile
from sandbox.bench.terminal import Terminal
from sandbox.paths import Home
from sandbox.session.session import Session
from sandbox.store import Store
from sandbox.testing.walkthrough import parse_walkthrough
from sandbox.tune.rounds import Round
from sandbox.types import Progress
from sandbox.world.native import NativeWorld, load_world

_PROGRAM = (sys.executable, "-m", "sandbox")
_BARE = """
from textual.app import App
from textual.widgets import Input

class Bare(App):
    def compose(self):
        yield Input(placeholder="What do you do?")

Bare().run()
"""
"""The least that Textual does: what the program's own start is set beside."""
_SIZE = (100, 30)
_LETTERS = "àèìòùâêîôûäëïöüñõãåøæþðß"
_ASK = "What do you do?"
_WORLD = "tutorial"
_MODEL_CARD = "lm-q"
_LONG = 5000
_ESCAPE, _CLEAR_LINE, _F6, _F9 = "\x1b", "\x15", "\x1b[17~", "\x1b[20~"
_PATIENCE = 120.0
_SPEAKS = 10.0
"""Seconds after which an agent has said what it wants."""


def run(home: Home, *, quick: bool, progress: Progress) -> Report:
    """Measure. The model must be on this machine.

    Args:
        home: where the tutorial's file is; saves are made in a folder that is gone afterwards.
        quick: fewer keys.
        progress: told what is going on.
    """
    started = time.perf_counter()
    keys = 60 if quick else 300
    with tempfile.TemporaryDirectory() as folder:
        bench = _Bench(home, Path(folder), keys, progress)
        starts, idle = bench.start(3 if quick else 7), bench.idle()
        figures = [
            *starts,
            *bench.deciding(idle),
            *bench.cancelling(5 if quick else 20),
            *bench.training(idle),
            *bench.long_save(1000 if quick else _LONG),
        ]
    return Report(machine(), time.perf_counter() - started, figures)


class _Bench:
    def __init__(self, home: Home, folder: Path, keys: int, progress: Progress) -> None:
        self._folder, self._keys, self._progress = folder, keys, progress
        file = home.world_file(_WORLD)
        assert file is not None, "the tutorial is bundled"
        self._file = file
        self._rng = random.Random(0)

    def start(self, times: int) -> list[Figure]:
        """From the command to a screen that shows the letter typed into it, of an agent with a language model.

        Starts of all kinds take turns, so that whatever else the machine does slows them alike.
        """
        own, bare, helped = [], [], []
        for number in range(times):
            self._progress(f"opening the screen, {number + 1} of {times}")
            own.append(_start(partial(self._play, "--agent", _MODEL_CARD, "--save", f"start-{number}")))
            bare.append(_start(partial(Terminal, [sys.executable, "-c", _BARE], *_SIZE)))
            before = time.perf_counter()
            subprocess.run([*_PROGRAM, "--help"], stdout=subprocess.DEVNULL, check=True)
            helped.append(time.perf_counter() - before)
        least = statistics.median(bare)
        return [
            Figure.below("start_seconds", statistics.median(own), 1.5, "s"),
            Figure.at_most("start_ratio_to_bare_textual", statistics.median(own) / least, 3, "x"),
            Figure.at_most("help_ratio_to_bare_textual", statistics.median(helped) / least, 1.5, "x"),
            Figure("bare_textual_start_seconds", least, "s"),
            Figure("help_seconds", statistics.median(helped), "s"),
        ]

    def idle(self) -> float:
        """The 95th percentile of the milliseconds of keys typed while nothing is decided."""
        self._progress("typing while nothing is decided")
        with self._play("--agent", _MODEL_CARD, "--save", "idle") as terminal:
            terminal.until(lambda text: "wants" in text, _PATIENCE)
            terminal.settle(_SPEAKS)
            times, _ = self._typed(terminal, lambda text: True)
        return percentile(times, 95)

    def deciding(self, idle: float) -> list[Figure]:
        """Keys typed while the agent runs and its model thinks."""
        self._progress("typing while the model decides")
        with self._running("deciding") as terminal:
            times, thinking = self._typed(terminal, lambda text: "is thinking" in text)
        return [
            Figure.at_most("key_p95_ms_deciding", percentile(times, 95), 2 * idle, "ms"),
            Figure("key_p95_ms_idle", idle, "ms"),
            Figure("key_max_ms_deciding", max(times), "ms"),
            Figure("thinking_share_deciding", thinking),
        ]

    def cancelling(self, times: int) -> list[Figure]:
        """From Esc until the screen says that the agent has stopped, its model in the middle of a decision."""
        waited = []
        with self._running("cancelling") as terminal:
            terminal.type(_ESCAPE)  # to single keys
            terminal.until(lambda text: "DECIDE" in text and "running" not in text, _PATIENCE)
            for number in range(times):
                self._progress(f"cancelling, {number + 1} of {times}")
                terminal.type("R")  # a new episode: the model is asked something new
                terminal.settle(0.3)
                terminal.type("A")
                terminal.until(lambda text: "is thinking" in text and "running" in text, _PATIENCE)
                before = time.perf_counter()
                terminal.type(_ESCAPE)
                terminal.until(lambda text: "is thinking" not in text and "running" not in text, _PATIENCE)
                waited.append(1000 * (time.perf_counter() - before))
        return [Figure.below("cancel_ms", percentile(waited, 95), 200, "ms")]

    def training(self, idle: float) -> list[Figure]:
        """Keys typed while a round that was begun on the screen trains in its own process."""
        self._progress("playing what a round can learn from")
        lines = parse_walkthrough((self._file.parent / "walkthrough.txt").read_text(encoding="utf-8"))
        walkthrough = [line.command for line in lines]
        looks = [[*walkthrough[:at], "look", *walkthrough[at:], ""] for at in range(len(walkthrough))]
        self._played("training", list(chain.from_iterable(looks)))
        self._progress("waiting for a round to train")
        try:
            times, share = self._typed_beside_a_round()
        finally:  # a round goes on without the screen that began it
            for folder in (self._folder / "saves" / "training" / "rounds").glob("*"):
                Round(folder).cancel()
                Round(folder).wait(_PATIENCE)
        return [
            Figure.at_most("key_p95_ms_training", percentile(times, 95), 2 * idle, "ms"),
            Figure("key_max_ms_training", max(times), "ms"),
            Figure("training_share_training", share),
        ]

    def _typed_beside_a_round(self) -> tuple[list[float], float]:
        with self._play("--save", "training", "--agent", _MODEL_CARD, world=False) as terminal:
            terminal.until(lambda text: "wants" in text or "over" in text, _PATIENCE)
            terminal.type(_F9)
            terminal.until(lambda text: "How to learn" in text and "cost" in text, _PATIENCE)
            for key in ("", "w", _CLEAR_LINE, "\r", "\r"):  # nothing to play before and after: it trains at once
                terminal.settle(1.0)
                terminal.type(key)
            terminal.until(lambda text: "loss" in text, 5 * _PATIENCE)
            terminal.type(_ESCAPE)
            terminal.until(lambda text: _ASK in text, _PATIENCE)
            self._progress("typing while a round trains")
            return self._typed(terminal, lambda text: "round 1: training" in text)

    def long_save(self, turns: int) -> list[Figure]:
        """Coming back to an episode of many turns, and typing in it."""
        self._progress(f"playing {turns} turns")
        self._played("long", ["look", "inventory"] * (turns // 2))
        self._progress(f"coming back to {turns} turns")
        before = time.perf_counter()
        with self._play("--save", "long", "--agent", "q-table", world=False) as terminal:
            terminal.until(lambda text: "inventory" in text, _PATIENCE)
            opened = time.perf_counter() - before
            times, _ = self._typed(terminal, lambda text: True)
        return [
            Figure(f"open_{turns}_turns_seconds", opened, "s"),
            Figure.below(f"key_p95_ms_{turns}_turns", percentile(times, 95), 50, "ms"),
        ]

    @contextmanager
    def _running(self, save: str) -> Iterator[Terminal]:
        """The screen with an agent that runs as fast as it can."""
        with self._play("--agent", _MODEL_CARD, "--save", save) as terminal:
            terminal.until(lambda text: "wants" in text, _PATIENCE)
            terminal.type("/speed 20\r")
            terminal.type(_F6)
            terminal.until(lambda text: "running" in text, _PATIENCE)
            yield terminal

    def _play(self, *words: str, world: bool = True) -> Terminal:
        home = ("--home", str(self._folder))
        named = (str(self._file),) if world else ()
        settings = {"SANDBOX_SETTINGS": str(self._folder / "none.toml")}
        return Terminal([*_PROGRAM, *home, "play", *named, *words], *_SIZE, environment={**os.environ, **settings})

    def _typed(self, terminal: Terminal, meant: Callable[[str], bool]) -> tuple[list[float], float]:
        """Milliseconds of each key, and the share of them for which the screen showed what it was meant to."""
        times, right = [], 0
        for number in range(self._keys):
            if number % 12 == 0:
                terminal.type(_CLEAR_LINE)
            terminal.settle(self._rng.uniform(0.03, 0.2))
            right += meant(terminal.text)
            times.append(1000 * _echo(terminal, _LETTERS[number % len(_LETTERS)]))
        return times, right / self._keys

    def _played(self, save: str, commands: list[str]) -> None:
        """A save of a person's play; an empty command begins the next episode."""
        world = load_world(self._file, name=_WORLD)
        assert isinstance(world, NativeWorld)
        session = Session.create(
            Store.create(self._folder / "saves" / save), world, dict.fromkeys(world.seats), seed=0
        )
        for command in commands:
            if command:
                session.act(command)
            else:
                session.new_episode()
        session.close()


def _start(begin: Callable[[], Terminal]) -> float:
    """Seconds from starting a program until its prompt shows a letter that was typed."""
    before = time.perf_counter()
    with begin() as terminal:
        terminal.until(lambda text: _ASK in text, _PATIENCE)
        _echo(terminal, "é")
        return time.perf_counter() - before


def _echo(terminal: Terminal, letter: str) -> float:
    """Seconds from a key until its letter is printed."""
    before = time.perf_counter()
    terminal.type(letter)
    while (printed := terminal.read(_PATIENCE)) is not None:
        if letter.encode() in printed:
            return time.perf_counter() - before
    raise TimeoutError(f"the program ended:\n{terminal.text}")
