"""Training reads several continuations of a prompt as play rates them."""

from __future__ import annotations

import pytest
import torch
from tiny_networks import byte_tokenizer, tiny_network

from sandbox.llm.local import LocalModel
from sandbox.llm.questions import Continue
from sandbox.tune import network, packing

PROMPT = "You see a lamp and a key.\n\n>"
OPTIONS = (" take lamp\n", " look\n", " go to the north\n")


@pytest.mark.parametrize("family", ["Llama", "Gemma 3", "Mamba 2"])
def test_continuations_of_one_prompt_are_rated_as_in_play(family: str) -> None:
    """They lie behind it as branches; where a network cannot keep them apart, each goes through it by itself."""
    model = LocalModel(tiny_network(family), byte_tokenizer(), name="tiny@base", window=512)
    played = [score.logprob for score in model.score(PROMPT, OPTIONS)]
    if model.packs:
        network.use_packed_attention(model.network)
    encoded = [model.encode(option) for option in OPTIONS]
    sequences = [packing.branches(model.fit(PROMPT), each) for each in (encoded, encoded[1:])]
    with torch.no_grad():
        losses = network.token_losses(model.network, sequences)
    parts = torch.split(losses, [len(option) for option in (*encoded, *encoded[1:])])
    assert [-part.sum().item() for part in parts] == pytest.approx(played + played[1:], abs=1e-3)
    model.forget()
    again = [score.logprob for score in model.score(PROMPT, OPTIONS)]
    assert again == pytest.approx(played, abs=1e-3), "it plays as before"


@pytest.mark.parametrize("family", ["Llama", "Mamba 2"])
def test_the_tokens_that_were_sampled_are_those_that_are_learned(family: str) -> None:
    model = LocalModel(tiny_network(family), byte_tokenizer(), name="tiny@base", window=512)
    question = Continue(prompt=PROMPT, n=4, seed=3, max_tokens=12, stop=("e",))
    (written,) = model.write([question])
    samples = model.answer([question])[0]
    assert [each.text for each in written] == [sample.text for sample in samples]
    assert [len(each.tokens) for each in written] == [sample.tokens for sample in samples]
    if model.packs:
        network.use_packed_attention(model.network)
    sequence = packing.branches(model.fit(PROMPT), [each.tokens for each in written])
    with torch.no_grad():
        losses = network.token_losses(model.network, [sequence])
    parts = torch.split(losses, [len(each.tokens) for each in written])
    assert [-part.sum().item() for part in parts] == pytest.approx([s.logprob for s in samples], abs=1e-3)


@pytest.mark.parametrize("family", ["Llama", "Mamba 2"])
def test_what_is_longer_than_there_is_room_for_is_computed_twice_and_comes_to_the_same(family: str) -> None:
    model = LocalModel(tiny_network(family), byte_tokenizer(), name="tiny@base", window=512)
    if model.packs:
        network.use_packed_attention(model.network)
    sequence = packing.branches(model.fit(PROMPT), [model.encode(option) for option in OPTIONS])
    weight = model.network.get_input_embeddings().weight

    def gradient(room: int) -> tuple[torch.Tensor, int]:
        kept: list[torch.Tensor] = []
        model.network.train()
        with torch.autograd.graph.saved_tensors_hooks(lambda t: kept.append(t) or t, lambda t: t):
            loss = network.token_losses(model.network, [sequence], room).sum()
        return torch.autograd.grad(loss, weight)[0], sum(each.numel() for each in kept)

    plain, much = gradient(0)
    assert gradient(len(sequence))[1] == much, "there is room"
    again, less = gradient(len(sequence) - 1)
    torch.testing.assert_close(again, plain)
    assert less < much / 2 and not model.network.is_activation_checkpointing
