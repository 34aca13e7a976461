"""What the machine has, which models fit, how fast they decide, and what is wrong with it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_gguf import write_tiny_gguf
from typer.testing import CliRunner

from sandbox import machine
from sandbox.cli import app
from sandbox.llm import checkup, device, registry, speeds
from sandbox.llm.catalogue import DEFAULT
from sandbox.llm.local import LocalModel


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("SANDBOX_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("HF_HUB_CACHE", str(tmp_path / "hub"))
    return tmp_path / "cache"


def found(*arguments: str) -> tuple[int, Any]:
    outcome = CliRunner().invoke(app, [*arguments, "--json"])
    assert outcome.exception is None or isinstance(outcome.exception, SystemExit), outcome.exception
    return outcome.exit_code, json.loads(outcome.stdout)


def test_what_is_wrong_is_said_with_the_way_out(cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checkup, "_has_nvidia", lambda: True)
    monkeypatch.setattr(checkup, "_DISK", 1 << 60)
    monkeypatch.setattr(machine, "free_memory", lambda: 1 << 20)
    code, report = found("doctor")
    assert code == 1
    mended = {trouble["mend"] for trouble in report["troubles"]}
    assert "sandbox model pull" in mended
    assert any("SANDBOX_CACHE" in mend for mend in mended)
    assert any("q-table" in mend for mend in mended)
    assert any("CUDA" in mend for mend in mended) != torch.cuda.is_available()
    assert report["facts"]["processor"] and str(machine.physical_cores()) in report["facts"]["cores"]
    assert f"torch {torch.__version__.partition('+')[0]}" in report["facts"]["libraries"]
    assert [row["state"] for row in report["models"] if row["name"] == DEFAULT] == ["not fetched"]
    text = CliRunner().invoke(app, ["doctor"])
    assert text.exit_code == 1 and "sandbox model pull" in text.output


def test_a_device_that_is_not_there_is_no_reason_to_say_nothing(cache: Path) -> None:
    wanted = next(name for name in ("xpu", "mps") if name not in device.available())
    _, report = found("doctor", "--device", wanted)
    assert any(f"no {wanted} device" in trouble["what"] for trouble in report["troubles"])


def test_weights_are_counted_without_being_loaded(cache: Path, tmp_path: Path) -> None:
    source = registry.resolve(write_tiny_gguf(tmp_path / "tiny.gguf"))
    network = LocalModel.load(source.folder).network
    assert speeds.parameters(source.folder) == sum(weight.numel() for weight in network.parameters())
    (tmp_path / "odd").mkdir()
    (tmp_path / "odd" / "model.safetensors").write_bytes(b"\xff" * 64)
    assert speeds.parameters(tmp_path / "odd") == 0


def test_what_does_not_fit_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(speeds, "memory", lambda: 8 << 30)
    assert speeds.fits(10**9) and not speeds.fits(3 * 10**9)
    assert speeds.fits(3 * 10**9, "bfloat16")
    assert speeds.memory_of(3 * 10**9).endswith("too much")
    monkeypatch.setattr(speeds, "memory", lambda: 0)
    assert speeds.fits(10**15)


def test_a_speed_is_measured_once_and_others_follow_from_it(cache: Path, tmp_path: Path) -> None:
    source = registry.resolve(write_tiny_gguf(tmp_path / "tiny.gguf"))
    name = source.folder.name

    def row() -> dict[str, Any]:
        _, rows = found("model", "list")
        return next(each for each in rows if each["name"] == name)

    assert row()["decision_seconds"] is None
    assert CliRunner().invoke(app, ["model", "list", "--measure"]).exit_code == 0
    first = row()
    assert first["decision_measured"] and first["decision_seconds"] > 0
    CliRunner().invoke(app, ["doctor", "--measure"])
    assert row() == first
    default = next(each for each in found("model", "list")[1] if each["name"] == DEFAULT)
    assert not default["decision_measured"]
    ratio = default["parameters"] / first["parameters"]
    assert default["decision_seconds"] == pytest.approx(first["decision_seconds"] * ratio)
    (model,) = (each for each in found("doctor", "--device", "cpu")[1]["models"] if each["name"] == name)
    assert model["decision"] and "~" not in model["decision"]


@pytest.mark.parametrize("text", ["", "[]", '[{"seconds": "x"}, 3]', "{", '{"a": 1}'])
def test_a_record_of_speeds_that_makes_no_sense_is_none(cache: Path, tmp_path: Path, text: str) -> None:
    cache.mkdir()
    (cache / "speeds.json").write_text(text)
    assert speeds.speed(tmp_path, 10**6) is None
    speeds.keep(tmp_path, "cpu", "float32", 0.5)
    assert str(speeds.speed(tmp_path, 10**6)) == "0.5 s"
