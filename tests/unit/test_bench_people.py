"""What `sandbox bench people` measures with, in small."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.bench import people
from sandbox.bench.report import percentile


def test_every_rating_is_timed_and_in_the_database(
    url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(people, "RATERS", 4)
    people._fill(url, tmp_path / "save")
    took = people._rated(url, 3, (0.0, 0.01))
    assert len(took) == 12 and min(took) > 0
    assert percentile([*range(100)], 95) == 95


def test_processes_are_found_by_who_started_them() -> None:
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        assert child.pid in people._children(os.getpid())
        child.communicate(b"\n")
