"""Supervised fine-tuning on the real small model and transcripts of a real game."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import peft
import pytest
import torch

from sandbox.agent.cards import parse_card
from sandbox.errors import ModelError, UsageError
from sandbox.files import new_folder
from sandbox.llm.local import LocalModel
from sandbox.tune import collect, lora, network, packing, sft, training
from sandbox.tune.adapters import Adapters, describe
from sandbox.tune.checkpoint import Checkpoint
from sandbox.tune.errors import RoundError, Stopped
from sandbox.tune.export import export
from sandbox.tune.loop import TrainingProgress
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings
from sandbox.types import OptionScore
from sandbox.world import registry

CARD = parse_card("model: smollm2-135m-instruct", "lm")
SETTINGS = TrainingSettings(
    epochs=3, batch=2, rank=4, alpha=8, learning_rate=2e-3, warmup=0.2, checkpoint_seconds=0
)


@pytest.fixture(scope="module")
def transcripts() -> list[Any]:
    found = []
    for level in (1, 2):
        world = registry.open_world(f"tw:coin?level={level}&seed=1")
        found += collect.from_walkthrough(world, CARD)
        world.close()
    return found


@pytest.fixture
def model(local_model: LocalModel) -> Iterator[LocalModel]:
    """A model of its own: training changes it."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield LocalModel(
        copy.deepcopy(local_model.network), local_model.tokenizer, name="smollm2-135m-instruct@base", window=2048
    )
    torch.set_num_threads(threads)


def encoded(model: LocalModel, transcripts: list[Any]) -> list[Encoded]:
    return [s for each in transcripts for s in packing.encode(model.tokenizer, each, model.window)]


def with_lora(model: LocalModel) -> Any:
    tuned = lora.with_lora(model.network, rank=SETTINGS.rank, alpha=SETTINGS.alpha, seed=0)
    network.use_packed_attention(model.network)
    return tuned


def weights(tuned: Any) -> dict[str, torch.Tensor]:
    return {name: w.detach().clone() for name, w in tuned.named_parameters() if w.requires_grad}


def test_training_reads_the_tokens_of_play_and_learns_the_commands_only(
    local_model: LocalModel, transcripts: list[Any]
) -> None:
    for transcript in transcripts:
        (sequence,) = packing.encode(local_model.tokenizer, transcript, local_model.window)
        text = ""
        learned: list[int] = []
        for segment in transcript.segments:
            if segment.learned:
                prompt, option = local_model.fit(text), local_model.encode(segment.text)
                assert sequence.tokens[: len(prompt) + len(option)] == prompt + option
                learned += range(len(prompt), len(prompt) + len(option))
            text += segment.text
        assert sequence.learned == tuple(learned)


def test_a_transcript_longer_than_the_window_is_cut_as_play_cuts_it(
    local_model: LocalModel, transcripts: list[Any]
) -> None:
    window = 160
    short = LocalModel(local_model.network, local_model.tokenizer, name="m@base", window=window)
    transcript = max(transcripts, key=lambda each: each.commands)
    sequences = packing.encode(local_model.tokenizer, transcript, window)
    text, found = "", []
    for segment in transcript.segments:
        if segment.learned:
            found.append(short.fit(text) + short.encode(segment.text))
        text += segment.text
    for prompt_and_command in found:
        assert any(s.tokens[: len(prompt_and_command)] == prompt_and_command for s in sequences)


def test_packed_sequences_have_the_loss_of_single_ones_and_of_play(
    model: LocalModel, transcripts: list[Any]
) -> None:
    sequences = encoded(model, transcripts)
    first = transcripts[0].segments[0].text
    (scored,) = model.score(first, [transcripts[0].segments[1].text])
    network.use_packed_attention(model.network)
    with torch.no_grad():
        packed = network.token_losses(model.network, sequences)
        single = torch.cat([network.token_losses(model.network, [each]) for each in sequences])
    assert torch.allclose(packed, single, atol=1e-4)
    assert isinstance(scored, OptionScore)
    assert packed[: scored.tokens].sum().item() == pytest.approx(-scored.logprob, abs=1e-3)


@pytest.mark.parametrize("lengths", [[7, 1, 12], [3, 1100]])
def test_packed_attention_is_causal_attention_inside_each_sequence(lengths: list[int]) -> None:
    torch.manual_seed(0)
    query, key, value = (torch.randn(1, heads, sum(lengths), 8, requires_grad=True) for heads in (6, 2, 2))

    def alone() -> torch.Tensor:
        parts = zip(*(torch.split(each, lengths, dim=2) for each in (query, key, value)), strict=True)
        attended = [
            torch.nn.functional.scaled_dot_product_attention(*part, is_causal=True, scale=0.3, enable_gqa=True)
            for part in parts
        ]
        return torch.cat(attended, dim=2).transpose(1, 2)

    found, _ = network.packed_attention(None, query, key, value, None, scaling=0.3, lengths=lengths)
    weights = torch.randn_like(found)
    gradients = torch.autograd.grad((found * weights).sum(), (query, key, value))
    expected = torch.autograd.grad((alone() * weights).sum(), (query, key, value))
    torch.testing.assert_close(found, alone())
    torch.testing.assert_close(gradients, expected)


