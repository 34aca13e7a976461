"""The whole game in a real terminal: a process behind a pseudo-terminal, and an emulator that draws it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Callable
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from sandbox.bench.terminal import Terminal


def test_play_reward_undo_leave_and_come_back(play: Callable[..., Terminal]) -> None:
    terminal = play("lighthouse", "--agent", "q-table", "--save", "friday")
    terminal.until(lambda text: "Landing" in text and "What do you do?" in text and "wants" in text)
    terminal.type("go up\r")
    terminal.until(lambda text: "> go up" in text and "Cliff path" in text)
    terminal.type("/reward +1\r")
    terminal.until(lambda text: "+1 from" in text and "Q(s, go up)" in text)
    terminal.type("go east\r")
    terminal.until(lambda text: "> go east" in text)
    terminal.type("undo\r")
    terminal.until(lambda text: "> go east" not in text)
    terminal.type("\x11")
    left = terminal.until(lambda text: "Come back with" in text)
    assert "sandbox play --save friday" in left
    assert terminal.exit_code() == 0

    again = play("--save", "friday", columns=160, rows=45)
    text = again.until(lambda text: "> go up" in text and "+1 from" in text and "Mind" in text)
    assert "> go east" not in text


def test_a_broken_save_is_one_line_on_the_terminal(play: Callable[..., Terminal], tmp_path: Path) -> None:
    (tmp_path / "saves" / "bad").mkdir(parents=True)
    (tmp_path / "saves" / "bad" / "save.db").write_bytes(b"no database" * 100)
    terminal = play("--save", "bad")
    text = terminal.until(lambda text: "save.db" in text.replace("\n", ""))
    assert terminal.exit_code() == 2
    assert "Traceback" not in text


def test_the_screen_has_no_model_in_its_process_and_outlives_the_models(
    play: Callable[..., Terminal], monkeypatch: pytest.MonkeyPatch
) -> None:
    heavy = "sorted({'torch', 'transformers', 'peft', 'trl'} & set(sys.modules))"
    tell = f"import atexit, sys\natexit.register(lambda: print('loaded:', {heavy}))"
    with TemporaryDirectory(dir="/tmp") as short:
        monkeypatch.setenv("SANDBOX_RUNTIME", short)
        terminal = play("honey", "--agent", "lm-q", "--save", "friday", columns=100, rows=30, before=tell)
        terminal.until(lambda text: "wants" in text)
        terminal.type("/step\r")
        terminal.until(lambda text: "turn 1" in text and "wants" in text)
        (record,) = Path(short, "sandbox").glob("*.json")
        os.kill(json.loads(record.read_text())["pid"], signal.SIGKILL)
        terminal.type("/step\r")
        terminal.until(lambda text: "turn 2" in text and "wants" in text)
        terminal.type("\x11")
        left = terminal.until(lambda text: "loaded:" in text)
        assert "loaded: []" in left
        assert terminal.exit_code() == 0
