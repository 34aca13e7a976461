"""The process that asks a hub: `python -m sandbox.llm.hub_download describe|pull ORG/NAME[@REVISION]`.

Prints lines of JSON: progress (`stage`, `done`, `total`), and last an answer or an `error` with its `hint`. A
process of its own, because the libraries of the hub are kept offline everywhere else, and because it can be ended
at any moment.
"""

from __future__ import annotations

import json
import os
import shutil
import sys
import threading
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

os.environ["HF_HUB_OFFLINE"] = "0"  # read when the next line is carried out

from huggingface_hub import HfApi, errors, snapshot_download

from sandbox.llm import hub

_WATCH_SECONDS = 0.3


def say(**line: Any) -> None:
    """One line to whoever started this."""
    sys.stdout.write(json.dumps(line) + "\n")
    sys.stdout.flush()


def describe(repository: str, revision: str | None) -> dict[str, Any]:
    """What the hub has of a model: commit, licence, whether it is gated, and the files that would be taken."""
    info = HfApi().model_info(repository, revision=revision, files_metadata=True, timeout=30)
    files = {
        each.rfilename: each.size or 0
        for each in info.siblings or ()
        if "/" not in each.rfilename and any(fnmatch(each.rfilename, wanted) for wanted in hub.WANTED)
    }
    card = info.card_data
    return {
        "repository": repository,
        "revision": info.sha,
        "files": files,
        "size": sum(files.values()),
        "licence": str(card.get("license", "") if card else ""),
        "gated": bool(info.gated),
    }


def pull(repository: str, revision: str | None) -> None:
    """Download the files of a model, and tell how far that is."""
    said = describe(repository, revision)
    if not any(name.endswith(".safetensors") for name in said["files"]):
        say(error="has no weights as safetensors", hint="look for another copy of the model that has them")
        return
    blobs = hub.root_of(repository) / "blobs"
    blobs.mkdir(parents=True, exist_ok=True)
    missing = said["size"] - _bytes_in(blobs)
    if missing > shutil.disk_usage(blobs).free:
        say(error=f"the disk has no room for {missing:,} more bytes", hint="make room, or set HF_HOME elsewhere")
        return
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_WATCH_SECONDS):
            say(stage="downloading", done=min(_bytes_in(blobs), said["size"]), total=said["size"])

    watcher = threading.Thread(target=watch, daemon=True)
    watcher.start()
    try:
        folder = snapshot_download(repository, revision=revision, allow_patterns=list(said["files"]))
    finally:
        over.set()
        watcher.join()
    say(folder=folder)


def main(task: str, reference: str) -> None:
    """Carry out a task; every failure becomes a line."""
    named = hub.parsed(reference)
    assert named is not None
    repository, revision = named
    try:
        if task == "describe":
            say(**describe(repository, revision))
        else:
            pull(repository, revision)
    except errors.GatedRepoError:
        say(
            error="its owner asks you to agree to terms first",
            hint="agree on its page of the hub, and set HF_TOKEN to a token of yours",
        )
    except errors.RepositoryNotFoundError:
        say(error="the hub has no such model, or it is private", hint="check the name, or set HF_TOKEN")
    except errors.RevisionNotFoundError:
        say(error=f"the model has no revision {revision!r}", hint="name a branch, a tag or a commit")
    except Exception as error:  # whatever a library of the network raises is the network's trouble
        reason = (str(error).strip() or type(error).__name__).splitlines()[0][:300]
        say(
            error=f"the hub cannot be asked: {reason}",
            hint="check the network and HF_ENDPOINT, and try again; it goes on where it was",
        )


def _bytes_in(folder: Path) -> int:
    total = 0
    for file in folder.iterdir():
        try:
            total += file.stat().st_size
        except OSError:  # it has just been given its name
            continue
    return total


if __name__ == "__main__":
    main(*sys.argv[1:])
