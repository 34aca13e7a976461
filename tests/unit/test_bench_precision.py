"""bfloat16 held against float32, on tiny networks."""

from __future__ import annotations

import time
from itertools import islice

import torch
from tiny_networks import byte_tokenizer, tiny_network

from sandbox.bench import decision, precision
from sandbox.llm.local import LocalModel


def tiny(dtype: torch.dtype) -> LocalModel:
    return LocalModel(tiny_network("Llama").to(dtype), byte_tokenizer(), name="tiny@base", window=512)


def test_states_differ_and_are_the_same_each_time() -> None:
    first = list(islice(precision.questions(), 40))
    assert first == list(islice(precision.questions(), 40))
    assert len({question.prompt for question in first}) == 40
    assert all(question.prompt.endswith(">") and question.options for question in first)


def test_a_model_agrees_with_itself_and_nearly_with_its_rounded_self() -> None:
    exact, rounded = tiny(torch.float32), tiny(torch.bfloat16)
    same, error = precision.compare(exact, exact, 5, lambda text: None)
    assert (same.name, same.value) == ("top1_agreement_bf16", 1.0)
    assert error.value < 1e-4
    _, error = precision.compare(exact, rounded, 5, lambda text: None)
    assert 1e-3 < error.value < 5


def test_the_parts_of_a_decision_add_up() -> None:
    started = time.perf_counter()
    figures = precision.parts(tiny(torch.float32), list(islice(precision.questions(), 3)), "tiny")
    found = {figure.name.rpartition("/")[2]: figure.value for figure in figures}
    assert list(found) == ["linear", "attention", "head", "layers", "python"]
    assert min(found.values()) > 0
    assert sum(found.values()) < time.perf_counter() - started


def test_the_bench_of_decisions_has_a_row_for_each_way() -> None:
    exact = tiny(torch.float32)
    report = decision.run(exact, tiny(torch.bfloat16), exact, quick=True, progress=lambda text: None)
    names = [figure.name for figure in report.figures]
    assert {"seconds_per_decision_20", "seconds_per_decision_20_bf16", "top1_agreement_bf16"} <= set(names)
    assert sum(name.startswith("where a decision's time goes/") for name in names) == 20
    errors = {figure.name: figure.value for figure in report.figures if "error" in figure.name}
    assert errors["max_abs_error"] < 1e-4 > errors["max_abs_error_together"]
    assert errors["max_abs_error_bf16"] > 1e-4