def test_a_few_steps_lower_the_loss(model: LocalModel, transcripts: list[Any]) -> None:
    told: list[TrainingProgress] = []
    sft.train(with_lora(model), encoded(model, transcripts), SETTINGS, on_step=told.append)
    assert [each.step for each in told] == [1, 2, 3] and {each.steps for each in told} == {3}
    assert told[-1].loss < 0.8 * told[0].loss


def test_stopped_and_resumed_it_is_the_same_to_the_bit(
    model: LocalModel, transcripts: list[Any], tmp_path: Path
) -> None:
    sequences = encoded(model, transcripts)
    settings = SETTINGS.model_copy(update={"epochs": 2})
    tuned = with_lora(model)
    fresh = weights(tuned)
    sft.train(tuned, sequences, settings)
    through = weights(tuned)

    _put(tuned, fresh)
    checkpoint = Checkpoint(tmp_path / "checkpoint.safetensors", "data")
    asked = iter((False, True))
    with pytest.raises(Stopped):
        sft.train(tuned, sequences, settings, checkpoint=checkpoint, stop=lambda: next(asked))
    assert any(not torch.equal(through[name], weight) for name, weight in weights(tuned).items())
    _put(tuned, fresh)
    sft.train(tuned, sequences, settings, checkpoint=checkpoint)
    assert all(torch.equal(through[name], weight) for name, weight in weights(tuned).items())
    optimiser = torch.optim.AdamW(tuned.parameters())
    assert Checkpoint(checkpoint.file, "other data").restore(weights(tuned), optimiser) == 0


def test_a_loss_that_is_no_number_stops_the_round(model: LocalModel, transcripts: list[Any]) -> None:
    tuned = with_lora(model)
    with torch.no_grad():
        next(w for w in tuned.parameters() if w.requires_grad).fill_(float("nan"))
    with pytest.raises(RoundError, match="nan at step 1"):
        sft.train(tuned, encoded(model, transcripts), SETTINGS)


def test_a_merged_adapter_scores_as_peft_does_and_comes_out_without_a_trace(
    model: LocalModel, transcripts: list[Any], tmp_path: Path
) -> None:
    prompt, options = transcripts[0].segments[0].text, [" take coin\n", " go north\n", " look\n"]
    base = model.score(prompt, options)
    original = {name: w.clone() for name, w in model.network.state_dict().items()}
    tuned = lora.with_lora(model.network, rank=4, alpha=8, seed=0)
    generator = torch.Generator().manual_seed(1)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02, generator=generator)
    made, config = lora.exported(tuned, "smollm2-135m-instruct")
    model.forget()
    with_peft = model.score(prompt, options)
    tuned.unload()
    with new_folder(tmp_path / "sft-1") as work:
        (work / "adapter_model.safetensors").write_bytes(made)
        (work / "adapter_config.json").write_text(json.dumps(config))
    assert not list(tmp_path.rglob("*.bin"))

    model.use_adapter(tmp_path / "sft-1")
    assert model.name == "smollm2-135m-instruct@sft-1"
    merged = model.score(prompt, options)
    for one, other, plain in zip(merged, with_peft, base, strict=True):
        assert one.logprob == pytest.approx(other.logprob, abs=1e-3)
        assert abs(one.logprob - plain.logprob) > 0.01
    model.use_adapter(None)
    assert model.name == "smollm2-135m-instruct@base" and model.score(prompt, options) == base
    assert all(torch.equal(original[name], w) for name, w in model.network.state_dict().items())
    with pytest.raises(ModelError, match="no adapter that can be read"):
        model.use_adapter(tmp_path)
    assert model.name == "smollm2-135m-instruct@base"


def test_an_exported_adapter_is_loaded_by_plain_peft_and_as_a_whole_model(
    model: LocalModel, tmp_path: Path
) -> None:
    prompt, options = "You see a lamp.\n\n>", [" take lamp\n", " look\n"]
    tuned = lora.with_lora(model.network, rank=4, alpha=8, seed=0)
    generator = torch.Generator().manual_seed(1)
    for name, weight in tuned.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02, generator=generator)
    adapters = Adapters(tmp_path / "adapters")
    name = adapters.new_id("sft")
    about = describe(name, model="smollm2-135m-instruct", method="sft", data="", settings={})
    adapters.publish(about, *lora.exported(tuned, "smollm2-135m-instruct"))
    expected = [score.logprob for score in model.score(prompt, options)]
    tuned.unload()

    export(adapters, name, tmp_path / "peft", "peft")
    model.network = peft.PeftModel.from_pretrained(model.network, tmp_path / "peft").get_base_model()
    model.forget()
    assert [score.logprob for score in model.score(prompt, options)] == pytest.approx(expected, abs=1e-3)

    export(adapters, name, tmp_path / "merged", "merged")
    whole = LocalModel.load(tmp_path / "merged", threads=1)
    assert [score.logprob for score in whole.score(prompt, options)] == pytest.approx(expected, abs=1e-3)
    with pytest.raises(UsageError, match="there already"):
        export(adapters, name, tmp_path / "merged", "peft")


def test_perplexity_of_plain_english_is_that_of_a_language_model(local_model: LocalModel) -> None:
    plain = training.perplexity(local_model.network, local_model)
    shuffled = " ".join(reversed(training.FIXED_TEXT.split()))
    assert 5 < plain < 40 < training.perplexity(local_model.network, local_model, shuffled)


def _put(tuned: Any, values: dict[str, torch.Tensor]) -> None:
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if name in values:
                weight.copy_(values[name])
