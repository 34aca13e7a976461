"""What the soak benchmark makes of its samples."""

from __future__ import annotations

import os

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
    before = resident(os.getpid())
    held = bytearray(os.urandom(1)) * (64 << 20)
    assert 60 << 20 < resident(os.getpid()) - before < 80 << 20
    assert len(held) == 64 << 20
