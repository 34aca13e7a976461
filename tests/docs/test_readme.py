"""What the README and the pages of docs/ tell people to type is typed here."""

from __future__ import annotations

import os
import re
import shlex
from pathlib import Path

import pytest
from forks import Forks

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("*.md"))]
_BLOCK = re.compile(r"^```(\w+)[^\n]*\n(.*?)^```", re.MULTILINE | re.DOTALL)


def _blocks(language: str) -> list[tuple[str, str]]:
    """Where each is and what it says; what a translation has as well is there once."""
    found: dict[str, str] = {}
    for page in PAGES:
        for number, (kind, body) in enumerate(_BLOCK.findall(page.read_text(encoding="utf-8")), start=1):
            if kind == language:
                found.setdefault(body, f"{page.name}:{number}")
    return [(where, body) for body, where in found.items()]


def _commands() -> dict[str, str]:
    """The commands of each page."""
    found: dict[str, str] = {}
    for where, body in _blocks("console"):
        page = where.partition(":")[0]
        found[page] = found.get(page, "") + body
    return found


@pytest.mark.parametrize("block", _commands().values(), ids=_commands())
def test_commands_run(block: str, forks: Forks, tmp_path: Path) -> None:
    """Those of a page one after the other, in a folder of their own."""
    for line in block.splitlines():
        words = shlex.split(line.removeprefix("$ "), comments=True) if line.startswith("$ ") else []
        given = ""
        if words[:1] == ["printf"]:
            given, words = words[1].replace("\\n", "\n"), words[words.index("|") + 1 :]
        if words[:1] == ["make"]:
            assert words[1] in re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
        elif words:
            assert words[0] == "sandbox"
            home = {**os.environ, "SANDBOX_HOME": str(tmp_path)}
            done = forks.run(*words[1:], cwd=tmp_path, given=given, env=home)
            assert done.returncode == 0, f"{line}\n{done.stdout}{done.stderr}"


@pytest.mark.parametrize("code", [c for _, c in _blocks("python")], ids=[w for w, _ in _blocks("python")])
def test_python_block_runs(code: str, heavy_forks: Forks, tmp_path: Path) -> None:
    done = heavy_forks.run(code=code, cwd=tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_reference_of_the_command_line_is_up_to_date() -> None:
    from sandbox.cli import reference

    assert (ROOT / reference.FILE).read_text(encoding="utf-8") == reference.markdown(), "run `make docs`"


def test_the_reference_of_the_python_api_is_up_to_date() -> None:
    from sandbox.cli import api_reference

    assert (ROOT / api_reference.FILE).read_text(encoding="utf-8") == api_reference.markdown(), "run `make docs`"
