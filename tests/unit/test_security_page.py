"""The threat model names a test for everything that it promises, and the tests are there."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "security.md").read_text(encoding="utf-8")
TESTS = {
    name
    for file in (ROOT / "tests").rglob("test_*.py")
    for name in re.findall(r"^(?:async )?def (test_\w+)", file.read_text(encoding="utf-8"), re.MULTILINE)
}
ROWS = {
    cells[0].strip(): cells[2]
    for line in PAGE.partition("## What is promised")[2].splitlines()
    if line.startswith("| ") and len(cells := line.strip("| ").split(" | ")) == 3
}


def test_every_kind_from_outside_is_there() -> None:
    assert ROWS.keys() >= {
        *("world file", "card", "save", "feedback file", "adapter", "model folder", "story file", "model answer"),
        *("remote server", "browser visitor", "other accounts of the machine"),
    }


def test_every_promise_names_tests_that_exist() -> None:
    for kind, named in ROWS.items():
        if kind in ("from outside", "---"):
            continue
        tests = re.findall(r"`(test_\w+)`", named)
        assert tests, kind
        assert set(tests) <= TESTS, kind
