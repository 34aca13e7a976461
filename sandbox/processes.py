"""What processes of our own are started with."""

from __future__ import annotations

import os
from pathlib import Path

import sandbox

_NEEDED = (
    *("PATH", "HOME", "LANG", "LANGUAGE", "TZ", "TMPDIR", "TEMP", "TMP"),
    *("PYTHONHOME", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH"),
)
_KINDS = ("LC_", "COVERAGE_")


def search_path() -> str:
    """`PYTHONPATH` with which another Python finds this very package."""
    return os.pathsep.join(filter(None, (str(Path(sandbox.__file__).parent.parent), os.environ.get("PYTHONPATH"))))


def least_environment(**more: str) -> dict[str, str]:
    """What Python needs to start and no more: for processes that handle files of strangers.

    Keys and passwords are often in the environment. A process that has none can tell none.
    """
    kept = {name: value for name, value in os.environ.items() if name in _NEEDED or name.startswith(_KINDS)}
    return {**kept, "PYTHONPATH": search_path(), **more}
