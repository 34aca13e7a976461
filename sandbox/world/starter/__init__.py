"""The world that `sandbox world new` writes: small, commented, and without a finding."""

from __future__ import annotations

from pathlib import Path

FILES = ("world.yaml", "walkthrough.txt")


def write(folder: Path, title: str) -> None:
    """Write the starter world into a new folder. Raises `FileExistsError` where there is one of that name."""
    here = Path(__file__).parent
    folder.mkdir(parents=True)
    for name in FILES:
        text = (here / name).read_text(encoding="utf-8").replace("The starter world", title)
        (folder / name).write_text(text, encoding="utf-8")
