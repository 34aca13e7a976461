"""Models of a hub, by `ORG/NAME` or `ORG/NAME@REVISION`, in the cache that all programs of the hub share.

Looking one up touches nothing but the cache. Only `plan` and `pull` ask the hub, and only because a person said
so: they do it in a process of their own (`hub_download`), since this one is kept offline. `HF_ENDPOINT`, `HF_HOME`
and `HF_TOKEN` mean what they mean elsewhere.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from sandbox.errors import MissingExtraError, ModelError
from sandbox.llm.progress import Progress, no_progress
from sandbox.text import clean_line

WANTED: Final = ("*.json", "*.safetensors", "*.jinja")
"""What is taken: weights, configuration, tokenizer, chat template. No code, no pickles."""

_PART = r"[A-Za-z0-9][A-Za-z0-9._-]{0,95}"
_REFERENCE = re.compile(rf"({_PART}/{_PART})(?:@({_PART}(?:/{_PART})*))?")
_ANSWER_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class HubModel:
    """What the hub says of a model, before anything is downloaded."""

    repository: str
    revision: str
    """The commit, 40 hex digits."""
    size: int
    """Bytes of all that would be taken."""
    licence: str
    gated: bool
    """Whether its owner asks for something before it may be downloaded."""


def parsed(reference: str) -> tuple[str, str | None] | None:
    """Repository and revision; None where the text cannot be the name of a model on a hub."""
    found = _REFERENCE.fullmatch(reference)
    return None if found is None or ".." in reference else (found[1], found[2])


def folder_of(reference: str) -> Path | None:
    """Where a model lies in the shared cache, whole; None where it does not."""
    named = parsed(reference)
    if named is None:
        return None
    repository, revision = named
    root = root_of(repository)
    with suppress(OSError):
        commit = (root / "refs" / (revision or "main")).read_text(encoding="utf-8").strip()
        folder = root / "snapshots" / commit
        return folder if is_whole(folder) else None
    folder = root / "snapshots" / (revision or "")
    return folder if revision and is_whole(folder) else None


def is_whole(folder: Path) -> bool:
    """Whether a folder has a configuration, a tokenizer, and every file of the weights."""
    index = folder / "model.safetensors.index.json"
    try:
        weights = (
            set(json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
            if index.is_file()
            else {"model.safetensors"}
        )
    except (OSError, ValueError, KeyError, AttributeError, TypeError):
        return False
    return all((folder / str(name)).is_file() for name in ("config.json", *weights)) and any(
        folder.glob("tokenizer*.json")
    )


def cached() -> Iterator[tuple[str, Path]]:
    """Name and folder of every model in the shared cache that could be loaded, by name."""
    for root in sorted(_cache().glob("models--*--*")):
        name = "/".join(root.name.split("--")[1:])
        folder = folder_of(name) if parsed(name) else None
        if folder is not None:
            yield name, folder


def size_of(folder: Path) -> int:
    """Bytes of a model's files, behind the links that the cache consists of."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


def remove(reference: str) -> int:
    """Delete a model, all its revisions, from the shared cache; gives the bytes that it took. Raises
    `ModelError`.
    """
    named = parsed(reference)
    root = root_of(named[0]) if named else None
    if root is None or not root.is_dir():
        raise ModelError(f"{reference} is not in the cache", where=_cache())
    size = sum(file.stat().st_size for file in root.rglob("*") if file.is_file() and not file.is_symlink())
    try:
        shutil.rmtree(root)
    except OSError as error:
        raise ModelError(f"cannot be removed: {error.strerror}", where=root) from error
    return size


def plan(reference: str) -> HubModel:
    """Ask the hub what a model is. Raises `ModelError`: no such model, out of reach, not for us, no
    safetensors.
    """
    said = _ask("describe", reference, no_progress)
    return HubModel(
        repository=clean_line(str(said["repository"])),
        revision=clean_line(str(said["revision"])),
        size=int(said["size"]),
        licence=clean_line(str(said["licence"]), 60) or "not stated",
        gated=bool(said["gated"]),
    )


def pull(reference: str, progress: Progress = no_progress) -> Path:
    """Download a model into the shared cache; what an interrupted download had is not fetched again.

    Raises `ModelError` as `plan` does, and where the disk is too small.
    """
    said = _ask("pull", reference, progress)
    folder = Path(str(said["folder"]))
    if not is_whole(folder):
        raise ModelError(
            f"{reference} lacks a part of a language model",
            where=folder,
            hint="take one with config.json, tokenizer.json and weights as safetensors",
        )
    return folder


def _ask(task: str, reference: str, progress: Progress) -> Mapping[str, Any]:
    """Have the process that may use the network do something; its lines are progress, an answer, or an error."""
    MissingExtraError.check("a language model")
    if parsed(reference) is None:
        raise ModelError(f"{reference!r} is no name on a hub", hint="write ORG/NAME or ORG/NAME@REVISION")
    process = subprocess.Popen(
        [sys.executable, "-m", "sandbox.llm.hub_download", task, reference],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    )
    assert process.stdout is not None
    try:
        while line := process.stdout.readline(_ANSWER_BYTES):
            said = json.loads(line)
            if "error" in said:
                raise ModelError(str(said["error"]), where=reference, hint=str(said.get("hint", "")))
            if "stage" not in said:
                answer: Mapping[str, Any] = said
                return answer
            progress(said["stage"], said["done"], said["total"])
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    raise ModelError(
        "the download ended without a word", where=reference, hint="try again; it goes on where it was"
    )


def _cache() -> Path:
    """The shared cache of models, by the rules of huggingface_hub, without importing it."""
    home = os.environ.get("HF_HOME") or Path(os.environ.get("XDG_CACHE_HOME") or "~/.cache") / "huggingface"
    return Path(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub").expanduser()


def root_of(repository: str) -> Path:
    """The folder of a repository in the shared cache."""
    return _cache() / f"models--{repository.replace('/', '--')}"
