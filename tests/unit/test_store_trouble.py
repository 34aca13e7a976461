"""Disks, folders and paths that will not do: one clear line each, and nothing left behind."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from sandbox import cli, wiring
from sandbox.config import Settings
from sandbox.paths import Home

Call = Callable[..., tuple[int, str, str]]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """The command line: exit code, output, errors, which are a line at most."""
    monkeypatch.setenv("SANDBOX_SETTINGS", "/nonexistent/settings.toml")
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(home: Path, *words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["sandbox", "--home", str(home), *words])
        monkeypatch.setattr(sys, "stdin", open(os.devnull))  # noqa: PTH123, SIM115
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capfd.readouterr()
        errors = told.err.strip()
        assert "unexpected" not in errors
        return int(left.value.code or 0), told.out, errors

    return run


@pytest.fixture
def home() -> Iterator[Path]:
    """A home with the save `friday`, in a folder that every account may read."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    session = wiring.open_session(
        Home(folder), "honey", wiring.Players("random"), wiring.Models(Settings()), save="friday"
    )
    session.step()
    session.close()
    session.world.close()
    yield folder
    shutil.rmtree(folder)


@contextmanager
def nobody(*folders: Path) -> Iterator[None]:
    """Folders that may not be written to, by an account that is not the administrator's."""
    before, modes = os.geteuid(), {folder: folder.stat().st_mode for folder in folders}
    for folder in folders:
        folder.chmod(0o555)
    if before == 0:
        os.seteuid(65534)
    try:
        yield
    finally:
        os.seteuid(before)
        for folder, mode in modes.items():
            folder.chmod(mode)


def test_a_home_of_800_characters(call: Call, tmp_path: Path) -> None:
    long = tmp_path.joinpath(*["d" * 60] * 13)
    long.mkdir(parents=True)
    code, _, errors = call(long, "run", "honey", "--agent", "random", "--save", "x")
    assert code == 2
    assert "the path of the save is too long for a database" in errors
    assert list(long.iterdir()) == []
    code, _, errors = call(Path("x" * 800), "save", "list")
    assert (code, errors) == (2, "sandbox: no folder can have this name (give another --home)")


@pytest.mark.parametrize(
    "reference", ["pipe.z5", "pipe.yaml", "folder.z5", "folder.yaml", "folder", "/dev/zero", "pipe"]
)
def test_a_world_that_is_no_file(reference: str, call: Call, tmp_path: Path) -> None:
    for name in ("pipe.z5", "pipe.yaml", "pipe"):
        os.mkfifo(tmp_path / name)
    for name in ("folder.z5", "folder.yaml", "folder"):
        (tmp_path / name).mkdir()
    for command in (("run", reference, "--agent", "random"), ("world", "show", reference)):
        code, _, errors = call(tmp_path, *command)
        assert code == 2
        assert len(errors.splitlines()) == 1


def test_a_save_in_a_folder_that_may_not_be_written_to(call: Call, home: Path) -> None:
    call(home, "save", "verify", "friday")  # what is imported late is imported now
    with nobody(home, home / "saves", home / "saves" / "friday"):
        code, output, errors = call(home, "save", "verify", "friday")
        assert (code, errors) == (0, "")
        assert "friday is whole" in output
        assert call(home, "save", "show", "friday")[0] == 0
        assert "problem" not in call(home, "save", "list", "--json")[1]
        code, _, errors = call(home, "play", "--plain", "--save", "friday")
        assert code == 2
        assert "cannot be written" in errors
    left = sorted(file.name for file in (home / "saves" / "friday").iterdir())
    assert left == ["save.db", "save.lock"]


def test_a_save_left_in_the_middle_of_writing_there(call: Call, home: Path) -> None:
    call(home, "save", "verify", "friday")
    (home / "saves" / "friday" / "save.db-wal").write_bytes(b"\0" * 4000)
    with nobody(home, home / "saves", home / "saves" / "friday"):
        code, _, errors = call(home, "save", "verify", "friday")
    assert code == 2
    assert "left in the middle of writing" in errors


@pytest.mark.parametrize(
    "words",
    [
        ("play", "--plain", "--save", "friday"),
        ("run", "honey", "--agent", "random", "--save", "saturday"),
        ("save", "fork", "friday", "saturday"),
        ("save", "compact", "friday"),
    ],
    ids=" ".join,
)
def test_a_disk_that_is_full_while_a_save_is_opened(words: tuple[str, ...], call: Call, home: Path) -> None:
    limited = ["sh", "-c", 'ulimit -f 0; exec "$@"', "sh"]  # no file can grow
    command = [*limited, sys.executable, "-m", "sandbox", "--home", str(home), *words]
    done = subprocess.run(command, capture_output=True, text=True, stdin=subprocess.DEVNULL, timeout=120)
    assert done.returncode == 2
    assert done.stderr.startswith("sandbox: ")
    assert len(done.stderr.splitlines()) == 1
    assert not (home / "saves" / "saturday").exists()
    assert call(home, "save", "verify", "friday")[0] == 0
