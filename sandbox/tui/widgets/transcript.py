"""The story so far. Draws only the lines in sight, so that thousands of turns stay smooth."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise
from typing import ClassVar, NamedTuple

from rich._wrap import divide_line
from textual import events
from textual.binding import Binding, BindingType
from textual.cache import LRUCache
from textual.content import Content
from textual.geometry import Size
from textual.scroll_view import ScrollView
from textual.selection import Selection
from textual.strip import Strip
from textual.visual import Visual

from sandbox.tui.story import Block, Paragraph

_GUTTER = 2
_MEASURE = 88
"""Longer lines than this are hard to read."""


class _Line(NamedTuple):
    """A wrapped line: which stretch of which paragraph."""

    paragraph: Paragraph
    start: int
    end: int

    def content(self) -> Content:
        paragraph, start, end = self
        glyph = Content.styled(paragraph.glyph, paragraph.style) if start == 0 else Content(" ")
        return Content("").join([glyph, Content(" "), paragraph.text[start:end].rstrip()])


class Transcript(ScrollView, can_focus=True, inherit_bindings=False):
    """Shows blocks of paragraphs, wrapped, each with the glyph of its voice in the gutter.

    Stays at the end while it is there; where the reader has scrolled up, it keeps still.
    """

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding(key, action, label, show=False, id=f"story-{key}", tooltip=label)
        for key, action, label in (
            ("up", "scroll_up", "Scroll up"),
            ("down", "scroll_down", "Scroll down"),
            ("pageup", "page_up", "A page up"),
            ("pagedown", "page_down", "A page down"),
            ("home", "scroll_home", "To the beginning"),
            ("end", "scroll_end", "To the end"),
        )
    ]

    def __init__(self, *, id: str | None = None) -> None:  # noqa: A002
        super().__init__(id=id)
        self._blocks: list[Block] = []
        self._lines: list[_Line] = []
        self._ends: list[int] = []
        self._wrapped_at = 0
        self._strips: LRUCache[int, Strip] = LRUCache(512)

    def show(self, blocks: Sequence[Block]) -> None:
        """Show these blocks; those that are the same as before, from the start, are left as they are."""
        kept = 0
        for old, new in zip(self._blocks, blocks, strict=False):
            if old.key != new.key:
                break
            kept += 1
        if kept == len(blocks) == len(self._blocks):
            return
        follow = self.is_vertical_scroll_end or kept < len(self._blocks)
        self._blocks[kept:] = blocks[kept:]
        self._wrap(kept)
        if follow:
            self.scroll_end(animate=False)

    @property
    def text(self) -> str:
        """All of it, as lines of text."""
        return "\n".join(line.content().plain for line in self._lines)

    def _wrap(self, first: int = 0) -> None:
        """Wrap the blocks from `first` on."""
        width = self._wrapped_at = self.scrollable_content_region.width
        if width <= _GUTTER:
            self._lines.clear()
            self._ends.clear()
            return
        first = min(first, len(self._ends))
        del self._ends[first:]
        del self._lines[self._ends[-1] if self._ends else 0 :]
        measure = max(min(width - _GUTTER - 1, _MEASURE), 1)
        for block in self._blocks[first:]:
            for paragraph in block.tell():
                text = paragraph.text.plain
                cuts = [0, *divide_line(text, measure), len(text)] if text else [0, 0]
                self._lines += [_Line(paragraph, start, end) for start, end in pairwise(cuts)]
            self._ends.append(len(self._lines))
        self._strips.clear()
        self.virtual_size = Size(width, len(self._lines))
        self.refresh()

    def on_resize(self, _event: events.Resize) -> None:
        if self.scrollable_content_region.width != self._wrapped_at:
            follow = self.is_vertical_scroll_end or not self._lines
            place = self.scroll_offset.y / max(len(self._lines), 1)
            self._wrap()
            if follow:
                self.scroll_end(animate=False)
            else:
                self.scroll_to(y=round(place * len(self._lines)), animate=False)

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def selection_updated(self, selection: Selection | None) -> None:
        self._strips.clear()
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract(self.text), "\n"

    def render_line(self, y: int) -> Strip:
        at, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        if at >= len(self._lines):
            return Strip.blank(width, self.rich_style)
        strip = self._strips.get(at)
        if strip is None:
            strip = self._strips[at] = self._draw(at, width)
        return strip

    def _draw(self, at: int, width: int) -> Strip:
        content = self._lines[at].content()
        if (selection := self.text_selection) is not None and (span := selection.get_span(at)) is not None:
            start, end = span
            style = self.screen.get_visual_style("screen--selection")
            content = content.stylize(style, start, len(content) if end == -1 else end)
        drawn = Visual.to_strips(self, content, width, 1, self.visual_style, apply_selection=False)
        return drawn[0].extend_cell_length(width, self.rich_style).apply_offsets(0, at)
