"""Devices and kinds of numbers: chosen, kept to, and memory that does not suffice."""

from __future__ import annotations

import copy
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_networks import byte_tokenizer, tiny_network
from torch.overrides import TorchFunctionMode
from typer.testing import CliRunner

import sandbox
from sandbox import wiring
from sandbox.agent.cards import parse_card
from sandbox.cli import app
from sandbox.config import Settings
from sandbox.errors import ModelError, NoMemoryError
from sandbox.llm import device
from sandbox.llm.adapter import CONFIG, WEIGHTS
from sandbox.llm.local import LocalModel
from sandbox.llm.plain import score_plainly
from sandbox.tune import lora, network, packing, sft, training
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings

PROMPT = "You are in a kitchen. There is a lamp here.\n\n>"
OPTIONS = [" take lamp\n", " take", "", " go north\n", " take lamp and go\n"]
CODE = str(Path(sandbox.__file__).parent)
MAKERS: set[Callable[..., Any]] = {
    getattr(torch, name)
    for name in (
        *("tensor", "as_tensor", "from_numpy", "zeros", "ones", "full", "empty", "arange", "eye", "linspace"),
        *("rand", "randn", "randint", "randperm"),
    )
}
NOT_ENOUGH = "out of memory. Tried to allocate 2.00 GiB"


