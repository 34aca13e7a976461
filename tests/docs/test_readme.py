"""What the README and the pages of docs/ tell people to type is typed here."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for number, (kind, body) in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8")), start=1):
            if kind == language:
                found.append((f"{page.name}:{number}", body))
    return found


def _commands() -> list[tuple[str, str]]:
    return [
        (f"{where}:{line.split()[0]}-{n}", line)
        for where, body in _blocks("console")
        for n, line in enumerate(line.removeprefix("$ ") for line in body.splitlines() if line.startswith("$ "))
    ]


@pytest.mark.parametrize("command", [c for _, c in _commands()], ids=[w for w, _ in _commands()])
def test_command_runs(command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    words = shlex.split(command, comments=True)
    if words[0] == "make":
        targets = re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        assert words[1] in targets
        return
    assert words[0] == "sandbox"
    monkeypatch.setenv("SANDBOX_HOME", str(tmp_path))
    done = subprocess.run(
        [sys.executable, "-c", "from sandbox.cli import main; main()", *words[1:]],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        stdin=subprocess.DEVNULL,
        timeout=280,
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("code", [c for _, c in _blocks("python")], ids=[w for w, _ in _blocks("python")])
def test_python_block_runs(code: str, tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_reference_of_the_command_line_is_up_to_date() -> None:
    from sandbox.cli import reference

    assert (ROOT / reference.FILE).read_text(encoding="utf-8") == reference.markdown(), "run `make docs`"
