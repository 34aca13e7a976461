"""Real games for the tests: compiled once in a session, never into the user's own cache."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from game_parts import COIN, CUSTOM, ECHO, KEYS, SIMPLE
from model_server import ModelServer

from sandbox.world import games


@pytest.fixture(scope="session")
def games_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The cache folder that the session's games are compiled into."""
    return tmp_path_factory.mktemp("cache")


@pytest.fixture
def games_cache(games_folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes references such as `SIMPLE` open the session's games."""
    monkeypatch.setenv("SANDBOX_CACHE", str(games_folder))
    return games_folder


def _compile(reference: str, folder: Path) -> Path:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_CACHE", str(folder))
        return games.compiled(games.parse(reference))


@pytest.fixture(scope="session")
def simple_game(games_folder: Path) -> Path:
    """`SIMPLE`: dense rewards, can be lost."""
    return _compile(SIMPLE, games_folder)


@pytest.fixture(scope="session")
def custom_game(games_folder: Path) -> Path:
    """`CUSTOM`: one reward at the end of five actions."""
    return _compile(CUSTOM, games_folder)


@pytest.fixture(scope="session")
def coin_game(games_folder: Path) -> Path:
    """`COIN`: three rooms and a coin."""
    return _compile(COIN, games_folder)


@pytest.fixture(scope="session")
def bare_story(custom_game: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The story of `CUSTOM` without the `.json`: any Z-machine story, unknown to Jericho."""
    file = tmp_path_factory.mktemp("stories") / "bare.z8"
    shutil.copy(custom_game, file)
    return file


def compiled_story(folder: Path, name: str, text: str) -> Path:
    """A story of version 5, compiled with the compiler that TextWorld brings along."""
    import textworld

    (compiler,) = Path(textworld.__file__).parent.rglob("Compilers/inform6")
    source, story = folder / f"{name}.inf", folder / f"{name}.z5"
    source.write_text(text)
    subprocess.run([compiler, "-v5", source, story], check=True, capture_output=True)
    return story


@pytest.fixture(scope="session")
def echo_story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`ECHO`, compiled."""
    return compiled_story(tmp_path_factory.mktemp("echo"), "echo", ECHO)


@pytest.fixture(scope="session")
def keys_story(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`KEYS`, compiled."""
    return compiled_story(tmp_path_factory.mktemp("keys"), "keys", KEYS)


@pytest.fixture(scope="session")
def model_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelServer]:
    """A real server of language models, one for the session."""
    server = ModelServer(tmp_path_factory.mktemp("serve"))
    yield server
    server.stop()