class OnlyOn(TorchFunctionMode):
    """Takes down where our code makes a tensor without saying that it belongs to this device."""

    def __init__(self, where: torch.device) -> None:
        self.where = where
        self.seen = 0
        self.elsewhere: set[str] = set()

    def __torch_function__(
        self, func: Callable[..., Any], types: Any, args: Any = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        if func in MAKERS:
            frame = sys._getframe(1)
            while frame.f_back is not None and "/torch/" in frame.f_code.co_filename:
                frame = frame.f_back
            if frame.f_code.co_filename.startswith(CODE):
                self.seen += 1
                if torch.device((kwargs or {}).get("device") or "meta") != self.where:
                    self.elsewhere.add(f"{frame.f_code.co_filename}:{frame.f_lineno}")
        return func(*args, **(kwargs or {}))


def model_of(family: str) -> LocalModel:
    return LocalModel(tiny_network(family), byte_tokenizer(), name="tiny@base", window=256)


@pytest.mark.parametrize("family", ["Llama", "Gemma 3", "Mamba 2", "Mamba", "RWKV"])
def test_every_tensor_is_made_on_the_device_of_the_model(family: str, tmp_path: Path) -> None:
    fresh = tiny_network(family)
    with OnlyOn(fresh.device) as only:
        model = LocalModel(fresh, byte_tokenizer(), name="tiny@base", window=256)
        model.score(PROMPT, OPTIONS)
        model.read(PROMPT + " look\n\n>", OPTIONS)
        model.sample(PROMPT, 3, seed=0, max_tokens=5)
        score_plainly(model, PROMPT, OPTIONS)
        training.perplexity(model.network, model)
        training.rehearse(model, 0)
        tuned = lora.with_lora(copy.deepcopy(model.network), rank=2, alpha=4, seed=0)
        tokens = model.encode(PROMPT)
        sequences = [Encoded(tokens, (3, 8, 12, 20), ((5, 10),), (1.0, 2.0, 1.0, 1.0))]
        if model.packs:
            network.use_packed_attention(tuned.get_base_model())
        else:
            sequences = [part for each in sequences for part in packing.apart(each)]
        kept = Checkpoint(tmp_path / "checkpoint.safetensors", "data")
        for epochs in (1, 2):  # the second goes on from the checkpoint of the first
            settings = TrainingSettings(epochs=epochs, batch=1, checkpoint_seconds=0)
            sft.train(tuned, sequences, settings, checkpoint=kept)
        weights, config = lora.exported(tuned, "tiny")
        (tmp_path / WEIGHTS).write_bytes(weights)
        (tmp_path / CONFIG).write_text(json.dumps(config))
        model.use_adapter(tmp_path)
        model.score(PROMPT, OPTIONS)
    assert only.seen > 20
    assert only.elsewhere == set()


def test_the_best_device_is_taken_and_one_that_is_not_there_is_refused() -> None:
    assert device.chosen("auto").type == device.available()[0]
    assert device.chosen("cpu") == torch.device("cpu")
    for name in {"cuda", "mps", "xpu"} - set(device.available()):
        with pytest.raises(ModelError, match=f"no {name} device"):
            device.chosen(name)  # type: ignore[arg-type]


def test_scores_are_exact_by_default_on_a_cpu_and_other_numbers_can_be_had() -> None:
    cpu = torch.device("cpu")
    assert device.numbers("auto", cpu) == torch.float32
    assert device.numbers("float16", cpu) == torch.float16


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A tiny model as a folder."""
    tiny_network("Llama").save_pretrained(tmp_path / "tiny")
    byte_tokenizer().save_pretrained(tmp_path / "tiny")
    return tmp_path / "tiny"


def test_a_setting_comes_before_the_card(folder: Path) -> None:
    card = parse_card(f"model: {folder}\ndevice: cpu\ndtype: bfloat16", "tiny")
    for setting, expected in (("auto", torch.bfloat16), ("float32", torch.float32)):
        models = wiring.Models(Settings(model_process=False, dtype=setting))
        loaded = models.asked(str(folder), None, card.device, card.dtype).model
        assert loaded.network.dtype == expected
        assert loaded.score(PROMPT, OPTIONS)[0].logprob < -10


def test_the_command_line_comes_before_both_and_says_what_is_not_there(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "tiny.yaml").write_text(f"model: {folder}\ndevice: cpu\n")
    monkeypatch.setenv("SANDBOX_MODEL_PROCESS", "0")
    there = device.available()
    wanted = next(name for name in ("xpu", "mps", "cuda") if name not in there)
    arguments = ["--home", str(tmp_path), "run", "lighthouse", "--agent", "tiny", "--episodes", "1"]
    outcome = CliRunner().invoke(app, [*arguments, "--max-steps", "1", "--device", wanted])
    assert outcome.exit_code != 0
    assert f"no {wanted} device" in str(outcome.exception) + outcome.output
    assert CliRunner().invoke(app, [*arguments, "--max-steps", "1", "--device", "cpu"]).exit_code == 0


def bounded(network: Any, tokens: int) -> None:
    """Have a network run out of memory where more than so many tokens go through it at once."""

    def check(module: Any, args: Any, kwargs: dict[str, Any]) -> None:
        if kwargs["input_ids"].numel() > tokens:
            raise torch.OutOfMemoryError(NOT_ENOUGH)

    network.register_forward_pre_hook(check, with_kwargs=True)


@pytest.mark.parametrize("family", ["Llama", "Mamba 2"])
def test_passes_get_smaller_where_memory_is_short(family: str) -> None:
    model, options = model_of(family), [f" {verb} {noun}\n" for verb in ("take", "go") for noun in "abcdefgh"]
    model.score(PROMPT, [])
    expected = [score.logprob for score in model.score(PROMPT, options)]
    assert model.state.kind == "ok"
    bounded(model.network, len(model.encode(PROMPT)) + 20)
    model.forget()
    found = model.score(PROMPT, options)
    assert [score.logprob for score in found] == pytest.approx(expected, abs=1e-4)
    assert model.state.kind == "slow" and "memory" in model.state.reason
    bounded(model.network, 0)
    with pytest.raises(torch.OutOfMemoryError):
        model.score("Hi", options)


def test_training_takes_smaller_packs_where_memory_is_short() -> None:
    model = model_of("Llama")
    tuned = lora.with_lora(model.network, rank=2, alpha=4, seed=0)
    network.use_packed_attention(model.network)
    tokens = model.encode(PROMPT * 2)
    sequences = [Encoded(tokens, tuple(range(40, 90)))] * 4
    settings = TrainingSettings(epochs=1, batch=4, precision="float32")

    def losses(notes: list[str]) -> list[float]:
        told: list[sft.TrainingProgress] = []
        sft.train(copy.deepcopy(tuned), sequences, settings, on_step=told.append)
        notes += [each.note for each in told]
        return [each.loss for each in told]

    notes: list[str] = []
    expected = losses(notes)
    bounded(model.network, len(tokens) + 5)
    assert losses(notes) == pytest.approx(expected, abs=1e-4)
    assert notes[0] == "" and "128 tokens at once" in notes[1]
    bounded(model.network, 20)
    with pytest.raises(NoMemoryError, match="train on one example"):
        losses(notes)
