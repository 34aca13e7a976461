"""LoRA weights into a network and out of it again, through PEFT."""

from __future__ import annotations

import json
import math
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import safetensors.torch
import torch
from transformers.pytorch_utils import Conv1D

from sandbox.errors import ModelError
from sandbox.llm import adapter


def with_lora(network: Any, *, rank: int, alpha: int, seed: int) -> Any:
    """The network with fresh LoRA weights on the linear layers (Hu et al. 2021): a `PeftModel`."""
    import peft

    tuned = peft.get_peft_model(network, lora_config(network, rank, alpha))
    generator = torch.Generator(network.device).manual_seed(seed)
    for name, weight in tuned.named_parameters():  # PEFT draws from torch's global generator
        if "lora_A" in name:
            torch.nn.init.kaiming_uniform_(weight, a=math.sqrt(5), generator=generator)
    return tuned


def lora_config(network: Any, rank: int, alpha: int) -> Any:
    """PEFT's configuration of the adapters made here."""
    import peft

    return peft.LoraConfig(
        r=rank,
        lora_alpha=alpha,
        lora_dropout=0.0,
        target_modules=sorted(_targets(network)),
        task_type="CAUSAL_LM",
    )


_FUSED = {"out_proj", "dt_proj"}
_EXPERT = {"gate", "w1", "w2", "w3", "gate_proj", "up_proj", "down_proj"}


def _targets(network: Any) -> set[str]:
    """Names of the linear layers to adapt: all but the output, and those where an adapter would not be seen.

    A state-space layer hands some of its weights to a kernel. Where there are experts, PEFT takes the names of
    their parts for the weights of all experts, in a form of adapter that is not the plain one.
    """
    output = network.get_output_embeddings()
    linear = {
        name.rpartition(".")[2]
        for name, module in network.named_modules()
        if isinstance(module, torch.nn.Linear | Conv1D) and module is not output
    }
    fused = any(hasattr(module, "conv1d") for module in network.modules())
    experts = any(name.endswith("experts") for name, _ in network.named_modules())
    return linear - (_FUSED if fused else set()) - (_EXPERT if experts else set())


def with_adapter(network: Any, folder: Path) -> Any:
    """The network with an adapter to be trained further. Raises `ModelError`.

    PEFT sees the weights as safetensors, what our own reader let through of the configuration, and no other file.
    """
    import peft

    config = adapter.plain_config(folder)
    try:
        with TemporaryDirectory() as given:
            Path(given, adapter.CONFIG).write_text(json.dumps(config), encoding="utf-8")
            Path(given, adapter.WEIGHTS).symlink_to((folder / adapter.WEIGHTS).resolve())
            return peft.PeftModel.from_pretrained(network, given, is_trainable=True)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(f"cannot be continued from: {reason}", where=folder) from error


def exported(tuned: Any, model: str) -> tuple[bytes, dict[str, Any]]:
    """The adapter of a `PeftModel` as its two files: safetensors, and the configuration.

    Args:
        tuned: with one adapter.
        model: name of the language model, for the record; a path would be of this machine only.
    """
    import peft

    weights = {name: w.detach().contiguous() for name, w in peft.get_peft_model_state_dict(tuned).items()}
    config = tuned.peft_config["default"].to_dict()
    config |= {"base_model_name_or_path": model, "inference_mode": True}
    plain = {key: sorted(value) if isinstance(value, set) else value for key, value in config.items()}
    return safetensors.torch.save(weights, metadata={"format": "pt"}), plain
