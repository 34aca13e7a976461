"""How the screen is left where nobody asked it to: signals, a terminal that is gone, the shell's job control."""

from __future__ import annotations

import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sandbox.bench.terminal import Terminal
from sandbox.store import Store

CURSOR, WRAP = 25, 7
MINE = {1000, 1003, 1004, 1006, 1015, 1049}
"""Mouse, focus and alternate screen, as the screen has them."""
IGNORING = "import signal; signal.signal(signal.SIGHUP, signal.SIG_IGN)"


def played(folder: Path) -> list[str]:
    """The commands of a save that nobody holds any more."""
    with Store.open(folder) as store:
        return [node.command for node in store.timeline().nodes() if node.command]


def walked_up(play: Callable[..., Terminal], before: str = "") -> Terminal:
    terminal = play("lighthouse", "--agent", "q-table", "--save", "friday", before=before)
    terminal.until(lambda text: "Landing" in text and "wants" in text)
    terminal.type("go up\r")
    terminal.until(lambda text: "Cliff path" in text)
    assert terminal.modes >= MINE
    assert not terminal.modes & {CURSOR, WRAP}
    return terminal


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP])
def test_told_to_end_it_closes_the_save_and_puts_the_terminal_back(
    play: Callable[..., Terminal], tmp_path: Path, number: signal.Signals
) -> None:
    terminal = walked_up(play)
    terminal.signal(number)
    assert terminal.exit_code() == 128 + number
    assert terminal.modes == {CURSOR, WRAP}
    assert played(tmp_path / "saves" / "friday") == ["go up"]
    assert not (tmp_path / "saves" / "friday" / "save.db-wal").exists()  # closed, not only left


@pytest.mark.parametrize("before", ["", IGNORING])
def test_it_leaves_a_terminal_that_is_gone(play: Callable[..., Terminal], tmp_path: Path, before: str) -> None:
    terminal = walked_up(play, before)
    terminal.hang_up()
    assert terminal.exit_code() == 128 + signal.SIGHUP
    assert played(tmp_path / "saves" / "friday") == ["go up"]


@pytest.fixture
def deaf() -> Iterator[int]:
    """Port of a server that takes every request and answers none."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_it_does_not_wait_for_a_model_that_never_answers(
    play: Callable[..., Terminal], tmp_path: Path, deaf: int
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "far.yaml").write_text(
        f"name: far\ncombine: {{method: prior}}\n"
        f"remote: {{base_url: 'http://127.0.0.1:{deaf}/v1', model: none, timeout: 600}}\n"
    )
    terminal = play("lighthouse", "--agent", "far", "--save", "friday")
    terminal.until(lambda text: "Landing" in text and "thinking" in text)
    terminal.signal(signal.SIGTERM)
    assert terminal.exit_code() == 128 + signal.SIGTERM
    assert terminal.modes == {CURSOR, WRAP}


def test_the_shell_suspends_it_and_brings_it_back(tmp_path: Path) -> None:
    """Under a program that waits for it, as `make` does: both must stop, or the shell is never told."""
    line = shlex.join([sys.executable, "-m", "sandbox", "play", "lighthouse", "--agent", "q-table"])
    (tmp_path / "waits.sh").write_text(f"{line}\necho left with $?\n")
    environment = {**os.environ, "SANDBOX_HOME": str(tmp_path), "PS1": "ready> ", "HISTFILE": ""}
    with Terminal(["bash", "--norc", "-i"], environment=environment) as terminal:
        terminal.until(lambda text: "ready>" in text)
        terminal.type(f"bash {tmp_path}/waits.sh\r")
        terminal.until(lambda text: "Landing" in text and "wants" in text)
        terminal.type("\x1a")
        terminal.until(lambda text: "Stopped" in text and "ready>" in text)
        assert not terminal.modes & MINE
        terminal.type("clear; bg\r")
        terminal.until(lambda text: "&" in text)
        terminal.type("wait\r")  # until it is stopped again: what is behind may not draw
        terminal.until(lambda text: "Stopped" in text)
        assert not terminal.modes & MINE
        terminal.type("clear; fg\r")
        terminal.until(lambda text: "Landing" in text and "wants" in text)
        assert terminal.modes >= MINE
        terminal.type("go up\r")
        terminal.until(lambda text: "Cliff path" in text)
        terminal.type("\x11")
        terminal.until(lambda text: "left with 0" in text)
        assert not terminal.modes & MINE
        terminal.type("exit\r")
        assert terminal.exit_code() == 0
