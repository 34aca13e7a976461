"""The Containerfile is well formed, and names only what there is. `make container` builds and runs it."""

from __future__ import annotations

import json
import re
from pathlib import Path

from typer.main import get_command
from typer.testing import CliRunner

from sandbox.cli import app

ROOT = Path(__file__).parents[2]


def _instructions() -> list[tuple[str, str]]:
    """Each instruction with its words, continued lines joined and comments left out."""
    lines = [line for line in (ROOT / "Containerfile").read_text(encoding="utf-8").splitlines() if line[:1] != "#"]
    whole = re.sub(r"\\\n\s*", "", "\n".join(lines))
    return [(line.split()[0], line.split(maxsplit=1)[1]) for line in whole.splitlines() if line]


def _all(name: str) -> list[str]:
    return [words for each, words in _instructions() if each == name]


def test_every_instruction_is_one_and_bases_are_pinned() -> None:
    known = {"FROM", "ARG", "WORKDIR", "COPY", "RUN", "USER", "ENV", "VOLUME", "EXPOSE"}
    known |= {"HEALTHCHECK", "ENTRYPOINT", "CMD"}
    assert [name for name, _ in _instructions() if name not in known] == []
    assert all(re.match(r"\S+/python:3\.\d+-slim( AS \w+)?$", words) for words in _all("FROM"))


def test_what_is_copied_is_in_the_tree_and_is_all_that_the_wheel_needs() -> None:
    copied = [name for words in _all("COPY") if "--from" not in words for name in words.split()[:-1]]
    assert [name for name in copied if not (ROOT / name).exists()] == []
    assert {"sandbox", "agents", "worlds", "pyproject.toml", "README.md", "LICENSE"} <= set(copied)


def test_it_serves_as_nobody_in_particular_from_volumes() -> None:
    last = [name for name, _ in _instructions()]
    assert last.index("USER") < last.index("CMD") and _all("USER") == ["player"]
    environment = dict(pair.split("=", 1) for pair in " ".join(_all("ENV")).split())
    assert json.loads(_all("VOLUME")[0]) == [environment["SANDBOX_HOME"], environment["SANDBOX_CACHE"]]
    program, words = json.loads(_all("ENTRYPOINT")[0]), json.loads(_all("CMD")[0])
    assert program == ["sandbox"] and words[words.index("--port") + 1] == _all("EXPOSE")[0]
    assert words[0] in get_command(app).list_commands(None)  # type: ignore[attr-defined, arg-type]
    assert CliRunner().invoke(app, [*words, "--help"]).exit_code == 0
