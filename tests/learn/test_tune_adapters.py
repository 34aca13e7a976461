"""Two adapters compared on the same games, and an adapter exported, on the command line."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import peft
import pytest
import torch
import transformers
from typer.testing import CliRunner, Result

from sandbox.cli import app
from sandbox.llm.local import LocalModel
from sandbox.tune import lora
from sandbox.tune.adapters import Adapters, describe


@pytest.fixture
def home(tiny_model: Path, tmp_path: Path) -> Iterator[Path]:
    """A save with an adapter that turns the tiny model upside down, and an agent that plays with that model."""
    threads = torch.get_num_threads()
    model = LocalModel.load(tiny_model, threads=1)
    tuned = lora.with_lora(model.network, rank=4, alpha=8, seed=0)
    generator = torch.Generator().manual_seed(3)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=2.0, generator=generator)
    adapters = Adapters.of(tmp_path / "saves" / "friday")
    about = describe("sft-1", model="tiny", method="sft", data="", settings={})
    adapters.publish(about, *lora.exported(tuned, "tiny"))
    (tmp_path / "agents").mkdir()
    (tmp_path / "agents" / "small.yaml").write_text(f"model: {tiny_model}\ncombine: {{method: prior}}\n")
    yield tmp_path
    torch.set_num_threads(threads)


def run(home: Path, *arguments: str) -> Result:
    return CliRunner().invoke(app, ["--home", str(home), "adapter", *arguments], catch_exceptions=False)


def test_two_adapters_are_compared_on_the_same_games(home: Path) -> None:
    given = ("--worlds", "tutorial", "--seeds", "3", "--max-steps", "2", "--agent", "small")
    same = run(home, "compare", "friday", "base", "base", *given)
    assert same.exit_code == 0, same.output
    (won,) = (line.split("│")[1:] for line in same.output.splitlines() if line.startswith("won "))
    assert won[0].strip() == won[1].strip() == "0 of 3" and won[2].strip() == "+0% [+0%, +0%]"
    assert "tutorial is one game: 3 starts" in same.output and "at least 8 are needed" in same.output

    other = run(home, "compare", "friday", "base", "sft-1", *given)
    header = next(line for line in other.output.splitlines() if "sft-1" in line and "base" in line)
    assert header.index("base") < header.index("sft-1")


def test_an_exported_adapter_is_loaded_by_peft_and_transformers_alone(
    home: Path, tiny_model: Path, tmp_path: Path
) -> None:
    for form in ("peft", "merged"):
        done = run(
            home, "export", "friday", "sft-1", str(tmp_path / form), "--format", form, "--model", str(tiny_model)
        )
        assert done.exit_code == 0, done.output
    assert not [file for form in ("peft", "merged") for file in (tmp_path / form).glob("*.bin")]
    where = json.loads((tmp_path / "peft" / "adapter_config.json").read_text())["base_model_name_or_path"]
    plain = transformers.AutoModelForCausalLM.from_pretrained(where)
    merged = transformers.AutoModelForCausalLM.from_pretrained(tmp_path / "merged")
    tokens = torch.tensor([[5, 6, 7, 8, 9]])
    with torch.inference_mode():
        base = plain(tokens).logits
        tuned = peft.PeftModel.from_pretrained(plain, tmp_path / "peft")(tokens).logits
        assert torch.allclose(tuned, merged(tokens).logits, atol=1e-3)
        assert not torch.allclose(tuned, base, atol=0.1)
