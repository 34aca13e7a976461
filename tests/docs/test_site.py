"""The documentation builds into a site, and none of its links leads nowhere."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def _build(folder: Path) -> subprocess.CompletedProcess[str]:
    """Build the pages of a folder that has them under `docs/`, as `make site` does."""
    (folder / "zensical.toml").write_text((ROOT / "zensical.toml").read_text(encoding="utf-8"), encoding="utf-8")
    return subprocess.run(
        [sys.executable, "-m", "zensical", "build", "--strict", "--clean"],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=120,
    )


def test_the_site_is_built_strictly(tmp_path: Path) -> None:
    shutil.copytree(ROOT / "docs", tmp_path / "docs")
    done = _build(tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "Bellman" in (tmp_path / "build/site/concepts/index.html").read_text(encoding="utf-8")


def test_a_link_that_leads_nowhere_fails_the_build(tmp_path: Path) -> None:
    (tmp_path / "docs").mkdir()
    (tmp_path / "docs/index.md").write_text("# Here\n\nSee [there](there.md).\n", encoding="utf-8")
    assert _build(tmp_path).returncode != 0
