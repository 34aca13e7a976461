"""A game whose card is not the player's own: the screen asks before anything is sent."""

from __future__ import annotations

from pathlib import Path

from conftest import settled, until
from listener import listening
from textual.pilot import Pilot

from sandbox import wiring
from sandbox.config import Settings
from sandbox.llm.permission import Permission
from sandbox.paths import Home
from sandbox.tui.app import SandboxApp
from sandbox.tui.screens.permission import PermissionScreen
from sandbox.tui.screens.start import Sitting
from sandbox.tui.widgets.header import Title


def asked(pilot: Pilot[object]) -> bool:
    return isinstance(pilot.app.screen, PermissionScreen)


async def test_nothing_is_sent_before_the_player_says_yes(tmp_path: Path) -> None:
    with listening() as listener:
        card = tmp_path / "elsewhere.yaml"
        card.write_text(
            f"remote: {{base_url: '{listener.url}', model: x, api: chat, retries: 0, fallback: uniform}}\n"
        )
        settings = Settings()
        plan = wiring.PlayPlan.make(
            Home(tmp_path), settings, "honey", str(card), [], "friday", None, Permission(asks=True)
        )
        app = SandboxApp(Sitting(plan.open, Title("honey", save="friday")), settings)
        async with app.run_test(size=(100, 30)) as pilot:
            await until(pilot, lambda: asked(pilot))
            assert (
                app.screen.query_one("#permission")
                .render()
                .plain.startswith(f"The agent of this game would ask the server {listener.host}")
            )
            await pilot.press("n")
            await settled(pilot)
            assert not asked(pilot)
            assert listener.log == []

            await pilot.press("f5")
            await until(pilot, lambda: asked(pilot))
            assert listener.log == []
            await pilot.press("y")
            await until(pilot, lambda: listener.log)
            await until(pilot, lambda: app.play.controller.decision is not None)
            assert not any(b"authorization" in each.lower() for each in listener.log)
