"""What a network knew is held while it learns something else."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from tiny_networks import byte_tokenizer, tiny_network

from sandbox.llm.local import LocalModel
from sandbox.tune import lora, network, packing, sft, training
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings

LEARNED = Encoded(tuple(b"> open the box"), tuple(range(2, 14)))
KNOWN = Encoded(tuple(b"It was late in the day"), tuple(range(4, 22)))


def tuned(family: str = "Llama") -> Any:
    made = lora.with_lora(tiny_network(family), rank=4, alpha=8, seed=0)
    if family == "Llama":
        network.use_packed_attention(made.get_base_model())
    return made


@pytest.mark.parametrize("family", ["Llama", "Mamba"])
def test_a_network_diverges_from_itself_as_its_adapter_grows(family: str) -> None:
    made = tuned(family)
    assert network.divergence(made, KNOWN).item() == pytest.approx(0, abs=1e-6)
    with torch.no_grad():
        for name, weight in made.named_parameters():
            if "lora_B" in name:
                weight += 0.5
    apart = network.divergence(made, KNOWN)
    assert apart.item() > 1e-3
    apart.backward()  # type: ignore[no-untyped-call]
    assert any(weight.grad is not None and weight.grad.abs().sum() > 0 for weight in made.parameters())


def test_rehearsal_holds_what_is_not_learned() -> None:
    after = {}
    for rehearsal in (0.0, 5.0):
        made = tuned()
        settings = TrainingSettings(
            epochs=30, batch=1, learning_rate=1e-2, rehearsal=rehearsal, precision="float32"
        )
        sft.train(made, [LEARNED], settings, rehearsal=[KNOWN] if rehearsal else [])
        with torch.no_grad():
            after[rehearsal] = (
                network.divergence(made, KNOWN).item(),
                network.token_losses(made, [LEARNED]).mean().item(),
            )
    assert after[5.0][0] < after[0.0][0] / 4
    with torch.no_grad():
        before = network.token_losses(tuned(), [LEARNED]).mean().item()
    assert after[5.0][1] < before / 2


def test_what_is_rehearsed_are_answers_and_prose_of_the_model() -> None:
    model = LocalModel(tiny_network("Llama"), byte_tokenizer(), name="tiny@base", window=256)
    texts = training.rehearse(model, 0)
    assert len({text.tokens for text in texts}) > 20
    assert texts == training.rehearse(model, 0)
    assert texts != training.rehearse(model, 1)
    assert all(packing.learned_weight([text]) > 0 for text in texts)
