"""The optional packages under plugins/: what of them can be seen without Java."""

from __future__ import annotations

import tomllib
from importlib import import_module
from pathlib import Path

import pytest

from sandbox.bench import tales
from sandbox.errors import WorldError
from sandbox.types import WorldKind, silent

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(ROOT.glob("plugins/*/pyproject.toml"))


@pytest.fixture(params=PACKAGES, ids=lambda file: file.parent.name)
def offered(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> tuple[str, WorldKind]:
    """The name of a package's kind of world and the kind."""
    monkeypatch.syspath_prepend(str(request.param.parent))
    groups = tomllib.loads(request.param.read_text())["project"]["entry-points"]
    assert list(groups) == ["sandbox.worlds"]
    ((name, target),) = groups["sandbox.worlds"].items()
    module, _, attribute = target.partition(":")
    return name, getattr(import_module(module), attribute)


def test_there_is_a_package_for_each_family() -> None:
    assert [file.parent.name for file in PACKAGES] == ["scienceworld", "textworld-express"]
    for file in PACKAGES:
        about = tomllib.loads(file.read_text())
        assert about["project"]["name"] == f"sandbox-{file.parent.name}"
        assert about["project"]["dependencies"][0] == "chat-agent-sandbox"
        assert all((file.parent / f"{each}.py").is_file() for each in about["tool"]["setuptools"]["py-modules"])
        assert (file.parent / about["project"]["readme"]).stat().st_size > 500


def test_without_java_one_line_says_what_is_missing(
    offered: tuple[str, WorldKind], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    name, kind = offered
    reference = {"twx": "twx:coin", "scienceworld": "scienceworld:boil"}[name]
    for variable, where in (("PATH", "on the PATH"), ("JAVA_HOME", r"in \$JAVA_HOME")):
        monkeypatch.delenv("JAVA_HOME", raising=False)
        monkeypatch.setenv(variable, str(tmp_path))
        with pytest.raises(WorldError, match=f"World(Express)? runs on Java, and there is none {where}") as raised:
            kind.open(kind.canonical(reference), name=reference, seats=None, progress=silent)
        assert "install Java 8 or newer" in str(raised.value) and "\n" not in str(raised.value)


def test_references_have_one_spelling_and_mistakes_a_way_out(offered: tuple[str, WorldKind]) -> None:
    name, kind = offered
    assert isinstance(kind, WorldKind)
    with pytest.raises(WorldError, match="did you mean 'seed'"):
        kind.canonical({"twx": "twx:coin?sede=1", "scienceworld": "scienceworld:boil?sede=1"}[name])
    mine = [game.reference for game in _all_games() if game.reference.startswith(f"{name}:")]
    assert len(mine) == {"twx": 16, "scienceworld": 30}[name]
    for reference in mine:
        canonical = kind.canonical(reference)
        assert kind.canonical(canonical) == canonical and "fold=test" in canonical


def _all_games() -> list[tales.TalesGame]:
    """With the families that are not installed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("sandbox.plugins.find", lambda group, name: object())
        return tales.games(None)
