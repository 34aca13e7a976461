"""What the processes get that handle files of strangers."""

from __future__ import annotations

import resource
from pathlib import Path

import pytest

from sandbox import processes
from sandbox.world import story
from sandbox.world.interpreter import Interpreter


def test_the_interpreter_gets_no_secrets_and_little_memory(
    echo_story: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("EXAMPLE_API_KEY", "s3cret")
    monkeypatch.setenv("SANDBOX_TOKEN", "s3cret")
    interpreter = Interpreter(story.read(echo_story))
    try:
        assert interpreter.start(0).text
        assert interpreter.pid is not None
        environment = Path(f"/proc/{interpreter.pid}/environ").read_bytes()
        assert b"PYTHONPATH=" in environment and b"s3cret" not in environment
        assert resource.prlimit(interpreter.pid, resource.RLIMIT_AS) == (512 << 20, 512 << 20)
    finally:
        interpreter.close()


def test_least_environment_is_what_python_needs(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("PGPASSWORD", "AWS_SECRET_ACCESS_KEY", "SSH_AUTH_SOCK", "LD_PRELOAD", "PYTHONSTARTUP"):
        monkeypatch.setenv(name, "s3cret")
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    found = processes.least_environment(OMP_NUM_THREADS="1")
    assert "s3cret" not in found.values()
    assert found["LC_ALL"] == "C.UTF-8" and found["OMP_NUM_THREADS"] == "1" and "PATH" in found
    assert found["PYTHONPATH"].startswith(str(Path(processes.__file__).parent.parent))
