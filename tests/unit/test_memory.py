"""Too little memory is said in one line, wherever it is noticed."""

from __future__ import annotations

import errno
import os
import resource
import subprocess
import sys
from pathlib import Path

import pytest

from sandbox.errors import NoMemoryError


def test_a_limit_too_small_for_torch_is_one_line(tmp_path: Path) -> None:
    def limited() -> None:
        resource.setrlimit(resource.RLIMIT_AS, (300 << 20, 300 << 20))

    done = subprocess.run(
        [sys.executable, "-m", "sandbox", "--home", str(tmp_path), "run", "tutorial", "--agent", "drrn"],
        preexec_fn=limited,
        capture_output=True,
        text=True,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        timeout=60,
    )
    assert done.returncode == 2 and not done.stdout
    assert done.stderr.startswith("sandbox: there is not enough memory: ")
    assert "0.3 GiB (raise the limit" in done.stderr and done.stderr.count("\n") == 1


def caused(error: Exception, by: Exception) -> Exception:
    error.__cause__ = by
    return error


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(errno.ENOMEM, "Cannot allocate memory"),
        ImportError("libtorch_cpu.so: failed to map segment from shared object"),
        RuntimeError("[enforce fail at alloc_cpu.cpp:117] DefaultCPUAllocator: can't allocate memory: 9\nmore"),
        RuntimeError("can't start new thread"),
        caused(ValueError("it did not work"), by=MemoryError()),
    ],
)
def test_what_tells_of_too_little_memory(error: Exception) -> None:
    found = NoMemoryError.of(error)
    assert found is not None and "\n" not in str(found)
    assert NoMemoryError.of(found) is found


@pytest.mark.parametrize("error", [ValueError("no"), OSError(errno.ENOSPC, "full"), ImportError("no module")])
def test_what_does_not(error: Exception) -> None:
    assert NoMemoryError.of(error) is None
