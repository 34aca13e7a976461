"""The decision cache: what it remembers, and what it must not."""

from __future__ import annotations

import json
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from sandbox.errors import ModelError
from sandbox.llm.adapter import CONFIG, WEIGHTS
from sandbox.llm.cached import CachedModel
from sandbox.llm.fake import ScriptedModel
from sandbox.llm.local import LocalModel
from sandbox.types import LanguageModel, OptionScore

PROMPT = "Hall. There is a brass lamp here.\n\n>"
OPTIONS = [" take lamp\n", " wait\n"]


def logprobs(model: LanguageModel) -> list[float]:
    return [score.logprob for score in model.score(PROMPT, OPTIONS)]


def test_the_same_question_is_answered_from_memory_with_the_model_s_own_numbers(local_model: LocalModel) -> None:
    cached = CachedModel(local_model)
    scores, samples = cached.score(PROMPT, OPTIONS), cached.sample(PROMPT, 2, seed=4, max_tokens=4)
    encoded = local_model.encoded
    again = cached.score(PROMPT, OPTIONS), cached.sample(PROMPT, 2, seed=4, max_tokens=4)
    assert local_model.encoded == encoded
    assert again == (scores, samples)
    assert logprobs(cached) == pytest.approx(logprobs(local_model), abs=1e-4)
    assert cached.info.hits == 3
    assert cached.info.misses == cached.info.entries == 2


def test_every_argument_makes_another_question() -> None:
    cached = CachedModel(ScriptedModel(samples=["wait", "look"]))
    for prompt, options in ((PROMPT, OPTIONS), (PROMPT, OPTIONS[::-1]), (PROMPT, OPTIONS[:1]), ("", OPTIONS)):
        cached.score(prompt, options)
    for n, more in ((1, {}), (2, {}), (1, {"max_tokens": 5}), (1, {"temperature": 0.5}), (1, {"stop": ["."]})):
        cached.sample(PROMPT, n, seed=0, **more)
    cached.sample(PROMPT, 1, seed=1)
    assert cached.info.hits == 0
    assert cached.info.entries == 10


def test_an_answer_that_its_reader_changes_stays_as_it_was() -> None:
    cached = CachedModel(ScriptedModel({"wait": -1.0}))
    for _ in range(2):
        answer = cached.score(PROMPT, [" wait\n"])
        assert answer == [OptionScore(-1.0, 1)]
        answer.clear()


def test_what_was_unused_for_longest_goes_first() -> None:
    model = ScriptedModel()
    cached = CachedModel(model, size=2)
    for prompt in ("a", "b", "a", "c", "a", "b"):
        cached.score(prompt, OPTIONS)
    assert model.prompts == ["a", "b", "c", "b"]
    assert cached.info.entries == 2
    cached.forget()
    assert cached.info.entries == 0


def test_an_adapter_never_answers_for_another(local_model: LocalModel, tmp_path: Path) -> None:
    name = "model.layers.0.mlp.down_proj"
    out, into = local_model.network.get_submodule(name).weight.shape
    generator = torch.Generator().manual_seed(0)
    save_file(
        {
            f"base_model.model.{name}.lora_A.weight": torch.randn(2, into, generator=generator),
            f"base_model.model.{name}.lora_B.weight": torch.randn(out, 2, generator=generator),
        },
        tmp_path / WEIGHTS,
    )
    (tmp_path / CONFIG).write_text(json.dumps({"peft_type": "LORA", "r": 2, "lora_alpha": 1}))
    cached = CachedModel(local_model)
    base = logprobs(cached)
    try:
        local_model.use_adapter(tmp_path, name="r1")
        tuned = logprobs(cached)
        assert tuned == pytest.approx(logprobs(local_model), abs=1e-4)
        assert tuned != pytest.approx(base, abs=0.1)
    finally:
        local_model.use_adapter(None)
    assert logprobs(cached) == base
    assert cached.info.hits == 1


class Renamed(ScriptedModel):
    """A model that takes up an adapter in the middle of a call, as when a round is accepted."""

    def score(self, prompt: str, options: Sequence[str]) -> list[OptionScore]:
        answer = super().score(prompt, options)
        self._name = "scripted@r1"
        return answer


def test_an_answer_during_which_the_name_changed_is_not_kept() -> None:
    cached = CachedModel(Renamed())
    cached.score(PROMPT, OPTIONS)
    assert cached.info.entries == 0
    cached.score(PROMPT, OPTIONS)
    assert cached.info.entries == 1


def test_a_failure_is_not_kept() -> None:
    answers = iter([True, False])

    def score(prompt: str, option: str) -> float:
        if next(answers):
            raise ModelError("away")
        return -2.0

    cached = CachedModel(ScriptedModel(score))
    with pytest.raises(ModelError):
        cached.score(PROMPT, [" wait\n"])
    assert cached.score(PROMPT, [" wait\n"]) == [OptionScore(-2.0, 1)]


def test_several_threads_share_it() -> None:
    barrier = threading.Barrier(8, timeout=10)
    cached = CachedModel(ScriptedModel(lambda prompt, option: -float(prompt)), size=20)

    def ask(thread: int) -> bool:
        barrier.wait()
        numbers = [(thread * 7 + i) % 40 for i in range(400)]
        return all(cached.score(str(n), [" wait\n"]) == [OptionScore(-float(n), 1)] for n in numbers)

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(ask, range(8)))
    assert cached.info.entries == 20
    assert cached.info.hits + cached.info.misses == 3200
