"""What is built to be handed out: the wheel, the sdist, and a game with nothing but what the wheel asks for."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tarfile
import tomllib
import zipfile
from collections.abc import Callable
from email import message_from_bytes
from email.message import Message
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sandbox
from sandbox.errors import MissingExtraError

ROOT = Path(__file__).parents[2]
STEM = f"chat_agent_sandbox-{sandbox.__version__}"
Sandbox = Callable[..., subprocess.CompletedProcess[str]]


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the wheel and the sdist, as the build backend makes them of this tree."""
    target = tmp_path_factory.mktemp("dist")
    done = subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "--directory", str(target)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        env={name: value for name, value in os.environ.items() if name != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return target


def _files(folder: str) -> set[str]:
    """What lies below a folder of the tree, without what Python leaves there."""
    found = (file.relative_to(ROOT) for file in (ROOT / folder).rglob("*") if file.is_file())
    return {file.as_posix() for file in found if "__pycache__" not in file.parts}


@pytest.fixture(scope="module")
def wheel(built: Path) -> Path:
    (found,) = built.glob("*.whl")
    return found


def _metadata(wheel: Path) -> Message:
    with zipfile.ZipFile(wheel) as archive:
        return message_from_bytes(archive.read(f"{STEM}.dist-info/METADATA"))


def _closure(wheel: Path) -> list[metadata.Distribution]:
    """The installed distributions that the wheel asks for without any extra, and those that these ask for."""
    found: dict[tuple[str, frozenset[str]], metadata.Distribution] = {}
    asked = [Requirement(text) for text in _metadata(wheel).get_all("Requires-Dist", [])]
    while asked:
        wanted = asked.pop()
        key = (canonicalize_name(wanted.name), frozenset(wanted.extras))
        applies = wanted.marker is None or wanted.marker.evaluate({"extra": ""})
        if key not in found and applies:
            found[key] = metadata.distribution(wanted.name)
            for text in found[key].requires or ():
                further = Requirement(text)
                if further.marker is None or any(
                    further.marker.evaluate({"extra": extra}) for extra in wanted.extras or {""}
                ):
                    further.marker = None
                    asked.append(further)
    return list({key[0]: distribution for key, distribution in found.items()}.values())


@pytest.fixture(scope="module")
def plain(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Sandbox:
    """Runs the program of an environment that has the wheel and its dependencies without extras, nothing else.

    The dependencies are links to those installed here: what is shown is that the list of them is whole.
    """
    folder = tmp_path_factory.mktemp("plain")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    (site,) = folder.glob("lib/python*/site-packages")
    for distribution in _closure(wheel):
        for name in {
            file.parts[0] for file in distribution.files or () if file.parts[0] not in ("..", "__pycache__")
        }:
            if not (site / name).exists():
                (site / name).symlink_to(Path(str(distribution.locate_file(name))).resolve())
    install = [sys.executable, "-m", "pip", "--python", str(folder / "bin" / "python"), "install", "--quiet"]
    done = subprocess.run([*install, "--no-deps", "--no-index", str(wheel)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    kept = {"PATH": os.environ["PATH"], "HOME": str(folder), "SANDBOX_CACHE": str(folder / "cache")}

    def run(*words: str, cwd: Path, given: str = "", code: str = "") -> subprocess.CompletedProcess[str]:
        program = [folder / "bin" / "python", "-c", code] if code else [folder / "bin" / "sandbox", *words]
        return subprocess.run(
            [str(word) for word in program],
            cwd=cwd,
            input=given,
            capture_output=True,
            text=True,
            timeout=120,
            env=kept,
        )

    return run


def test_the_wheel_has_the_package_its_content_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        inside = set(archive.namelist())
    about = {f"{STEM}.dist-info/{name}" for name in ("METADATA", "RECORD", "WHEEL", "entry_points.txt")}
    content = {f"sandbox/_bundled/{name}" for name in _files("worlds") | _files("agents")}
    assert inside == _files("sandbox") | content | about | {f"{STEM}.dist-info/licenses/LICENSE"}
    assert wheel.stat().st_size < 8 << 20


def test_the_sdist_has_what_a_checkout_has(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        inside = {name.partition("/")[2] for name in archive.getnames()}
    assert _files("sandbox") | _files("worlds") | _files("agents") | _files("tests") <= inside
    assert {"LICENSE", "README.md", "CITATION.cff", "CHANGELOG.md", "constraints.txt", "Makefile"} <= inside
    folders = {name.partition("/")[0] for name in inside if "/" in name}
    assert folders == {".ci", ".github", "agents", "docs", "plugins", "sandbox", "saves", "tests", "worlds"}
    assert not [name for name in inside if name.startswith("saves/") and name != "saves/README.md"]
    assert sdist.stat().st_size < 12 << 20


def test_the_metadata_say_what_pyproject_says(wheel: Path) -> None:
    said = _metadata(wheel)
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert said["Name"] == project["name"] and said["Version"] == sandbox.__version__
    assert said["License-Expression"] == "MIT" and said["Requires-Python"] == project["requires-python"]
    assert said["Description-Content-Type"] == "text/markdown"
    assert str(said.get_payload()).startswith("# Chat-agent sandbox")
    assert set(said.get_all("Provides-Extra", [])) == set(project["optional-dependencies"])
    asked = [Requirement(text) for text in said.get_all("Requires-Dist", [])]
    assert "torch" in {canonicalize_name(each.name) for each in asked}


def test_nothing_that_the_plain_game_asks_for_asks_for_torch(wheel: Path) -> None:
    closure = {canonicalize_name(each.metadata["Name"]) for each in _closure(wheel)}
    assert not closure & {"torch", "transformers", "trl", "peft", "datasets"}


def test_how_to_cite_names_this_version() -> None:
    said = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert (said["version"], said["license"]) == (sandbox.__version__, project["license"])
    assert [each["name"] for each in said["authors"]] == [each["name"] for each in project["authors"]]


def test_with_the_declared_dependencies_alone_a_bundled_world_is_played_from_any_folder(
    plain: Sandbox, tmp_path: Path
) -> None:
    lines = "/step\n/reward +1\nundo\n/quit\n"
    done = plain("play", "honey", "--plain", "--save", "mine", given=lines, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "q-table wants to" in done.stdout, done.stdout
    said = " ".join(done.stderr.split())
    assert "q-table plays. pip install 'chat-agent-sandbox[lm]'" in said, done.stderr
    assert (tmp_path / "saves" / "mine" / "save.db").exists()


def test_agents_play_by_themselves_without_the_extra(plain: Sandbox, tmp_path: Path) -> None:
    who = ["--agent", "q-table", "--seat", "tamsin=random"]
    done = plain("run", "millrace", *who, "--episodes", "3", "--max-steps", "30", "--json", "-", cwd=tmp_path)
    assert done.returncode == 0 and len(json.loads(done.stdout)["episodes"]) == 3, done.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("play", "honey", "--agent", "lm-q", "--plain"),
        ("run", "honey", "--agent", "drrn"),
        ("tune", "new", "--worlds", "honey"),
        ("model", "pull"),
        ("bench", "rounds", "--quick", "--speed", "--out", "here"),
    ],
    ids=" ".join,
)
def test_what_needs_the_extra_names_it_in_one_line(plain: Sandbox, words: tuple[str, ...], tmp_path: Path) -> None:
    done = plain(*words, cwd=tmp_path)
    assert done.returncode == 2, done.stdout
    *_, line = done.stderr.splitlines()
    assert line.startswith("sandbox: ") and line.endswith("(pip install 'chat-agent-sandbox[lm]')"), done.stderr
    assert done.stderr.count("sandbox: ") == 1 and "Traceback" not in done.stderr


def test_no_module_wants_a_package_that_is_not_declared(plain: Sandbox, tmp_path: Path) -> None:
    """Each is imported with the declared dependencies; those that stand on the extra name a package of it."""
    code = (
        "import importlib, json, pkgutil, sandbox\n"
        "lacking = {}\n"
        "for each in pkgutil.walk_packages(sandbox.__path__, 'sandbox.'):\n"
        "    if not each.name.endswith('__main__') and 'migrations' not in each.name:\n"
        "        try: importlib.import_module(each.name)\n"
        "        except ModuleNotFoundError as error: lacking[each.name] = error.name\n"
        "print(json.dumps(lacking))\n"
    )
    done = plain(code=code, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lacking = json.loads(done.stdout)
    assert {name.split(".")[1] for name in lacking} <= {"llm", "rl", "tune", "bench"}, lacking
    assert set(lacking.values()) <= MissingExtraError.packages, lacking
