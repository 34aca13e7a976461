"""One bad item never hides the good ones: every list shows it with what is wrong with it, and goes on."""

from __future__ import annotations

import json
import os
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from sandbox import cli, wiring
from sandbox.config import Settings
from sandbox.paths import Home
from sandbox.session import lobby
from sandbox.tune.adapters import Adapters, describe

Call = Callable[..., str]


@pytest.fixture
def call(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Call:
    """The command line in a home of its own; what it printed."""
    monkeypatch.setenv("SANDBOX_SETTINGS", str(tmp_path / "settings.toml"))
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("COLUMNS", "200")
    monkeypatch.chdir(tmp_path)

    def run(*words: str, code: int = 0) -> str:
        monkeypatch.setattr(sys, "argv", ["sandbox", "--home", str(tmp_path), *words])
        with pytest.raises(SystemExit) as left:
            cli.main()
        told = capfd.readouterr()
        assert left.value.code in (code, None if code == 0 else code), told.err
        assert "unexpected" not in told.err
        return told.out

    return run


@pytest.fixture
def save(tmp_path: Path) -> Path:
    """A good save, `friday`, with an adapter."""
    home = Home(tmp_path)
    session = wiring.open_session(
        home, "honey", wiring.Players("q-table"), wiring.Models(Settings()), save="friday"
    )
    session.step()
    session.rate(1)
    session.close()
    session.world.close()
    folder = home.save_folder("friday")
    Adapters.of(folder).publish(describe("sft-1", model="x", method="sft", data="", settings={}), b"", {})
    return folder


def spoil(folder: Path, name: str, good: Path) -> list[str]:
    """Put beside a good file or folder all that could be in its place. Gives the names of what must be listed."""
    inside = name if name != "*.yaml" else ""

    def at(item: str) -> Path:
        if not inside:
            return folder / f"{item}.yaml"
        (folder / item).mkdir()
        return folder / item / inside

    data = good.read_bytes()
    at("empty").write_bytes(b"")
    at("noise").write_bytes(bytes(range(256)) * 40)
    at("cut").write_bytes(data[: len(data) // 2])
    at("latin").write_bytes(b"\xe4\xf6" + data)
    middle = bytearray(data)
    middle[len(data) // 3 : 2 * len(data) // 3] = b"\xff" * (2 * len(data) // 3 - len(data) // 3)
    at("middle").write_bytes(bytes(middle))
    os.mkfifo(at("pipe"))
    at("folder").mkdir()
    at("nowhere").symlink_to("/nonexistent/file")
    at("device").symlink_to("/dev/zero")
    at("[red]bold[b]").write_bytes(data[:100] + b"\xff")
    return ["empty", "noise", "cut", "latin", "middle", "pipe", "folder", "device", "[red]bold[b]"]


def listed(told: str) -> dict[str, Any]:
    return {row.get("name", row.get("id")): row for row in json.loads(told)}


def test_saves(call: Call, save: Path) -> None:
    bad = spoil(save.parent, "save.db", save / "save.db")
    shutil.copytree(save, save.with_name("my save"))
    rows = listed(call("save", "list", "--json"))
    assert rows["friday"]["turns"] == 1
    for name in [*bad, "my save"]:
        assert rows[name]["problem"], name
    told = call("save", "list")
    assert all(name in told for name in ["friday", *bad])
    offers = {offer.name: offer for offer in lobby.look(Home(save.parents[1])).saves}
    assert offers["friday"].problem == ""
    assert all(offers[name].problem for name in [*bad, "my save"])
    for name in bad[:-1]:
        call("save", "verify", name, code=2)
        call("save", "show", name, code=2)


def test_worlds(call: Call, tmp_path: Path) -> None:
    call("world", "new", "cave")
    bad = spoil(tmp_path / "worlds", "world.yaml", tmp_path / "worlds" / "cave" / "world.yaml")
    rows = listed(call("world", "list", "--json"))
    assert rows["cave"]["problem"] == rows["honey"]["problem"] == ""
    for name in bad:
        assert rows[name]["problem"], name
    told = call("world", "list")
    assert all(name in told for name in ["cave", "honey", *bad])


def test_agents(call: Call, tmp_path: Path) -> None:
    call("agent", "new", "scout")
    good = tmp_path / "agents" / "scout.yaml"
    (tmp_path / "agents" / "odd-model.yaml").write_text(f'model: "~nobody-{"x" * 900}/m"\n')
    bad = spoil(tmp_path / "agents", "*.yaml", good)
    bad = [name for name in bad if name not in ("empty", "cut")]  # what is left is a card with its defaults
    rows = listed(call("agent", "list", "--json"))
    assert rows["scout"]["error"] == rows["lm-q"]["error"] == ""
    assert rows["odd-model"]["state"] == "not there"
    for name in bad:
        assert rows[name]["error"], name
    told = call("agent", "list")
    assert all(name in told for name in ["scout", "lm-q", *bad])
    offers = {offer.name: offer for offer in lobby.look(Home(tmp_path)).agents}
    assert offers["scout"].description
    assert all(offers[name].problem for name in [*bad, "odd-model"])


def test_adapters(call: Call, save: Path) -> None:
    bad = spoil(save / "adapters", "adapter.json", save / "adapters" / "sft-1" / "adapter.json")
    rows = listed(call("adapter", "list", "friday", "--json"))
    assert rows["sft-1"]["model"] == "x"
    for name in bad:
        assert rows[name]["problem"], name
    (save / "adapters" / "active.json").write_bytes(b"\xff")
    told = call("adapter", "list", "friday")
    assert all(name in told for name in ["sft-1", *bad])


def test_models(call: Call, tmp_path: Path) -> None:
    models = tmp_path / "cache" / "models"
    models.mkdir(parents=True)
    for number, marker in enumerate(
        (b"", b"\xff\0", b"[]", b'{"files": 3}', b'{"files": {"x\\u0000": 1}}', b"[" * 9000)
    ):
        (models / f"m{number}").mkdir()
        (models / f"m{number}" / "sandbox-model.json").write_bytes(marker)
    (models / "pipe").mkdir()
    os.mkfifo(models / "pipe" / "sandbox-model.json")
    (models / "file").write_bytes(b"")
    rows = listed(call("model", "list", "--json"))
    assert rows["smollm2-135m-instruct"]["state"] == "not fetched"
    assert {rows[name]["state"] for name in ("m0", "m1", "m2", "m3", "m4", "m5", "pipe")} == {"damaged"}


def test_feedback(call: Call, save: Path) -> None:
    bad = spoil(save.parent, "save.db", save / "save.db")[:-1]
    told = call("feedback", "stats", "friday", *bad)
    assert "1 save" in told
    assert all(name in told for name in bad)
    found = json.loads(call("feedback", "stats", "friday", *bad, "--json"))
    assert found["saves"] == 1
    assert set(found["problems"]) == set(bad)


def test_names_that_are_no_text(call: Call, save: Path) -> None:
    odd = os.fsencode(save.parent) + b"/odd-\xff"
    shutil.copytree(save, os.fsdecode(odd))
    rows = listed(call("save", "list", "--json"))
    assert rows["friday"]["turns"] == 1
    assert [row["problem"] for name, row in rows.items() if name.startswith("odd-")]
    call("save", "list")


def test_names_are_whole_on_a_narrow_terminal(call: Call, save: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    for name in ("lighthouse-1128-185535", "tutorial-1128-185535"):
        shutil.copytree(save, save.parent / name)
        told = call("save", "list")
        assert name in told
        assert " kB" in told.split(name)[1].split("\n")[0]
    assert "smollm2-135m-instruct (default)" in call("model", "list")
    assert "他的醒木" in call("world", "list")
