"""Tiny networks of many families: each is scored, sampled and adapted with the numbers of plain passes."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from tiny_networks import FAMILIES, byte_tokenizer, tiny_network

from sandbox.llm import passes
from sandbox.llm.adapter import CONFIG, WEIGHTS
from sandbox.llm.local import LocalModel
from sandbox.llm.plain import score_plainly
from sandbox.tune import lora, network, packing, sft
from sandbox.tune.packing import Encoded
from sandbox.tune.settings import TrainingSettings

TREES = {
    "Llama",
    "Qwen3",
    "Gemma 3",
    "Mistral, with a window",
    "Phi",
    "OLMo 2",
    "Mixtral",
    "GPT-NeoX",
    "GPT-2",
}
"""Families whose options are scored as a trie behind a kept prefix."""

ROOM = "You are in a kitchen. There is a lamp here.\n\n>"
LATER = ROOM + " take lamp\nTaken. It is dark.\n\n>"
END_TOKEN = 0
OPTIONS = [" take lamp\n", " take", "", " go north\n", " take lamp and go\n", " take lamp\n"]


class Subject:
    """A network behind `LocalModel`, and an untouched copy of it."""

    def __init__(self, family: str) -> None:
        self.reference = tiny_network(family)
        self.model = LocalModel(copy.deepcopy(self.reference), byte_tokenizer(), name="tiny@base", window=256)


@pytest.fixture(scope="module")
def subjects() -> dict[str, Subject]:
    return {}


@pytest.fixture(params=FAMILIES)
def family(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def subject(family: str, subjects: dict[str, Subject]) -> Subject:
    if family not in subjects:
        subjects[family] = Subject(family)
    subjects[family].model.forget()
    return subjects[family]


def alone(plain: Any, model: LocalModel, prompt: str, option: str) -> float:
    """One option by itself: a pass over prompt and option, with nothing kept."""
    head, tail = model.encode(prompt), model.encode(option)
    with torch.inference_mode():
        logits = plain(input_ids=torch.tensor([head + tail]), use_cache=False).logits[0]
    logprobs = logits.log_softmax(dim=-1)
    return sum(logprobs[len(head) - 1 + i, token].item() for i, token in enumerate(tail))


def assert_exact(plain: Any, model: LocalModel, prompt: str) -> None:
    for option, score in zip(OPTIONS, model.score(prompt, OPTIONS), strict=True):
        assert score.logprob == pytest.approx(alone(plain, model, prompt, option), abs=1e-4), option


def test_options_are_scored_as_by_themselves(subject: Subject, monkeypatch: pytest.MonkeyPatch) -> None:
    model = subject.model
    for prompt in (ROOM, LATER, ROOM, "Hi", ">"):  # growing, going back, another, a single token
        assert_exact(subject.reference, model, prompt)
    plain = score_plainly(model, LATER, OPTIONS)
    assert [s.logprob for s in model.score(LATER, OPTIONS)] == pytest.approx([s.logprob for s in plain], abs=1e-4)
    monkeypatch.setattr(passes, "NODES_PER_PASS", 8)
    assert_exact(subject.reference, model, LATER)


def test_sampling_greedily_writes_the_likeliest_tokens(subject: Subject) -> None:
    model, tokens, logprob = subject.model, list(subject.model.encode(LATER)), 0.0
    start = len(tokens)
    with torch.inference_mode():
        while len(tokens) < start + 12 and tokens[-1] != END_TOKEN:
            output = subject.reference(input_ids=torch.tensor([tokens]), use_cache=False)
            best = output.logits[0, -1].log_softmax(dim=-1).max(dim=-1)
            tokens.append(best.indices.item())
            logprob += best.values.item()
    expected = model.tokenizer.decode(tokens[start:], skip_special_tokens=True)
    for sample in model.sample(LATER, 2, seed=0, max_tokens=12, temperature=0, stop=()):
        assert (sample.text, sample.tokens) == (expected, len(tokens) - start)
        assert sample.logprob == pytest.approx(logprob, abs=1e-4)


def test_branches_do_not_see_each_other(subject: Subject) -> None:
    model = subject.model
    for sample in model.sample(LATER, 4, seed=1, max_tokens=10, temperature=1.5, stop=("a", "e")):
        text = sample.text
        ended = [each for each in ("a", "e", "") if len(model.encode(text + each)) == sample.tokens]
        if "\N{REPLACEMENT CHARACTER}" not in text and ended:
            scores = [alone(subject.reference, model, LATER, text + each) for each in ended]
            assert any(sample.logprob == pytest.approx(score, abs=1e-3) for score in scores)


def test_an_adapter_has_the_numbers_of_peft(subject: Subject, tmp_path: Path) -> None:
    model, tuned = subject.model, lora.with_lora(copy.deepcopy(subject.reference), rank=2, alpha=8, seed=0)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for name, weight in tuned.named_parameters():
            if "lora_B" in name:
                weight.normal_(0, 0.1, generator=generator)
    weights, config = lora.exported(tuned, "tiny")
    (tmp_path / WEIGHTS).write_bytes(weights)
    (tmp_path / CONFIG).write_text(json.dumps(config))
    before = model.score(ROOM, OPTIONS)
    model.use_adapter(tmp_path)
    try:
        assert abs(model.score(ROOM, OPTIONS)[0].logprob - before[0].logprob) > 0.1
        assert_exact(tuned.eval(), model, ROOM)
    finally:
        model.use_adapter(None)
    assert model.score(ROOM, OPTIONS) == before


def test_a_trie_serves_where_every_layer_is_attention(subject: Subject, family: str) -> None:
    assert subject.model.packs == (family in TREES)


def test_a_growing_transcript_encodes_only_what_is_new(subject: Subject, family: str) -> None:
    if family == "RWKV":  # it goes on from no cache of transformers
        return
    model = subject.model
    model.score(ROOM, [" look\n"])
    before = model.encoded
    model.score(LATER, [" look\n"])
    new = len(model.encode(LATER)) - len(model.encode(ROOM))
    assert new < model.encoded - before <= new + len(" look\n") + 1


def test_training_takes_the_loss_of_each_sequence_by_itself(subject: Subject) -> None:
    model, reference = subject.model, subject.reference
    tokens = model.encode(LATER)
    # What is said beside the commands is seen by nothing that comes after it.
    told = Encoded(tokens[:40], (10, 11, 20, 21, 22, 30, 39), ((18, 24), (24, 28)))
    plain = Encoded(tokens[20:50], (1, 2, 29), (), (1.0, 2.0, 3.0))
    expected = []
    for sequence in (told, plain):
        for position in sequence.learned:
            hidden = {i for start, end in sequence.asides for i in range(start, end) if position >= end}
            row = [token for i, token in enumerate(sequence.tokens[:position]) if i not in hidden]
            with torch.inference_mode():
                logits = reference(input_ids=torch.tensor([row]), use_cache=False).logits[0, -1]
            expected.append(-logits.log_softmax(dim=-1)[sequence.tokens[position]].item())
    trained = copy.deepcopy(reference)
    sequences = [told, plain]
    if model.packs:
        network.use_packed_attention(trained)
    else:
        sequences = [part for sequence in sequences for part in packing.apart(sequence)]
        expected = [expected[i] for i in (0, 1, 5, 6, 2, 3, 4, 7, 8, 9)]
        assert [part.weights for part in sequences] == [(), (), (1.0, 2.0, 3.0)]
    losses = network.token_losses(trained, sequences)
    assert losses.tolist() == pytest.approx(expected, abs=1e-4)


def test_a_few_steps_of_training_lower_the_loss(subject: Subject) -> None:
    tuned = lora.with_lora(copy.deepcopy(subject.reference), rank=4, alpha=8, seed=0)
    if subject.model.packs:
        network.use_packed_attention(tuned.get_base_model())
    tokens = subject.model.encode(LATER)
    losses: list[float] = []
    sft.train(
        tuned,
        [Encoded(tokens, tuple(range(1, len(tokens))))] * 2,
        TrainingSettings(epochs=4, batch=1, learning_rate=1e-2, warmup=0.1, precision="float32"),
        on_step=lambda progress: losses.append(progress.loss),
    )
    assert losses[-1] < losses[0] - 0.1
