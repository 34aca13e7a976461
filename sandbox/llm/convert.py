"""From a GGUF file to a folder that loads in a blink: weights as safetensors, the tokenizer beside them."""

from __future__ import annotations

import io
import json
import os
import shutil
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, redirect_stderr
from pathlib import Path

from filelock import FileLock, Timeout

from sandbox.errors import ModelError
from sandbox.llm.catalogue import MARKER, Progress, is_whole


@contextmanager
def workshop(folder: Path, progress: Progress) -> Iterator[Path]:
    """A temporary folder beside the one to be made, for one process at a time; others wait.

    What an interrupted process left behind is removed first: whoever holds the lock knows that nobody uses it.
    """
    lock = FileLock(folder.parent / f".{folder.name}.lock")
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        try:
            held = lock.acquire(timeout=0)
        except Timeout:
            progress("waiting for another process that fetches the same model", 0, 0)
            held = lock.acquire()
    except OSError as error:
        raise ModelError(
            f"cannot write there: {error.strerror}",
            where=folder.parent,
            hint="set SANDBOX_CACHE to another folder",
        ) from error
    with held:
        prefix = f".{folder.name}-"
        for leftover in folder.parent.glob(f"{prefix}*"):
            shutil.rmtree(leftover, ignore_errors=True)
        with tempfile.TemporaryDirectory(prefix=prefix, dir=folder.parent) as work:
            yield Path(work)


def install(gguf: Path, folder: Path, about: Mapping[str, str], progress: Progress) -> None:
    """Convert a GGUF file into `folder`, unless another process has done so meanwhile. Raises `ModelError`."""
    with workshop(folder, progress) as work:
        if not is_whole(folder):
            build(gguf, work / "model", progress)
            publish(work / "model", folder, about)


def build(gguf: Path, target: Path, progress: Progress) -> None:
    """Unpack a GGUF file's weights to float32 and write them, and its tokenizer, into a new folder."""
    import torch
    import transformers

    progress("converting the weights, about 20 seconds", 0, 0)
    transformers.logging.disable_progress_bar()
    transformers.logging.set_verbosity_error()
    try:
        with redirect_stderr(
            io.StringIO()
        ):  # the loader draws a progress bar of its own that cannot be turned off
            network = transformers.AutoModelForCausalLM.from_pretrained(
                gguf.parent,
                gguf_file=gguf.name,
                dtype=torch.float32,
                quantization_config=transformers.GgufConfig(dequantize=True),
                local_files_only=True,
                trust_remote_code=False,
            )
            tokenizer = transformers.AutoTokenizer.from_pretrained(
                gguf.parent, gguf_file=gguf.name, local_files_only=True, trust_remote_code=False
            )
            network.save_pretrained(target)
            tokenizer.save_pretrained(target)
    except Exception as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise ModelError(
            f"this GGUF file cannot be converted: {reason}",
            where=gguf,
            hint="take one of an architecture that transformers reads, such as Llama or Qwen",
        ) from error


def publish(built: Path, folder: Path, about: Mapping[str, str]) -> None:
    """Put a finished folder in its place: its marker last, then one rename."""
    files = {file.name: file.stat().st_size for file in sorted(built.iterdir())}
    for name in files:
        _sync(built / name)
    (built / MARKER).write_text(json.dumps({**about, "files": files}, indent=2) + "\n", encoding="utf-8")
    _sync(built / MARKER)
    if folder.exists():
        folder.rename(built.parent / "damaged")
    built.rename(folder)
    _sync(folder.parent)


def _sync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
