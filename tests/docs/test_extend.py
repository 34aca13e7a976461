"""The package of docs/extend.md, as the page has it: built, installed into a folder of its own, and played."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_FILE = re.compile(r"^```\w+ title=\"([\w./]+)\"\n(.*?)^```", re.MULTILINE | re.DOTALL)
Sandbox = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder that the package is installed in."""
    source, target = tmp_path_factory.mktemp("corridor"), tmp_path_factory.mktemp("site")
    for name, text in _FILE.findall((ROOT / "docs" / "extend.md").read_text(encoding="utf-8")):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).write_text(text, encoding="utf-8")
    (source / "sandbox_corridor" / "__init__.py").touch()
    options = ["--quiet", "--no-deps", "--no-build-isolation", "--no-index", "--target", str(target)]
    done = subprocess.run(
        [sys.executable, "-m", "pip", "install", *options, str(source)], capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (target / "agents").mkdir()
    (target / "agents" / "climber.yaml").write_bytes((source / "agents" / "climber.yaml").read_bytes())
    return target


@pytest.fixture
def sandbox(installed: Path) -> Sandbox:
    """Runs the program with the package beside it and the card in its home."""

    def run(
        *words: str, given: str = "", code: str = "from sandbox.cli import main; main()"
    ) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *words],
            cwd=installed,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            env={**os.environ, "PYTHONPATH": f"{ROOT}:{installed}", "SANDBOX_HOME": str(installed)},
        )

    return run


def test_the_kinds_are_listed_and_are_in_order(sandbox: Sandbox) -> None:
    done = sandbox("plugins", "--json")
    rows = [row for row in json.loads(done.stdout) if row["package"] == "sandbox-corridor"]
    assert [(row["group"], row["kind"]) for row in rows] == [
        ("worlds", "corridor"),
        ("learners", "reinforce"),
        ("feedback", "applause"),
    ]
    assert [row["problem"] for row in json.loads(done.stdout) if row["problem"]] == []


def test_the_policy_gradient_learns_the_corridor(sandbox: Sandbox, installed: Path) -> None:
    done = sandbox(
        "run", "corridor:5", "--agent", "climber", "--episodes", "80", "--max-steps", "40", "--jsonl", "run.jsonl"
    )
    assert done.returncode == 0, done.stderr
    episodes = [json.loads(line) for line in (installed / "run.jsonl").read_text().splitlines()]
    steps = [episode["steps"] for episode in episodes]
    assert all(episode["won"] for episode in episodes[-20:])
    assert sum(steps[-20:]) / 20 < 7 < sum(steps[:20]) / 20, steps


def test_it_is_played_rated_and_applauded_and_the_save_has_it_all(sandbox: Sandbox) -> None:
    lines = "/step\n/reward +1\n/run\n/quit\n"
    done = sandbox("play", "corridor:3", "--agent", "climber", "--plain", "--save", "walk", given=lines)
    assert done.returncode == 0, done.stderr
    assert re.search(r"^θ\(go \w+\): 0\.00 \+ 0\.5·\(1\.00 − 0\.00\)·\(1 − 0\.50\) = 0\.25$", done.stdout, re.M)
    clap = (
        "from sandbox import config, wiring\n"
        "from sandbox.paths import Home\n"
        "models = wiring.Models(config.load())\n"
        "session = wiring.open_session(Home.find(), None, None, models, save='walk')\n"
        "session.say('applause', turn=session.current.id, data={'claps': 5})\n"
        "print(session.current.id, session.updates[-1].formula)\n"
        "session.close()\n"
    )
    done = sandbox(code=clap)
    assert done.returncode == 0 and "·(" in done.stdout, done.stderr
    done = sandbox("save", "show", "walk", "--turn", done.stdout.split()[0])
    assert "5 claps" in done.stdout, done.stdout + done.stderr


def test_a_mistake_in_the_card_and_in_the_reference_is_told_as_for_any_other(
    sandbox: Sandbox, installed: Path
) -> None:
    card = installed / "agents" / "slip.yaml"
    card.write_text("learner:\n  kind: reinforce\n  aplha: 2\n")
    assert (
        "slip.yaml:3: learner.aplha: no such field (did you mean 'alpha'?)"
        in sandbox("agent", "show", "slip").stderr
    )
    card.write_text("learner: {kind: reinforced}\n")
    assert "did you mean 'reinforce'?" in sandbox("agent", "show", "slip").stderr
    card.unlink()
    assert "a corridor has 2 to 50 rooms" in sandbox("run", "corridor:99", "--agent", "random").stderr
    assert "did you mean corridor:4?" in sandbox("run", "coridor:4", "--agent", "random").stderr


def test_without_the_package_its_save_can_still_be_read(sandbox: Sandbox, installed: Path) -> None:
    done = sandbox(
        "play", "corridor:3", "--agent", "random", "--plain", "--save", "kept", given="go east\n/quit\n"
    )
    assert done.returncode == 0, done.stderr
    bare = {**os.environ, "PYTHONPATH": str(ROOT), "SANDBOX_HOME": str(installed)}
    words = [sys.executable, "-c", "from sandbox.cli import main; main()", "save", "show", "kept"]
    shown = subprocess.run(words, capture_output=True, text=True, env=bare, timeout=120, cwd=ROOT)
    assert shown.returncode == 0 and "corridor:3" in shown.stdout, shown.stderr
