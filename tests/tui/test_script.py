"""Verbs that the screen shares with the game in lines: writing the story down, going anywhere in the tree."""

from __future__ import annotations

from pathlib import Path

from conftest import MakeApp, Weigher, settled, typed

from sandbox.tui.widgets.timeline import TimelineTree


async def test_the_story_is_written_down_and_any_turn_is_gone_to(make_app: MakeApp, save: Path) -> None:
    app = make_app(Weigher(), before=("take matches", "go north"))
    async with app.run_test(size=(120, 36)) as pilot:
        await settled(pilot)
        await typed(pilot, "* what a smell")
        await typed(pilot, "script")
        written = (save / "transcript.txt").read_text(encoding="utf-8")
        assert "You are in a low kitchen" in written
        assert written.index("> take matches") < written.index("[what a smell]")
        await typed(pilot, "/script ../../outside")
        assert [file.name for file in save.parent.parent.rglob("*.txt")] == ["transcript.txt"]
        await typed(pilot, "/jump 2")
        assert app.play.controller.view is not None
        assert app.play.controller.view.current.command == "take matches"
        await typed(pilot, "/timeline")
        assert isinstance(app.focused, TimelineTree)
