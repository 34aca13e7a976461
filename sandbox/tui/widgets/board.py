"""Content that changes often: it costs nothing where it stays as it was, and no layout where its height does."""

from __future__ import annotations

from textual.content import Content
from textual.widgets import Static


class Board(Static):
    """Shows one content as wide as the widget is. Laying a screen out is most of what a turn costs: `put` asks for
    it only where the height is another, and behind a closed tab not before it is opened.
    """

    _content: Content | None = None
    _due = False
    """Whether the height changed while nobody saw it."""

    def put(self, content: Content) -> None:
        """Show this in place of what stands here."""
        if self._content is not None and content.is_same(self._content):
            return
        self._content = content
        self.update(content, layout=False)
        size = self.content_size
        other = not size or self.get_content_height(size, size, size.width) != size.height
        hidden = not all(node.display for node in self.ancestors_with_self)
        self._due = (self._due or other) and hidden
        if other and not hidden:
            self.refresh(layout=True)

    def on_show(self) -> None:
        if self._due:
            self._due = False
            self.refresh(layout=True)
