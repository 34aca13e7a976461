"""The one door for language models: what a card's `model` means.

A reference is a name of the catalogue or of a converted model, the path of a folder or of a GGUF file, a model of
a hub that was pulled (`ORG/NAME`, `ORG/NAME@REVISION`), or begins with the name of a kind from the entry points of
`sandbox.models`. Without one it is `local`: in this process.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from sandbox import plugins
from sandbox.errors import MissingExtraError, ModelError
from sandbox.llm import catalogue, hub
from sandbox.llm.catalogue import ModelSource, Progress, entries, entry, folder_of, is_whole, no_progress
from sandbox.text import clean_line, did_you_mean
from sandbox.types import ModelKind

LOCAL_NAME = "local"


def kind_of(reference: str) -> ModelKind | None:
    """The kind that a reference begins with; None for models in this process. Raises `PluginError`."""
    scheme, colon, _ = reference.partition(":")
    plugin = plugins.find("models", scheme) if colon and scheme != LOCAL_NAME else None
    if plugin is None:
        return None
    kind: ModelKind = plugin.load(ModelKind)
    return kind


def check(reference: str, *, relative_to: Path | None = None) -> None:
    """Raises `ModelError` where a model cannot be loaded. Loads nothing; a GGUF file is converted."""
    kind = kind_of(reference)
    if kind is None:
        resolve(reference, relative_to=relative_to)
    elif (state := kind.state(reference, relative_to)) != "ready":
        raise ModelError(f"the language model {reference!r} is {state}")


def resolve(
    reference: str | Path, *, relative_to: Path | None = None, progress: Progress = no_progress
) -> ModelSource:
    """A model by name, by its folder, or by a GGUF file, which is converted into the cache the first time.

    Args:
        reference: a name of the catalogue, of a converted model or of a hub, or a path.
        relative_to: the folder that a relative path starts from, such as that of the card; else the current one.
        progress: told about the conversion of a GGUF file.

    Raises:
        ModelError: nothing is there, or it is not a model that can be loaded.
        MissingExtraError: no model can be loaded by this installation.
    """
    MissingExtraError.check("a language model")
    text = str(reference).removeprefix(f"{LOCAL_NAME}:")
    if kind_of(text) is not None:
        raise ModelError(
            f"{text} is no model of this process", hint="name a folder, or one of `sandbox model list`"
        )
    if isinstance(reference, str) and "/" not in text and is_whole(folder_of(text)):
        return ModelSource(text, folder_of(text))
    if text in catalogue.KNOWN:
        state = "is damaged" if folder_of(text).exists() else "is not on this machine yet"
        raise ModelError(f"the language model {text!r} {state}", hint=f"run: sandbox model pull {text}")
    try:
        path = (relative_to or Path()) / Path(text).expanduser()
        if path.is_dir():
            return _folder(path)
        if path.is_file():
            return _gguf(path, progress)
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"cannot be read: {clean_line(str(error))}", where=clean_line(text, 200)) from error
    pulled = hub.folder_of(text)
    if pulled is not None:
        return ModelSource(text, pulled)
    if hub.parsed(text) is not None and not text.endswith(".gguf"):
        raise ModelError(
            f"the language model {text} is not on this machine", hint=f"run: sandbox model pull {text}"
        )
    known = [each.name for each in entries()]
    otherwise = f"give a folder, a .gguf file, or one of: {', '.join(known)}"
    raise ModelError("no such language model", where=text, hint=did_you_mean(text, known, otherwise))


def readiness(reference: str, *, relative_to: Path | None = None) -> str:
    """Whether a model could be loaded, at a glance: `ready`, `not fetched`, `damaged` or `not there`."""
    kind = kind_of(reference)
    if kind is not None:
        return kind.state(reference, relative_to)
    reference = reference.removeprefix(f"{LOCAL_NAME}:")
    if catalogue.is_known(reference):
        return entry(reference).state
    try:
        there = ((relative_to or Path()) / Path(reference).expanduser()).exists()
    except (OSError, RuntimeError, ValueError):
        there = False
    if there or hub.folder_of(reference) is not None:
        return "ready"
    return "not fetched" if hub.parsed(reference) is not None else "not there"


def _folder(path: Path) -> ModelSource:
    for needed in ("config.json", "*.safetensors"):
        if not any(file.is_file() for file in path.glob(needed)):
            raise ModelError(
                f"not a language model: there is no {needed}",
                where=path,
                hint="give a folder in the Hugging Face layout, with weights as safetensors and tokenizer.json",
            )
    return ModelSource(path.resolve().name, path.resolve())


def _gguf(path: Path, progress: Progress) -> ModelSource:
    with path.open("rb") as file:
        if file.read(4) != b"GGUF":
            raise ModelError("not a GGUF file", where=path, hint="give a .gguf file, or a model's folder")
        file.seek(0)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    folder = folder_of(f"gguf-{digest[:16]}")
    if not is_whole(folder):
        from sandbox.llm.convert import install

        install(path, folder, {"title": path.stem, "sha256": digest}, progress)
    return ModelSource(path.stem, folder)
