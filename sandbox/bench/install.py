"""What it costs to have the program: megabytes, seconds to install, seconds until it answers."""

from __future__ import annotations

import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Collection, Sequence
from importlib import metadata
from pathlib import Path
from tempfile import TemporaryDirectory

from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

import sandbox
from sandbox.bench.report import Figure, Report, machine
from sandbox.errors import UsageError
from sandbox.paths import bundled
from sandbox.plugins import BUNDLED


def run(*, quick: bool, progress: Callable[[str], None]) -> Report:
    """Measure. Quick: one start each, and nothing is installed."""
    began = time.perf_counter()
    progress("starting the program")
    times = 1 if quick else 10
    plain, whole = _closure(()), _closure(("lm",))
    figures = [
        Figure.at_most("seconds_to_help", _seconds(times, "--help"), 1, "s"),
        Figure.at_most("seconds_to_list_the_worlds", _seconds(times, "world", "list"), 2, "s"),
        Figure("packages_without_lm", len(plain)),
        Figure("packages_with_lm", len(whole)),
        Figure.at_most("megabytes_without_lm", _megabytes(plain), 700, "MB"),
        Figure("megabytes_with_lm", _megabytes(whole), "MB"),
    ]
    if not quick:
        progress("installing it without language models")
        figures += _installed()
    return Report(machine(), time.perf_counter() - began, figures)


def _closure(extras: Collection[str]) -> dict[str, metadata.Distribution]:
    """The installed distributions that the program asks for, with these extras, and what they ask for in turn."""
    found: dict[str, metadata.Distribution] = {}
    seen: set[tuple[str, frozenset[str]]] = set()
    asked = [Requirement(f"{BUNDLED}[{','.join(extras)}]")]
    while asked:
        wanted = asked.pop()
        name = canonicalize_name(wanted.name)
        if (name, frozenset(wanted.extras)) in seen:
            continue
        seen.add((name, frozenset(wanted.extras)))
        try:
            found[name] = metadata.distribution(name)
        except metadata.PackageNotFoundError:
            continue
        for each in map(Requirement, found[name].requires or ()):
            marker = each.marker
            if marker is None or any(marker.evaluate({"extra": extra}) for extra in wanted.extras or {""}):
                asked.append(each)
    return found


def _megabytes(found: dict[str, metadata.Distribution]) -> float:
    """What the files of distributions take on the disk."""
    total = 0
    for each in found.values():
        for file in each.files or ():
            path = Path(str(each.locate_file(file)))
            total += path.stat().st_size if path.is_file() else 0
    return round(total / 1e6, 1)


def _seconds(times: int, *words: str) -> float:
    """From the call to the end, the median of some."""
    taken = []
    for _ in range(times):
        began = time.perf_counter()
        done = subprocess.run([sys.executable, "-m", "sandbox", *words], capture_output=True)
        done.check_returncode()
        taken.append(time.perf_counter() - began)
    return statistics.median(taken)


def _installed() -> list[Figure]:
    """Install it by pip into an environment of its own, and play there."""
    checkout = bundled()
    wanted = str(checkout) if (checkout / "pyproject.toml").is_file() else f"{BUNDLED}=={sandbox.__version__}"
    with TemporaryDirectory() as folder:
        began = time.perf_counter()
        _do([sys.executable, "-m", "venv", folder])
        _do([f"{folder}/bin/python", "-m", "pip", "install", "--quiet", "--disable-pip-version-check", wanted])
        took = time.perf_counter() - began
        played = subprocess.run(
            [f"{folder}/bin/sandbox", "play", "honey", "--plain", "--save", "first"],
            cwd=folder,
            env={**os.environ, "SANDBOX_HOME": folder},
            input="/step\n/quit\n",
            capture_output=True,
            text=True,
        )
        torch = subprocess.run([f"{folder}/bin/python", "-c", "import torch"], capture_output=True)
    return [
        Figure.at_most("seconds_to_install_without_lm", took, 180, "s"),
        Figure.at_least("played_without_lm", float(played.returncode == 0), 1),
        Figure.at_most("torch_without_lm", float(torch.returncode == 0), 0),
    ]


def _do(words: Sequence[str]) -> None:
    done = subprocess.run(words, capture_output=True, text=True)
    if done.returncode:
        *_, last = ["pip said nothing", *(done.stdout + done.stderr).strip().splitlines()]
        raise UsageError(f"it cannot be installed: {last}", hint="check the network, or pip's index")
