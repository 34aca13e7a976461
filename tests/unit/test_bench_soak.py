"""What the soak benchmark makes of its samples."""

from __future__ import annotations

import subprocess
import sys

import pytest

from sandbox.bench.soak import growth, resident


def test_growth_is_counted_after_the_warm_up_and_not_at_a_peak() -> None:
    warm = [50.0 + number for number in range(30)]  # models are loaded
    flat = [100.0] * 70
    assert growth(warm + flat) == 0
    assert growth([*warm, *flat[:-1], 500.0]) == 0
    steady = [100.0 + number / 70 * 10 for number in range(70)]
    assert 7 < growth(warm + steady) < 9
    with pytest.raises(ValueError, match="say nothing"):
        growth([1.0, 2.0])


def test_resident_memory_is_that_of_the_process() -> None:
    """Of a fresh one: a process that has freed memory takes what it needs from there."""
    hold = "held = bytearray(b'x') * (64 << 20); print(); input()"
    sizes = []
    for code in ("print(); input()", hold):
        with subprocess.Popen(
            [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdin is not None and process.stdout is not None
            process.stdout.readline()
            sizes.append(resident(process.pid))
            process.stdin.write("\n")
    assert 60 << 20 < sizes[1] - sizes[0] < 80 << 20
    assert resident(process.pid) == 0, "it has ended"
