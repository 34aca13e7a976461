"""The story so far. Draws only the lines in sight, so that thousands of turns stay smooth."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from itertools import accumulate, pairwise
from math import inf
from time import monotonic
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
from textual.timer import Timer
from textual.visual import Visual

from sandbox.tui.story import Block, Paragraph

_GUTTER = 2
_MEASURE = 88
"""Longer lines than this are hard to read."""
_MANY = 64
"""More blocks than this are not wrapped at once."""
_KEPT = 128
"""Wrapped blocks that are kept; of others it is known how high they are, and they are told again when in sight."""
_STRETCH, _REST = 0.015, 0.02
"""Seconds for which what cannot be seen is wrapped, and between two such spells."""


class _Line(NamedTuple):
    """A wrapped line: which part of which paragraph."""

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
        self._first = 0
        """The first block that has been wrapped: all after it have been too, those before it wait."""
        self._heights: list[int] = []
        """How many lines each wrapped block has."""
        self._ends: list[int] = []
        """The line behind each of them."""
        self._told: LRUCache[int, list[_Line]] = LRUCache(_KEPT)
        self._wrapped_at = 0
        self._following = True
        self._backfill: Timer | None = None
        self._strips: LRUCache[int, Strip] = LRUCache(512)

    def show(self, blocks: Sequence[Block]) -> None:
        """Show these blocks; those that are the same as before, from the start, are left as they are."""
        kept = 0
        for old, new in zip(self._blocks, blocks, strict=False):
            if old is not new and old.key != new.key:
                break
            kept += 1
        if kept == len(blocks) == len(self._blocks):
            return
        follow = self._following or kept < len(self._blocks)
        self._blocks[kept:] = blocks[kept:]
        self._wrap(kept)
        if follow:
            self._to_end()

    def _to_end(self) -> None:
        """Scroll to the end. By force: a story that has just outgrown its window has no scrollbar yet."""
        self.scroll_end(animate=False, immediate=True, force=True)
        self._following = True
        self.call_after_refresh(self._place_scrollbar)

    def _place_scrollbar(self) -> None:
        self.vertical_scrollbar.position = self.scroll_y

    @property
    def text(self) -> str:
        """All of it, as lines of text."""
        self._wrap_backwards(inf)
        return self._wrapped_text

    @property
    def _wrapped_text(self) -> str:
        return "\n".join(line.content().plain for line in self._lines())

    def _lines(self) -> Iterator[_Line]:
        """Of all that has been wrapped, without keeping them."""
        for at in range(self._first, len(self._blocks)):
            yield from self._told.get(at) or self._tell(at)

    def _line(self, y: int) -> _Line:
        block = bisect_right(self._ends, y)
        lines, at = self._block(self._first + block), y - self._ends[block] + self._heights[block]
        return lines[at]

    @property
    def _height(self) -> int:
        return self._ends[-1] if self._ends else 0

    # Wrapping.

    def _wrap(self, changed: int = 0) -> None:
        """Wrap the blocks from `changed` on; where these are many, only as many as can be seen at once."""
        self._wrapped_at = self.scrollable_content_region.width
        if changed <= self._first or len(self._blocks) - changed > _MANY:
            self._first = len(self._blocks)
            self._heights.clear()
            self._told.clear()
        else:
            del self._heights[changed - self._first :]
            for at in [at for at in self._told.keys() if at >= changed]:  # noqa: SIM118
                self._told.discard(at)
            self._heights += [len(self._block(at)) for at in range(changed, len(self._blocks))]
        self._strips.clear()
        self._wrap_backwards(0)
        self._fit()

    def _fit(self) -> None:
        self._ends = list(accumulate(self._heights))
        self.virtual_size = Size(self._wrapped_at, self._height)
        self.refresh()

    def _wrap_backwards(self, seconds: float) -> None:
        """Go on to wrap what comes before, for about so long, but at least as far as can be seen."""
        if self._backfill is not None:
            self._backfill.stop()
            self._backfill = None
        if self._wrapped_at <= _GUTTER or not self._first:
            return
        end, enough = monotonic() + seconds, 2 * self.size.height - sum(self._heights)
        wrapped: list[int] = []
        height = 0
        while self._first and (height < enough or monotonic() < end):
            self._first -= 1
            wrapped.append(len((self._block if height < enough else self._tell)(self._first)))
            height += wrapped[-1]
        self._heights[:0] = wrapped[::-1]
        self._strips.clear()
        self._fit()
        self.scroll_y = self.scroll_target_y = self.scroll_y + height
        if self._first:
            self._backfill = self.set_timer(_REST, lambda: self._wrap_backwards(_STRETCH))

    def _block(self, at: int) -> list[_Line]:
        """The lines of a block, which are kept for a while."""
        lines = self._told.get(at)
        if lines is None:
            lines = self._told[at] = self._tell(at)
        return lines

    def _tell(self, at: int) -> list[_Line]:
        measure = max(min(self._wrapped_at - _GUTTER - 1, _MEASURE), 1)
        lines: list[_Line] = []
        for paragraph in self._blocks[at].tell():
            text = paragraph.text.plain
            cuts = [0, *divide_line(text, measure), len(text)] if text else [0, 0]
            lines += [_Line(paragraph, start, end) for start, end in pairwise(cuts)]
        return lines

    def on_resize(self, _event: events.Resize) -> None:
        following = self._following or not self._heights
        if self.scrollable_content_region.width != self._wrapped_at:
            place = self.scroll_offset.y / max(self._height, 1)
            self._wrap()
            if not following:
                self._wrap_backwards(inf)
                self.scroll_to(y=round(place * self._height), animate=False)
        if following:
            self._to_end()

    def watch_scroll_y(self, old_value: float, new_value: float) -> None:
        super().watch_scroll_y(old_value, new_value)
        self._following = new_value >= self.max_scroll_y

    def action_scroll_home(self) -> None:
        self._wrap_backwards(inf)
        super().action_scroll_home()

    # Drawing.

    def notify_style_update(self) -> None:
        super().notify_style_update()
        self._strips.clear()

    def selection_updated(self, selection: Selection | None) -> None:
        self._strips.clear()
        self.refresh()

    def get_selection(self, selection: Selection) -> tuple[str, str] | None:
        return selection.extract(self._wrapped_text), "\n"

    def render_line(self, y: int) -> Strip:
        at, width = self.scroll_offset.y + y, self.scrollable_content_region.width
        if at >= self._height:
            return Strip.blank(width, self.rich_style)
        strip = self._strips.get(at)
        if strip is None:
            strip = self._strips[at] = self._draw(at, width)
        return strip

    def _draw(self, at: int, width: int) -> Strip:
        content = self._line(at).content()
        if (selection := self.text_selection) is not None and (span := selection.get_span(at)) is not None:
            start, end = span
            style = self.screen.get_visual_style("screen--selection")
            content = content.stylize(style, start, len(content) if end == -1 else end)
        drawn = Visual.to_strips(self, content, width, 1, self.visual_style, apply_selection=False)
        return drawn[0].extend_cell_length(width, self.rich_style).apply_offsets(0, at)
