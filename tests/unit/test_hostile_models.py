"""Folders of models and adapters from elsewhere: nothing but safetensors and JSON is read, and nothing is run."""

from __future__ import annotations

import json
import os
import pickle
import shutil
from pathlib import Path

import pytest
import safetensors.torch
import torch
from tiny_gguf import write_tiny_gguf

from sandbox.errors import ModelError
from sandbox.llm import catalogue, registry
from sandbox.llm.local import LocalModel
from sandbox.tune import lora
from sandbox.tune.adapters import Adapters, describe


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a model of a few thousand weights."""
    home = tmp_path_factory.mktemp("model")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("SANDBOX_CACHE", str(home / "cache"))
        return registry.resolve(write_tiny_gguf(home / "tiny.gguf")).folder


class Bomb:
    """Unpickled, it makes a file."""

    def __init__(self, file: Path) -> None:
        self._file = str(file)

    def __reduce__(self) -> tuple[object, ...]:
        return os.mkdir, (self._file,)


@pytest.fixture
def model(whole: Path, tmp_path: Path) -> Path:
    """The model with a pickle, and Python, wherever a library could look for it."""
    folder, gone_off = Path(shutil.copytree(whole, tmp_path / "model")), tmp_path / "gone-off"
    bomb, code = pickle.dumps(Bomb(gone_off)), f"import os\nos.mkdir({str(gone_off)!r})\n"
    for name in (
        "pytorch_model.bin",
        "model.bin",
        "training_args.bin",
        "adapter_model.bin",
        "tokenizer.model",
        "vocab.pkl",
    ):
        (folder / name).write_bytes(bomb)
    for name in ("modeling_evil.py", "configuration_evil.py", "tokenization_evil.py", "__init__.py"):
        (folder / name).write_text(code)
    return folder


def edit(file: Path, **fields: object) -> None:
    file.write_text(json.dumps({**json.loads(file.read_text()), **fields}))


def test_a_model_is_read_from_safetensors_and_json_alone(model: Path, tmp_path: Path) -> None:
    auto = {
        "AutoConfig": "configuration_evil.C",
        "AutoModelForCausalLM": "modeling_evil.M",
        "AutoTokenizer": ["a.T", None],
    }
    edit(model / "config.json", auto_map=auto)
    edit(model / "tokenizer_config.json", auto_map={"AutoTokenizer": ["tokenization_evil.T", None]})
    loaded = LocalModel.load(model)
    assert loaded.score("a", [" b"])[0].tokens == 2
    assert not (tmp_path / "gone-off").exists()


def test_libraries_are_shown_json_and_safetensors_alone(model: Path) -> None:
    os.mkfifo(model / "pipe.json")
    with catalogue.plain_files(model) as plain:
        shown = {file.name for file in plain.iterdir()}
    assert {"config.json", "tokenizer.json", "model.safetensors"} <= shown
    assert "pipe.json" not in shown
    assert {Path(name).suffix for name in shown} <= {".json", ".safetensors", ".jinja"}


@pytest.mark.parametrize("missing", ["model.safetensors", "config.json", "tokenizer.json"])
def test_a_pickle_takes_the_place_of_nothing(missing: str, model: Path, tmp_path: Path) -> None:
    (model / missing).unlink()
    with pytest.raises(ModelError):
        LocalModel.load(model)
    assert not (tmp_path / "gone-off").exists()


def test_a_pickle_by_another_name_is_no_model(model: Path, tmp_path: Path) -> None:
    for name in ("model.safetensors", "tokenizer.json", "config.json"):
        copy = Path(shutil.copytree(model, tmp_path / f"copy-of-{name}"))
        shutil.copyfile(copy / "pytorch_model.bin", copy / name)
        with pytest.raises(ModelError):
            LocalModel.load(copy)
    assert not (tmp_path / "gone-off").exists()


def test_a_model_without_some_of_its_weights_is_refused(model: Path) -> None:
    edit(model / "config.json", num_hidden_layers=2)
    with pytest.raises(ModelError, match="there are no weights for"):
        LocalModel.load(model)


@pytest.fixture
def adapters(whole: Path, tmp_path: Path) -> Adapters:
    """An adapter of the model, with pickles beside it."""
    made = Adapters(tmp_path / "adapters")
    tuned = lora.with_lora(LocalModel.load(whole).network, rank=2, alpha=4, seed=0)
    made.publish(
        describe("sft-1", model="tiny", method="sft", data="", settings={}), *lora.exported(tuned, "tiny")
    )
    for name in ("adapter_model.bin", "training_args.bin", "optimizer.pt"):
        (made.path("sft-1") / name).write_bytes(pickle.dumps(Bomb(tmp_path / "gone-off")))
    return made


def test_an_adapter_is_read_from_safetensors_and_json_alone(
    adapters: Adapters, whole: Path, tmp_path: Path
) -> None:
    folder = adapters.path("sft-1")
    edit(
        folder / "adapter_config.json",
        auto_mapping={"parent_library": "evil"},
        base_model_name_or_path="org/other",
    )
    model = LocalModel.load(whole)
    model.use_adapter(folder)
    assert model.name.endswith("@sft-1")
    continued = lora.with_adapter(LocalModel.load(whole).network, folder)
    assert any(weight.requires_grad for weight in continued.parameters())
    assert continued.peft_config["default"].base_model_name_or_path is None
    assert not (tmp_path / "gone-off").exists()


def test_an_adapter_without_safetensors_is_refused(adapters: Adapters, whole: Path, tmp_path: Path) -> None:
    folder = adapters.path("sft-1")
    (folder / "adapter_model.safetensors").unlink()
    model = LocalModel.load(whole)
    for take in (model.use_adapter, lambda path: lora.with_adapter(model.network, path)):
        with pytest.raises(ModelError, match="no adapter that can be read"):
            take(folder)
    assert not (tmp_path / "gone-off").exists()


@pytest.mark.parametrize(
    "fields",
    [
        {"r": 0},
        {"r": "2"},
        {"r": 10**9},
        {"lora_alpha": None},
        {"lora_alpha": 1e300},
        {"peft_type": "IA3"},
        {"target_modules": "(a+)+$"},
        {"modules_to_save": ["lm_head"]},
        {"use_dora": True},
        {"rank_pattern": {"q": 9}},
    ],
    ids=str,
)
def test_a_configuration_that_is_no_plain_lora_is_refused(
    fields: dict[str, object], adapters: Adapters, whole: Path
) -> None:
    folder = adapters.path("sft-1")
    edit(folder / "adapter_config.json", **fields)
    model = LocalModel.load(whole)
    for take in (model.use_adapter, lambda path: lora.with_adapter(model.network, path)):
        with pytest.raises(ModelError):
            take(folder)


def test_factors_whose_product_would_not_fit_into_memory_are_not_multiplied(
    adapters: Adapters, whole: Path
) -> None:
    folder = adapters.path("sft-1")
    weights = {
        "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight": torch.ones(1, 3_000_000),
        "base_model.model.model.layers.0.self_attn.q_proj.lora_B.weight": torch.ones(3_000_000, 1),
    }
    (folder / "adapter_model.safetensors").write_bytes(safetensors.torch.save(weights))
    with pytest.raises(ModelError, match="does not fit the language model"):
        LocalModel.load(whole).use_adapter(folder)
