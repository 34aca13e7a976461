"""Copying: through the terminal, and with the desktop's own tool where there is one."""

from __future__ import annotations

from pathlib import Path

import pytest
from conftest import MakeApp, Weigher, settled, typed, until

from sandbox.tui import clipboard
from sandbox.tui.widgets.transcript import Transcript


@pytest.fixture
def desktop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A desktop with a clipboard tool; what it was given is in the file."""
    for name in ("SSH_CONNECTION", "DISPLAY", "WSL_DISTRO_NAME"):
        monkeypatch.delenv(name, raising=False)
    held = tmp_path / "held.txt"
    tool = tmp_path / "bin" / "wl-copy"
    tool.parent.mkdir()
    tool.write_text(f"#!/bin/sh\nexec /bin/cat > {held}\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent))
    monkeypatch.setenv("WAYLAND_DISPLAY", "wayland-0")
    return held


async def test_the_latest_turn_is_copied_to_the_desktop(make_app: MakeApp, desktop: Path) -> None:
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "take matches")
        await pilot.press("escape", "y")
        await until(pilot, lambda: desktop.exists() and desktop.read_text())
        assert desktop.read_text() == "> take matches\n\nYou pocket the matches."


async def test_far_from_a_desktop_the_terminal_copies(
    make_app: MakeApp, desktop: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSH_CONNECTION", "1.2.3.4 5 6.7.8.9 22")
    assert clipboard.tool() is None
    app = make_app(Weigher())
    async with app.run_test() as pilot:
        await settled(pilot)
        await typed(pilot, "/copy")
        await until(pilot, lambda: "A storm is coming" in app.clipboard)
        assert not desktop.exists()


def test_a_tool_that_fails_is_not_taken_at_its_word(desktop: Path) -> None:
    (desktop.parent / "bin" / "wl-copy").write_text("#!/bin/sh\nexit 1\n")
    assert not clipboard.copy("words")


async def test_what_is_dragged_over_is_copied_from_the_prompt_too(make_app: MakeApp, desktop: Path) -> None:
    app = make_app(Weigher())
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await pilot.mouse_down(Transcript, offset=(3, 1))
        await pilot.hover(Transcript, offset=(20, 1))
        await pilot.mouse_up(Transcript, offset=(20, 1))
        await pilot.press("i", "ctrl+c")
        await until(pilot, lambda: app.clipboard.startswith("A storm is coming"))
