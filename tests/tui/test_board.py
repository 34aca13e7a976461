"""Content that is laid out anew only where its height has changed, also behind a tab that is closed."""

from __future__ import annotations

import pytest
from textual.app import App, ComposeResult
from textual.content import Content
from textual.widget import Widget
from textual.widgets import TabbedContent, TabPane

from sandbox.tui.widgets.board import Board


class Boards(App[None]):
    def compose(self) -> ComposeResult:
        with TabbedContent(initial="front"):
            with TabPane("Front", id="front"):
                yield Board("", id="seen")
            with TabPane("Back", id="back"):
                yield Board("", id="hidden")


@pytest.fixture
def laid_out(monkeypatch: pytest.MonkeyPatch) -> list[str | None]:
    """The ids of the widgets that asked for a layout."""
    asked: list[str | None] = []
    refresh = Widget.refresh

    def watched(widget: Widget, *regions: object, layout: bool = False, **more: object) -> Widget:
        if layout and isinstance(widget, Board):
            asked.append(widget.id)
        return refresh(widget, *regions, layout=layout, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(Widget, "refresh", watched)
    return asked


async def test_what_stays_as_high_is_drawn_and_not_laid_out(laid_out: list[str | None]) -> None:
    app = Boards()
    async with app.run_test(size=(40, 20)) as pilot:
        board = app.query_one("#seen", Board)
        board.put(Content("one\ntwo"))
        await pilot.pause()
        assert board.size.height == 2
        laid_out.clear()
        board.put(Content("six\nten"))
        board.put(Content.styled("six\nten", "bold"))
        await pilot.pause()
        assert not laid_out
        assert [strip.text.strip() for strip in board.render_lines(board.size.region)] == ["six", "ten"]
        assert any(segment.style and segment.style.bold for segment in board.render_line(0))
        board.put(Content("a line that is a good deal longer than the screen is wide, and so becomes two of them"))
        await pilot.pause()
        assert laid_out and board.size.height == 3


async def test_behind_a_closed_tab_it_waits_until_that_is_opened(laid_out: list[str | None]) -> None:
    app = Boards()
    async with app.run_test(size=(40, 20)) as pilot:
        tabs, board = app.query_one(TabbedContent), app.query_one("#hidden", Board)
        for tab in ("back", "front"):
            tabs.active = tab
            await pilot.pause()
        laid_out.clear()
        board.put(Content("one\ntwo\nthree"))
        await pilot.pause()
        assert not laid_out
        tabs.active = "back"
        await pilot.pause()
        await pilot.pause()
        assert board.size.height == 3
        assert "three" in board.render_line(2).text
