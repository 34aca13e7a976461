"""A first world for authors to change."""

from __future__ import annotations

import json
from importlib import resources


def starter_world(name: str) -> str:
    """A commented world file that loads, can be solved and passes the checker."""
    text = resources.files(__package__).joinpath("starter.yaml").read_text(encoding="utf-8")
    title = name.replace("_", " ").replace("-", " ").strip().capitalize() or "A new world"
    return text.replace("@title@", json.dumps(title, ensure_ascii=False))
