"""The command line as a user meets it: each call is a process of its own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from forks import Forks
from game_parts import CUSTOM, SIMPLE
from typer.main import get_command

from sandbox.cli import app
from sandbox.cli.lazy import COMMANDS

Sandbox = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path


@pytest.fixture
def sandbox(home: Path, games_cache: Path, simple_game: Path, forks: Forks) -> Sandbox:
    def run(*words: str, code: int = 0, **environment: str) -> subprocess.CompletedProcess[str]:
        env = {**os.environ, "SANDBOX_CACHE": str(games_cache), "COLUMNS": "200", **environment}
        done = forks.run("--home", str(home), *words, env=env, timeout=120)
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def test_help_and_worlds_without_a_model_start_without_torch() -> None:
    code = (
        "import sys, sandbox.cli, sandbox.wiring\n"
        "from sandbox.paths import Home\n"
        "cast = sandbox.wiring.Players.parse('q-table', [])\n"
        "models = sandbox.wiring.Models(sandbox.config.Settings())\n"
        "session = sandbox.wiring.open_session(Home.find(), 'honey', cast, models)\n"
        "session.step()\n"
        "assert not {'torch', 'transformers', 'textual', 'textworld', 'jericho'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


def test_run_prints_the_json_that_is_promised_and_the_same_every_time(
    sandbox: Sandbox, home: Path, games_cache: Path
) -> None:
    words = (
        "run",
        SIMPLE,
        "--agent",
        "q-table",
        "--episodes",
        "3",
        "--max-steps",
        "20",
        "--seed",
        "5",
        "--json",
        "-",
    )
    first = json.loads(sandbox(*words).stdout)
    own = [sys.executable, "-m", "sandbox", "--home", str(home), *words]  # with a hash seed of its own
    env = {**os.environ, "SANDBOX_CACHE": str(games_cache)}
    second = json.loads(subprocess.run(own, capture_output=True, text=True, env=env, timeout=120).stdout)
    assert first["episodes"] == second["episodes"]
    assert [set(episode) for episode in first["episodes"]] == [
        {"world", "seed", "won", "score", "steps", "commands"}
    ] * 3
    assert set(first["summary"]) == {
        "episodes",
        "won",
        "mean_score",
        "mean_steps",
        "seconds",
        "decisions_per_second",
    }
    assert all(episode["steps"] == len(episode["commands"]) <= 20 for episode in first["episodes"])
    assert [episode["seed"] for episode in first["episodes"]] == [5, 6, 7]


def test_another_seed_gives_another_run(sandbox: Sandbox) -> None:
    words = ("run", SIMPLE, "--agent", "random", "--max-steps", "10", "--json", "-", "--seed")
    one, other = (json.loads(sandbox(*words, seed).stdout)["episodes"][0]["commands"] for seed in "12")
    assert one != other


def test_a_save_is_gone_on_with(sandbox: Sandbox, home: Path) -> None:
    for _ in range(2):
        sandbox("run", SIMPLE, "--agent", "q-table", "--episodes", "2", "--max-steps", "5", "--save", "friday")
    shown = json.loads(sandbox("save", "list", "--json").stdout)
    assert (home / "saves" / "friday" / "save.db").exists()
    assert shown[0]["name"] == "friday"
    assert shown[0]["turns"] == 4 * 5


def test_without_a_terminal_play_names_the_command_that_needs_none(sandbox: Sandbox, home: Path) -> None:
    out = sandbox("play", CUSTOM, "--agent", "q-table").stdout
    assert f"sandbox run '{CUSTOM}' --agent q-table" in out
    assert f"sandbox play '{CUSTOM}' --agent q-table --plain" in out
    assert not (home / "saves").exists()


def test_without_the_model_the_default_agent_gives_way_to_one_that_needs_none(
    sandbox: Sandbox, tmp_path: Path
) -> None:
    out = sandbox("play", SANDBOX_CACHE=str(tmp_path / "empty")).stdout
    assert "--agent q-table" in out


def _broken_save(home: Path) -> None:
    (home / "saves" / "broken").mkdir(parents=True)
    (home / "saves" / "broken" / "save.db").write_bytes(b"not a database at all" * 100)


def _typo_in_a_card(home: Path) -> None:
    (home / "agents").mkdir()
    (home / "agents" / "typo.yaml").write_text("description: x\nlerner:\n  kind: tabular\n", encoding="utf-8")


def _no_story(home: Path) -> None:
    (home / "poem.z5").write_text("Shall I compare thee to a summer's day?\n" * 50, encoding="utf-8")


@pytest.mark.parametrize(
    ("prepare", "words", "said"),
    [
        (None, ("run", "missing.z8"), ("missing.z8", "no such file")),
        (_no_story, ("run", "{home}/poem.z5"), ("poem.z5",)),
        (None, ("run", "tw:coin?levl=3"), ("tw:coin?levl=3", "'level'")),
        (None, ("run", "tw:corn?level=3"), ("tw:corn",)),
        (None, ("run", "lighthuose"), ("lighthuose", "'lighthouse'")),
        (None, ("run", SIMPLE, "--agent", "q-tabel"), ("q-tabel", "'q-table'")),
        (_typo_in_a_card, ("run", SIMPLE, "--agent", "typo"), ("typo.yaml:2", "'learner'")),
        (_broken_save, ("run", SIMPLE, "--agent", "random", "--save", "broken"), ("save.db",)),
        (_broken_save, ("save", "show", "broken"), ("save.db",)),
        (None, ("run", SIMPLE, "--agent", "random", "--seat", "nobody"), ("nobody", "NAME=CARD")),
        (None, ("run", SIMPLE, "--agent", "random", "--save", "../up"), ("../up",)),
        (None, ("--home", "/no/such/folder", "agent", "list"), ("/no/such/folder",)),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_clear_line_and_changes_nothing(
    prepare: Callable[[Path], None] | None,
    words: tuple[str, ...],
    said: tuple[str, ...],
    sandbox: Sandbox,
    home: Path,
) -> None:
    if prepare is not None:
        prepare(home)
    before = _contents(home)
    done = sandbox(*(word.format(home=home) for word in words), code=2)
    line = done.stderr.strip()
    assert line.startswith("sandbox: ")
    assert "\n" not in line
    assert "Traceback" not in line
    assert all(part in line for part in said), line
    assert done.stdout == ""
    assert _contents(home) == before


def test_an_error_that_nobody_foresaw_goes_to_a_file(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    code = (
        "import sandbox.cli.agent as a, sandbox.cli as c, sys\n"
        "@a.app.command('boom')\n"
        "def boom(): raise RuntimeError('kettle')\n"
        "sys.argv = ['sandbox', 'agent', 'boom']; c.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        text=True,
        env={**os.environ, "SANDBOX_CACHE": str(cache)},
    )
    assert done.returncode == 70
    assert "kettle" in done.stderr
    assert "Traceback" not in done.stderr
    (report,) = (cache / "crashes").iterdir()
    assert "RuntimeError: kettle" in report.read_text(encoding="utf-8")
    shutil.rmtree(cache)


def test_a_place_that_cannot_be_written_is_one_line(sandbox: Sandbox, home: Path) -> None:
    (home / "worlds").write_bytes(b"")
    told = sandbox("world", "new", "cave", code=2).stderr
    assert told.startswith(f"sandbox: {home}/worlds/cave: Not a directory (")
    assert told.count("\n") == 1


def _contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_the_commands_at_the_top_are_listed_with_the_first_words_of_their_own_help() -> None:
    context = typer.Context(get_command(app))
    for name, listed in COMMANDS.items():
        command = context.command.get_command(context, name)
        first = command.help.partition("\n\n")[0].partition("\f")[0].partition(". ")[0]
        assert listed.rstrip(".") == " ".join(first.split()).rstrip("."), name


def test_help_imports_none_of_what_the_commands_need() -> None:
    code = (
        "import sys\n"
        "from sandbox.cli import main\n"
        "sys.argv = ['sandbox', '--help']\n"
        "try: main()\n"
        "except SystemExit: pass\n"
        "assert not {'pydantic', 'numpy', 'sqlalchemy', 'yaml', 'textual', 'sandbox.config'} & set(sys.modules)\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60, stdout=subprocess.DEVNULL)
