"""The examples of text tasks, on real text: shorter than people run them, and they must gain all the same."""

from __future__ import annotations

import importlib.util
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from sandbox.llm.local import LocalModel
from sandbox.tune.text_report import TextTaskReport

EXAMPLES = Path(__file__).parents[2] / "docs" / "examples"


@pytest.fixture(autouse=True)
def threads() -> Iterator[None]:
    """Loading a model sets how many threads the whole process computes with."""
    before = torch.get_num_threads()
    yield
    torch.set_num_threads(before)


@pytest.mark.parametrize("name", ["summarise", "translate"])
def test_an_example_earns_more_on_text_it_has_not_seen(name: str, local_model: LocalModel) -> None:
    spec = importlib.util.spec_from_file_location(name, EXAMPLES / f"{name}.py")
    assert spec is not None and spec.loader is not None
    example = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(example)
    reports: list[TextTaskReport] = []
    example.main(steps=4, show=False, on_report=reports.append)
    (report,) = reports
    assert report.gain.low > 0, report
    assert len(report.comparisons) >= 8
