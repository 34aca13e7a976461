"""Pictures of the screen, made by the application itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Title

if TYPE_CHECKING:
    from sandbox.session.session import Session


async def screenshot(session: Session, size: tuple[int, int], path: Path, *, theme: str = "textual-dark") -> None:
    """Show the session as it stands, wait until the agent has made up its mind, and write the screen as SVG.

    Args:
        session: closed afterwards.
        size: columns and rows.
        path: where the SVG goes.
        theme: name of one of Textual's themes.
    """
    app = SandboxApp(Sitting(lambda _say: session, Title(session.world.title)))
    async with app.run_test(size=size) as pilot:
        app.theme, app.animation_level = theme, "none"
        while app.play.controller.view is None or app.play.busy:
            await pilot.pause(0.02)
        await pilot.pause()
        path.write_text(app.export_screenshot(title=session.world.title), encoding="utf-8")
