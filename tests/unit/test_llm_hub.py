"""Models of a hub, pulled by the real client from a hub on the loopback interface."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from hub_server import COMMIT, HubServer
from tiny_gguf import write_tiny_gguf

from sandbox.errors import ModelError
from sandbox.llm import catalogue, convert, hub, registry
from sandbox.llm.local import LocalModel

TINY = "someone/tiny"


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model's folder as it lies on a hub, with code and a pickle that nobody should take."""
    made = tmp_path_factory.mktemp("tiny")
    folder = made / "model"
    convert.build(write_tiny_gguf(made / "tiny.gguf"), folder, catalogue.no_progress)
    (folder / "modeling_evil.py").write_text("raise SystemExit('code of the model was run')")
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")
    return folder


@pytest.fixture
def served(tiny: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HubServer]:
    server = HubServer({TINY: tiny, "someone/gated": tiny}, gated=("someone/gated",))
    monkeypatch.setenv("HF_ENDPOINT", server.url)
    monkeypatch.setenv("HF_HOME", str(tmp_path / "hf"))
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.delenv("HF_TOKEN", raising=False)
    yield server
    server.close()


def sandbox(*words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "sandbox", "model", *words]
    return subprocess.run(command, capture_output=True, text=True, env=dict(os.environ), timeout=120)


def test_a_model_is_pulled_listed_shown_loaded_and_removed(served: HubServer) -> None:
    with pytest.raises(ModelError, match=f"sandbox model pull {TINY}"):
        registry.resolve(TINY)
    assert registry.readiness(TINY) == "not fetched"
    assert served.asked == [], "naming a model asks nobody"

    done = sandbox("pull", TINY)
    assert done.returncode == 0, done.stderr
    assert "licence apache-2.0" in done.stderr and COMMIT[:12] in done.stderr
    taken = " ".join(served.asked)
    assert "model.safetensors" in taken and ".py" not in taken and ".bin" not in taken

    asked = len(served.asked)
    assert "already here" in sandbox("pull", f"{TINY}@main").stdout
    assert "already here" in sandbox("pull", f"{TINY}@{COMMIT}").stdout
    assert f"{TINY} " in sandbox("list").stdout
    assert '"architecture": "llama"' in sandbox("show", TINY, "--json").stdout
    source = registry.resolve(TINY)
    assert LocalModel.load(source.folder, name=source.name).name == f"{TINY}@base"
    assert len(served.asked) == asked, "what is here is used without asking the hub"

    assert sandbox("remove", TINY, "--yes").returncode == 0
    assert registry.readiness(TINY) == "not fetched"


def test_an_interrupted_download_is_no_model_and_goes_on_where_it_was(served: HubServer, tmp_path: Path) -> None:
    big, weights = tmp_path / "big", os.urandom(24 << 20)  # the client writes pieces of 10 MB
    big.mkdir()
    for name, data in {"config.json": b"{}", "tokenizer.json": b"{}", "model.safetensors": weights}.items():
        (big / name).write_bytes(data)
    served.models["someone/big"] = big
    served.break_after = 15 << 20
    tries = 0
    while (done := sandbox("pull", "someone/big")).returncode and tries < 3:
        assert hub.folder_of("someone/big") is None and "goes on where it was" in done.stderr
        tries += 1
    folder = hub.folder_of("someone/big")
    assert folder is not None and (folder / "model.safetensors").read_bytes() == weights
    assert any("bytes=" in each and "bytes=0-" not in each for each in served.asked), (
        "a part was not fetched twice"
    )


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("someone/gated", "HF_TOKEN"),
        ("someone/nothing", "no such model"),
        (f"{TINY}@v9", "no revision 'v9'"),
    ],
)
def test_what_cannot_be_had_is_said_in_a_line(served: HubServer, name: str, said: str) -> None:
    done = sandbox("pull", name)
    assert done.returncode != 0
    assert said in done.stderr and "Traceback" not in done.stderr and len(done.stderr.splitlines()) <= 3


def test_a_gated_model_comes_with_a_token(served: HubServer, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_TOKEN", "hf_letmein")
    done = sandbox("pull", "someone/gated")
    assert done.returncode == 0 and "agree to terms" in done.stderr
    assert hub.folder_of("someone/gated") is not None


def test_a_hub_out_of_reach_is_said_in_a_line(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HF_ENDPOINT", "http://127.0.0.1:9")
    monkeypatch.setenv("HF_HOME", str(tmp_path))
    with pytest.raises(ModelError, match="cannot be asked"):
        hub.plan(TINY)


@pytest.mark.parametrize(
    "text", ["tiny", "a/b/c", "../x", "a/../b", "a/b@", "/etc/passwd", "a b/c", "a/b@../../x"]
)
def test_what_is_no_name_on_a_hub(text: str) -> None:
    assert hub.parsed(text) is None
